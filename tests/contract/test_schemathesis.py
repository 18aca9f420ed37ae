"""Generated calls of every operation in the document: no answer that it doesn't declare, no server error.

Deterministic and bounded. What is generated is what `openapi/gateway.json` says, at sandbox; `steering.py` gives
a part of it words that mean something. The registry behind is the mock, well-behaved, so that no 5xx comes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, Response
from schemathesis.core.failures import FailureGroup

from mock_c06.app import build_mock
from mock_c06.settings import Settings as MockSettings
from tests.contract.in_process import Stage, open_stage
from tests.contract.steering import steer, steer_form, steer_surely
from tests.gateway.conftest import BOTH, fresh_store
from tests.gateway.scene import BASE, HandClock, settings_for
from tests.shape.source import ROOT

Test = TypeVar("Test", bound=Callable[..., None])

EXAMPLES, SCENARIOS, STEPS = 20, 20, 6
CHECKS = {
    "positive_data_acceptance": {"enabled": False},  # a word can be well-formed and mean nothing: 422
    "ignored_auth": {"enabled": False},  # calls past our session; test_every_answer.py asks without a token
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
proven = load("positive").include(path_regex="/oauth2/")


valid.hook("before_generate_body")(lambda context, strategy: steer(strategy))
proven.hook("before_generate_body")(lambda context, strategy: steer_form(strategy))


def calls_of(document: Any) -> Callable[[Test], Test]:
    """Run a test for each operation, with generated calls as its `case`."""
    decorate: Callable[[Test], Test] = document.parametrize()
    return decorate


@pytest.fixture(scope="module", params=BOTH)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One scene a database for all of the calls: they look at no state but their own."""
    clock = HandClock()
    mock = build_mock(
        MockSettings.model_validate({"control_token": "control-token-of-this-test"}), clock=clock
    )
    store = fresh_store(request, request.param, tmp_path_factory.mktemp("store"))
    with open_stage(settings_for(store, mock), mock, clock) as found:
        yield found


@pytest.fixture
def stage(opened: Stage) -> Stage:
    """The scene with a portal of this test's own: a token lives five minutes."""
    opened.log_in()
    return opened


@pytest.fixture
def client(stage: Stage) -> Iterator[Stage]:
    """The portal as the OAuth endpoints meet it: with its secret, and at least one call that it was granted."""
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
def test_every_invalid_call_is_refused_as_the_document_declares(case: Case[Any], stage: Stage) -> None:
    case.call_and_validate(session=stage.session)


@calls_of(proven)
def test_a_proven_client_is_answered_as_the_document_declares(case: Case[Any], client: Stage) -> None:
    case.call_and_validate(session=client.session)


@pytest.mark.parametrize("reached", WALKS.values(), ids=WALKS)
def test_generated_walks_along_the_links_reach_their_ends(stage: Stage, reached: dict[str, int]) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    linked = load("positive").include(operation_id=list(reached))
    linked.hook("before_generate_body")(lambda context, strategy: steer_surely(strategy))

    class Walk(linked.as_state_machine()):  # type: ignore[misc]  # made from the document
        def setup(self) -> None:
            """Begin as an account of its own: what the walk before left would make the same steps end elsewhere."""
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
def test_an_answer_that_the_document_does_not_declare_is_found(stage: Stage, change: dict[str, Any]) -> None:
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
