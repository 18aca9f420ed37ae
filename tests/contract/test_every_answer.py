"""Answers that many operations share: each operation that declares one gives it, with its code and media type.

`openapi/gateway.json` says which operation declares which answer; the tests of a folder show its own
answers.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.identifiers import Profile
from gateway.operators.model import Role
from gateway.web import build_app
from mock_c06.app import MockRegistry
from tests.contract.every_call import Call, calls_that_answer, every_call
from tests.kit.answers_seen import SEEN
from tests.kit.citizens import sign_in
from tests.kit.clocks import HandClock
from tests.kit.enquiries import store_away
from tests.kit.operators import Person, signed_in
from tests.kit.scene import BASE, Portal, Scene, open_scene, settings_for

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


JSON = {"Content-Type": "application/json"}


SCOPES = ("verify", "prefill", "ledger")


class Broken:
    """A dependency that fails with an unexpected exception."""

    test_data, link = True, None

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def check(answers: dict[str, httpx.Response], status: int, code: str) -> None:
    """Compare each answer with the expected problem."""
    found = {
        name: (answer.status_code, answer.json().get("code"), answer.headers["content-type"])
        for name, answer in answers.items()
    }
    assert found == dict.fromkeys(answers, (status, code, "application/problem+json"))


async def send(
    http: httpx.AsyncClient, call: Call, *, path: str | None = None, **more: Any
) -> httpx.Response:
    """Send a call, with a body if the operation takes one."""
    headers = (JSON if "/v1/" in call.template else FORM) | more.pop("headers", {})
    if call.body is not None and not {"content", "json"} & more.keys():
        more["json"] = call.body
    return await http.request(more.pop("method", call.method), path or call.path(), headers=headers, **more)


def bearer(caller: Portal | Person) -> dict[str, str]:
    token = caller.token if isinstance(caller, Person) else caller.access_token
    return {"Authorization": f"Bearer {token}"}


READING = ("verify", "prefill", "ledger", "audit.read", "reports.read")
"""Scopes for every route of the API."""


@pytest.fixture
async def portal(scene: Scene) -> Portal:
    return await reading_portal(scene)


async def reading_portal(scene: Scene) -> Portal:
    """Return an account for every route of the API, at whose portal a citizen has signed in."""
    made = await scene.portal(scopes=READING)
    return replace(made, id_token=await sign_in(scene.mock))


async def as_portal(portal: Portal | Person, call: Call, **more: Any) -> httpx.Response:
    """Send a call with a token; to a token endpoint, with the account's secret."""
    if "/oauth2/" in call.template and isinstance(portal, Portal) and portal.secret is not None:
        return await send(portal.http, call, auth=(portal.client_id, portal.secret), **more)
    headers = bearer(portal) | more.pop("headers", {})
    if isinstance(portal, Portal) and portal.id_token:
        headers = {"Citizen-Token": portal.id_token} | headers
    return await send(portal.http, call, headers=headers, **more)


@dataclass(frozen=True)
class Operators:
    """An operator who may propose, and one who may resolve discrepancies."""

    proposer: Person
    approver: Person


async def as_caller(call: Call, portal: Portal, operators: Operators, **more: Any) -> httpx.Response:
    """Send a call as a caller who may send it."""
    who = operators.approver if "/discrepancies" in call.template else operators.proposer
    return await as_portal(who if call.of_operators else portal, call, **more)


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    """A gateway whose audit has no row yet: the calls for its checkpoint are only then not found."""
    async with open_scene(settings_for(database_url, mock), mock, clock) as opened:
        yield opened


@pytest.fixture
async def operators(scene: Scene) -> Operators:
    """Two operators who are signed in."""
    return Operators(
        await signed_in(scene, "minh.tran", Role.PROPOSER), await signed_in(scene, "hoa.le", Role.APPROVER)
    )


@pytest.fixture
async def person(scene: Scene) -> Person:
    """An operator who is signed in."""
    return await signed_in(scene, "lan.nguyen", Role.VIEWER)


async def test_a_wrong_method_on_every_path_is_answered_with_the_allowed_ones(scene: Scene) -> None:
    calls = calls_that_answer(405)
    answers = {call.name: await send(scene.http, call, method="PATCH") for call in calls}
    check(answers, 405, "method_not_allowed")
    assert all(call.method in answers[call.name].headers["allow"] for call in calls)


async def test_every_call_with_a_body_over_the_limit_is_refused(scene: Scene) -> None:
    body = b" " * (64 * 1024 + 1)
    answers = {call.name: await send(scene.http, call, content=body) for call in calls_that_answer(413)}
    check(answers, 413, "body_too_large")


async def test_every_call_with_headers_over_the_limit_is_refused(scene: Scene) -> None:
    long = {"X-Long": "x" * 33_000}
    answers = {call.name: await send(scene.http, call, headers=long) for call in calls_that_answer(431)}
    check(answers, 431, "headers_too_large")


async def test_every_call_at_an_unknown_profile_is_not_found(portal: Portal, operators: Operators) -> None:
    answers = {
        call.name: await as_caller(call, portal, operators, path=call.path("nowhere", "nothing"))
        for call in calls_that_answer(404)
    }
    check(answers, 404, "not_found")


async def test_every_call_that_meets_an_unexpected_exception_answers_only_its_id(
    scene: Scene, portal: Portal
) -> None:
    broken: Any = Broken()
    deps = replace(scene.gateway.deps, database=broken)
    places: Any = dict.fromkeys(Profile, broken)
    app = build_app(replace(scene.gateway, deps=deps, places=places))
    calls = calls_that_answer(500)
    with capture_logs() as lines:  # as text the list would contain a traceback with all locals
        async with listening(app) as http:
            answers = {call.name: await send(http, call, headers=bearer(portal)) for call in calls}
    check(answers, 500, "internal")
    assert all("Broken" not in answer.text for answer in answers.values())
    assert [line["event"] for line in lines].count("internal") == len(calls)


async def test_every_call_that_needs_the_store_says_so_while_it_is_unreachable(
    scene: Scene, portal: Portal, operators: Operators
) -> None:
    calls = calls_that_answer(503, "store_unavailable")
    async with store_away(scene):
        answers = {call.name: await as_caller(call, portal, operators) for call in calls}
    check(answers, 503, "store_unavailable")


async def test_every_call_of_the_api_without_a_token_is_refused(scene: Scene) -> None:
    answers = {call.name: await send(scene.http, call) for call in calls_that_answer(401, "token_missing")}
    check(answers, 401, "token_missing")


async def test_every_call_of_the_api_with_a_foreign_token_is_refused(scene: Scene) -> None:
    headers = {"Authorization": "Bearer x.y.z"}
    calls = calls_that_answer(401, "token_invalid")
    check({call.name: await send(scene.http, call, headers=headers) for call in calls}, 401, "token_invalid")


async def test_every_call_of_the_api_with_an_expired_token_is_refused(scene: Scene, portal: Portal) -> None:
    scene.clock.advance(400)
    answers = {call.name: await as_portal(portal, call) for call in calls_that_answer(401, "token_expired")}
    check(answers, 401, "token_expired")


async def test_every_call_of_the_api_with_a_bound_token_needs_a_good_proof(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL, scopes=READING)
    headers = {"Authorization": f"DPoP {portal.access_token}", "DPoP": "x.y.z"}
    answers = {
        call.name: await send(scene.http, call, path=call.path("official"), headers=headers)
        for call in calls_that_answer(401, "dpop_proof_invalid")
    }
    check(answers, 401, "dpop_proof_invalid")


async def test_every_call_of_the_api_with_a_token_of_the_other_profile_is_refused(
    scene: Scene, portal: Portal
) -> None:
    answers = {
        call.name: await as_portal(portal, call, path=call.path("official"))
        for call in calls_that_answer(403, "profile_mismatch")
        # A page of no profile refuses the token of a profile that its server doesn't serve.
        if call.path("official") != call.path("sandbox")
    }
    check(answers, 403, "profile_mismatch")


async def test_every_call_of_a_suspended_account_is_refused_with_its_code(
    scene: Scene, portal: Portal
) -> None:
    await change_state(scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)
    answers = {
        call.name: await as_portal(portal, call) for call in calls_that_answer(403, "account_suspended")
    }
    check(answers, 403, "account_suspended")


async def test_every_call_that_needs_a_scope_is_refused_without_it(scene: Scene) -> None:
    answers = {}
    for call in calls_that_answer(403, "scope_missing"):
        needed = call.operation["security"][0]["oauth2_sandbox"]
        portal = await scene.portal(scopes=[scope for scope in SCOPES if scope not in needed])
        answers[call.name] = await as_portal(portal, call)
    check(answers, 403, "scope_missing")


async def test_every_call_of_the_api_above_the_rate_limit_is_refused(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"rate_per_second": 1})
    calls = [call for call in calls_that_answer(429, "rate_limited") if not call.of_operators]
    answers: dict[str, httpx.Response] = {}
    async with open_scene(settings, mock, clock) as scene:
        for call in calls:
            portal = await reading_portal(scene)
            for _ in range(40):
                answers[call.name] = await as_portal(portal, call)
                if answers[call.name].status_code == 429:
                    break
    check(answers, 429, "rate_limited")


async def test_every_call_that_accepts_no_json_answer_is_refused(
    portal: Portal, operators: Operators
) -> None:
    headers = {"Accept": "text/html"}
    answers = {
        call.name: await as_caller(call, portal, operators, headers=headers)
        for call in calls_that_answer(406)
    }
    check(answers, 406, "not_acceptable")


async def test_every_call_with_a_token_refuses_parameters_that_it_does_not_have(
    portal: Portal, operators: Operators
) -> None:
    taken = {"close_session"}  # who signs out is signed out in any case
    calls = [
        call
        for call in every_call()
        if "/oauth2/" not in call.template and "security" in call.operation and call.name not in taken
    ]
    answers = {
        call.name: await as_caller(call, portal, operators, path=f"{call.path()}?citizen=001090000123")
        for call in calls
    }
    check(answers, 422, "request_invalid")
    assert len(answers) > 30
    for name, answer in answers.items():
        assert "query.0" in {error["field"] for error in answer.json()["errors"]}, name
        assert "001090000123" not in answer.text


async def test_every_call_with_a_body_that_is_not_json_is_refused(
    portal: Portal, operators: Operators
) -> None:
    headers = {"Content-Type": "text/plain"}
    calls = calls_that_answer(415)
    answers = {call.name: await as_caller(call, portal, operators, headers=headers) for call in calls}
    check(answers, 415, "media_type_unsupported")


async def test_every_call_with_malformed_json_is_refused(portal: Portal, operators: Operators) -> None:
    calls = calls_that_answer(400, "json_invalid")
    answers = {call.name: await as_caller(call, portal, operators, content=b"{") for call in calls}
    check(answers, 400, "json_invalid")


async def test_every_call_with_an_unknown_member_is_refused(portal: Portal, operators: Operators) -> None:
    calls = calls_that_answer(422, "request_invalid")
    answers = {
        call.name: await as_caller(call, portal, operators, json={"unknown": 1})
        if call.method != "GET"
        else await as_caller(call, portal, operators, path=f"{call.path()}?unknown=1")
        for call in calls
    }
    check(answers, 422, "request_invalid")


@pytest.fixture
async def hurried(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """The application with a very short time limit for bodies."""
    async with listening(build_app(scene.gateway, body_seconds=0.05)) as http:
        yield http


async def test_every_call_whose_body_does_not_arrive_in_time_is_refused(hurried: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    answers = {call.name: await send(hurried, call, content=never()) for call in calls_that_answer(408)}
    check(answers, 408, "body_slow")


def listening(app: Any) -> httpx.AsyncClient:
    """Return a client of an application that records its answers for the coverage."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, event_hooks={"response": [SEEN.note]}
    )
