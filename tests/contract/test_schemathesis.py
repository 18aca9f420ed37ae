"""Generated calls of every operation in the document: no answer that it does not declare, no server error.

Deterministic and bounded. Calls follow `openapi/gateway.json` for sandbox. The registry behind is the mock
without faults, so no 5xx occurs.

The document gives the form of a procedure's name, not the list of names. `steer` gives known names to a
part of the bodies, so that generated requests pass the checks and reach the registry.
"""

import asyncio
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx
import pytest
import requests  # noqa: TID251 - what schemathesis calls through; nothing of ours does
import requests.adapters  # noqa: TID251 - as above
import schemathesis
import urllib3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case, Response
from schemathesis.core.control import SkipTest
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.hypothesis.reporting import ignore_hypothesis_output
from schemathesis.pytest.lazy import get_all_tests

from gateway.settings import Settings
from mock_c06.app import MockRegistry, build_mock
from mock_c06.settings import Settings as MockSettings
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE, Portal, Scene, open_scene, settings_for
from tests.kit.source import ROOT
from tests.kit.stores import BOTH, fresh_store

Result = TypeVar("Result")


SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger")


class Stage:
    """An open scene with one portal logged in, and a session that calls as that portal."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scene: Scene) -> None:
        self._loop = loop
        self.scene = scene
        self.statuses: Counter[int] = Counter()
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount(BASE, _InProcess(self))

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the scene's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def log_in(self) -> Portal:
        """Make an account with every grant, and set its token on the session."""
        portal = self.wait(self.scene.portal(scopes=SCOPES, log_in=False))
        self.wait(portal.log_in(scope=" ".join(SCOPES)))  # sensitive fields must be granted by name
        self.session.headers["Authorization"] = f"Bearer {portal.access_token}"
        return portal


class _InProcess(requests.adapters.BaseAdapter):
    """Sends a prepared request to the application of a stage."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Return the application's answer."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert body is None or isinstance(body, bytes)
        wanted = {**request.headers, "Accept-Encoding": "identity"}  # httpx and requests would both decode
        headers = [(name, str(value)) for name, value in wanted.items()]
        sent = httpx.Request(str(request.method), str(request.url), headers=headers, content=body)
        answer = self._stage.wait(self._stage.scene.http.send(sent))
        self._stage.statuses[answer.status_code] += 1
        response = requests.Response()
        response.status_code = answer.status_code
        response.reason = answer.reason_phrase
        response.headers.update(answer.headers)
        response.raw = urllib3.HTTPResponse(
            body=io.BytesIO(answer.content),
            headers=answer.headers,
            status=answer.status_code,
            version=11,
            preload_content=False,
        )
        response.url, response.request = str(request.url), request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


@contextmanager
def open_stage(settings: Settings, mock: MockRegistry, clock: HandClock) -> Iterator[Stage]:
    """Open the scene in a loop of its own while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opening = open_scene(settings, mock, clock)
    try:
        scene = asyncio.run_coroutine_threadsafe(opening.__aenter__(), loop).result(timeout=60)
        stage = Stage(loop, scene)
        try:
            yield stage
        finally:
            stage.wait(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


ACTS = (
    ("khai-sinh", "requester", ("full_name", "birth_date", "child_full_name")),
    ("khai-sinh", "father", ("full_name", "ethnicity", "current_residence")),
    ("khai-tu", "deceased", ("full_name", "permanent_residence")),
    ("ket-hon", "husband", ("marital_status", "full_name", "citizen_id")),
    ("dang-ky-thuong-tru", "requester", ("full_name", "gender", "nationality")),
)
PEOPLE: tuple[dict[str, Any], ...] = (
    {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"},
    {"citizen_id": "001090000123", "full_name": "NGUYEN VAN AN", "birth_year": 1990},
    {"citizen_id": "001090000123", "full_name": "Nguyễn Văn Sai", "birth_date": "1990-01-31"},
)

FOREIGN = ("client_id", "client_assertion", "client_assertion_type", "resource", "authorization_details")
"""Members of OAuth forms that a client with a secret must get exactly right or leave out."""


def steer(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return bodies of the strategy, most with known names, more than half of those with a known person."""
    return st.builds(
        _with_words, strategy, st.sampled_from([None, *ACTS]), st.sampled_from([None, None, *PEOPLE])
    )


def steer_surely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return bodies of the strategy, all with known names and the person whom they name."""
    return st.builds(_with_words, strategy, st.sampled_from(ACTS), st.sampled_from(PEOPLE[:2]))


def _with_words(body: Any, act: tuple[str, str, tuple[str, ...]] | None, person: Any) -> Any:
    if not isinstance(body, dict) or act is None:
        return body
    procedure, role, fields = act
    words: dict[str, Any] = {"procedure": procedure, "subject_role": role, "fields": list(fields)}
    steered = {name: words.get(name, value) for name, value in body.items()}
    if isinstance(steered.get("prefill"), dict):
        steered["prefill"] = {"fields": list(fields)}
    if "claim" in steered and person is not None:
        steered["claim"] = person
    initiated_by = steered.get("initiated_by")
    if isinstance(initiated_by, dict) and "id" in initiated_by:
        steered["initiated_by"] = {"kind": "officer", "id": "can.bo.01"}
    return steered


def steer_form(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return OAuth forms of the strategy as a client with a secret fills them; two of three with existing scopes."""
    return st.builds(_with_scope, strategy, st.sampled_from([None, "verify", "verify prefill"]))


def _with_scope(form: Any, scope: str | None) -> Any:
    if not isinstance(form, dict):
        return form
    kept = {name: value for name, value in form.items() if name not in FOREIGN}
    return kept | {"scope": scope} if scope and "scope" in kept else kept


Check = Callable[[Case[Any], Stage], None]

EXAMPLES, SCENARIOS, STEPS = 5, 8, 6
CHECKS = {
    "positive_data_acceptance": {"enabled": False},  # a name can be well-formed and unknown: 422
    "ignored_auth": {"enabled": False},  # calls without the session's token; test_every_answer.py covers them
}
WALKS = {
    "filling a form": {
        "verify_citizen": 201,
        "prefill_form": 200,
        "file_discrepancy": 201,
    },
    "ending a verification": {
        "verify_citizen": 201,
        "get_verification": 200,
        "revoke_verification": 200,
    },
    "holding a receipt": {
        "verify_citizen": 201,
        "check_receipt": 200,
        "show_ledger": 200,
    },
}
"""Operations to walk between, and the status that each must have answered with."""


def load(mode: str) -> Any:
    """Return the document of sandbox, for generating valid (`positive`) or invalid (`negative`) calls."""
    generation = {"mode": mode, "max-examples": EXAMPLES, "deterministic": True, "database": "none"}
    members = {
        "seed": 6,
        "base-url": BASE,
        "suppress-health-check": ["all"],
        "generation": generation | {"with-security-parameters": False},
        "parameters": {"path.profile": "sandbox"},
        "checks": CHECKS,
    }
    document = json.loads((ROOT / "openapi" / "gateway.json").read_text(encoding="utf-8"))
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "profile":
                    parameter["schema"]["enum"] = ["sandbox"]
    return schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(members))


valid, invalid = load("positive"), load("negative")
proven = load("positive")


UNKNOWN_HEADER = "x-schemathesis-unknown-property"
"""HTTP lets a caller send any further header."""

invalid.hook("filter_case")(
    lambda context, case: UNKNOWN_HEADER not in {name.lower() for name in case.headers or ()}
)
valid.hook("before_generate_body")(lambda context, strategy: steer(strategy))
proven.hook("before_generate_body")(lambda context, strategy: steer_form(strategy))


def calls_of(document: Any, *, of: str = "") -> Callable[[Check], Callable[..., None]]:
    """Run a test for each operation (`of`: whose name has this part), with generated calls as its `case`.

    They are generated as the test begins: `document.parametrize` generates all at collection, which each worker does.
    """
    paths = document.raw_schema["paths"].items()
    labels = [f"{method.upper()} {path}" for path, operations in paths for method in operations]

    def decorate(check: Check) -> Callable[..., None]:
        @pytest.mark.parametrize("operation", [label for label in labels if of in label])
        def test(operation: str, stage: Stage) -> None:
            one = document.include(name=operation)
            (generated,) = get_all_tests(
                schema=one, test_func=lambda case: check(case, stage), settings=None, given_kwargs=None
            )
            assert isinstance(generated, Ok)
            # Of an operation without input no other invalid call can be generated than those already made.
            with ignore_hypothesis_output(), suppress(SkipTest):
                generated.ok()[1]()

        test.__name__ = check.__name__
        return test

    return decorate


@pytest.fixture(scope="module", params=BOTH)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One scene per database for all of the calls: they read no state but their own."""
    clock = HandClock()
    mock = build_mock(
        MockSettings.model_validate({"control_token": "control-token-of-this-test"}), clock=clock
    )
    store = fresh_store(request, request.param, tmp_path_factory.mktemp("store"))
    with open_stage(settings_for(store, mock), mock, clock) as found:
        yield found


@pytest.fixture
def stage(opened: Stage) -> Stage:
    """The scene with a new portal for this test: a token is valid for five minutes."""
    opened.log_in()
    return opened


@pytest.fixture
def client(stage: Stage) -> Iterator[Stage]:
    """The portal as a client of the OAuth endpoints: with its secret and at least one granted call."""
    portal = stage.log_in()
    del stage.session.headers["Authorization"]
    stage.session.auth = (portal.client_id, portal.secret or "")
    before = stage.statuses[200]
    yield stage
    stage.session.auth = None
    assert stage.statuses[200] > before


@calls_of(valid)
def test_every_answer_to_a_valid_call_is_one_that_the_document_declares(
    case: Case[Any], stage: Stage
) -> None:
    case.call_and_validate(session=stage.session)


@calls_of(invalid)
def test_every_answer_to_an_invalid_call_is_a_declared_refusal(case: Case[Any], stage: Stage) -> None:
    case.call_and_validate(session=stage.session)


@pytest.mark.usefixtures("client")
@calls_of(proven, of="/oauth2/")
def test_every_answer_to_an_authenticated_client_is_one_that_the_document_declares(
    case: Case[Any], stage: Stage
) -> None:
    case.call_and_validate(session=stage.session)


@pytest.mark.parametrize("reached", WALKS.values(), ids=WALKS)
def test_generated_sequences_along_the_links_reach_their_ends(stage: Stage, reached: dict[str, int]) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    linked = load("positive").include(operation_id=list(reached))
    linked.hook("before_generate_body")(lambda context, strategy: steer_surely(strategy))

    class Walk(linked.as_state_machine()):  # type: ignore[misc]  # made from the document
        def setup(self) -> None:
            """Start with a new account: rows of an earlier sequence would change the answers to the same steps."""
            super().setup()
            stage.log_in()

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"session": stage.session}

        def after_call(self, response: Response, case: Case[Any]) -> None:
            super().after_call(response, case)
            seen[case.operation.definition.raw["operationId"], response.status_code] += 1

    Walk.run(
        settings=settings(
            max_examples=SCENARIOS,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
    )
    assert reached.items() <= seen.keys()


@pytest.mark.parametrize("change", [{"more": 1}, {"client_id": 7}, {"state": "asleep"}])
def test_an_answer_that_the_document_does_not_declare_is_reported(
    stage: Stage, change: dict[str, Any]
) -> None:
    case = valid["/{profile}/v1/me"]["GET"].Case(path_parameters={"profile": "sandbox"})
    response = case.call(session=stage.session)
    case.validate_response(response)
    changed = Response(
        status_code=200,
        headers=response.headers,
        content=json.dumps(response.json() | change).encode(),
        request=response.request,
        elapsed=response.elapsed,
        verify=True,
    )

    with pytest.raises(FailureGroup):
        case.validate_response(changed)
