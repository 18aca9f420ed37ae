"""What holds for many operations alike: each that declares an answer gives it, with its code, in its media type.

Which answer an operation declares is read in `openapi/gateway.json`; what is its own is shown in its own room.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.operators.model import Role
from gateway.places import Profile
from gateway.web import build_app
from mock_c06.app import MockRegistry
from tests.answers_seen import SEEN
from tests.contract.every_call import FORM, JSON, Call, calls_that_answer
from tests.gateway.idempotency.requests import store_away
from tests.gateway.operators.people import Person, signed_in
from tests.gateway.scene import BASE, HandClock, Portal, Scene, open_scene, settings_for

SCOPES = ("verify", "prefill", "ledger")


class Broken:
    """A part that fails in a way nobody foresaw."""

    test_data, link = True, None

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def check(answers: dict[str, httpx.Response], status: int, code: str) -> None:
    """Hold each answer to the problem that was expected."""
    found = {
        name: (answer.status_code, answer.json().get("code"), answer.headers["content-type"])
        for name, answer in answers.items()
    }
    assert found == dict.fromkeys(answers, (status, code, "application/problem+json"))


async def send(
    http: httpx.AsyncClient, call: Call, *, path: str | None = None, **more: Any
) -> httpx.Response:
    """Send a call, with a body where it takes one."""
    headers = (JSON if "/v1/" in call.template else FORM) | more.pop("headers", {})
    if call.body is not None and not {"content", "json"} & more.keys():
        more["json"] = call.body
    return await http.request(more.pop("method", call.method), path or call.path(), headers=headers, **more)


def bearer(caller: Portal | Person) -> dict[str, str]:
    token = caller.token if isinstance(caller, Person) else caller.access_token
    return {"Authorization": f"Bearer {token}"}


async def as_portal(portal: Portal | Person, call: Call, **more: Any) -> httpx.Response:
    """Send a call with a token, or where tokens come from with the account's secret."""
    if "/oauth2/" in call.template and isinstance(portal, Portal) and portal.secret is not None:
        return await send(portal.http, call, auth=(portal.client_id, portal.secret), **more)
    headers = bearer(portal) | more.pop("headers", {})
    return await send(portal.http, call, headers=headers, **more)


async def as_caller(call: Call, portal: Portal, person: Person, **more: Any) -> httpx.Response:
    """Send a call as who may send such calls."""
    return await as_portal(person if call.of_operators else portal, call, **more)


@pytest.fixture
async def proposer(scene: Scene) -> Person:
    """An operator who may propose."""
    return await signed_in(scene, "minh.tran", Role.PROPOSER)


@pytest.fixture
async def person(scene: Scene) -> Person:
    """An operator who is signed in."""
    return await signed_in(scene, "lan.nguyen", Role.VIEWER)


async def test_every_path_tells_another_method_which_there_are(scene: Scene) -> None:
    calls = calls_that_answer(405)
    answers = {call.name: await send(scene.http, call, method="PATCH") for call in calls}
    check(answers, 405, "method_not_allowed")
    assert all(call.method in answers[call.name].headers["allow"] for call in calls)


async def test_every_call_with_a_body_over_the_bound_is_refused(scene: Scene) -> None:
    body = b" " * (64 * 1024 + 1)
    answers = {call.name: await send(scene.http, call, content=body) for call in calls_that_answer(413)}
    check(answers, 413, "body_too_large")


async def test_every_call_with_headers_over_the_bound_is_refused(scene: Scene) -> None:
    long = {"X-Long": "x" * 33_000}
    answers = {call.name: await send(scene.http, call, headers=long) for call in calls_that_answer(431)}
    check(answers, 431, "headers_too_large")


async def test_every_call_at_a_place_that_is_none_is_not_found(portal: Portal, proposer: Person) -> None:
    answers = {
        call.name: await as_caller(call, portal, proposer, path=call.path("nowhere", "nothing"))
        for call in calls_that_answer(404)
    }
    check(answers, 404, "not_found")


async def test_every_call_that_meets_the_unforeseen_tells_only_its_id(scene: Scene, portal: Portal) -> None:
    broken: Any = Broken()
    parts = replace(scene.gateway.parts, database=broken)
    places: Any = dict.fromkeys(Profile, broken)
    app = build_app(replace(scene.gateway, parts=parts, places=places))
    calls = calls_that_answer(500)
    with capture_logs() as lines:  # as text they would hold a traceback with every local
        async with listening(app) as http:
            answers = {call.name: await send(http, call, headers=bearer(portal)) for call in calls}
    check(answers, 500, "internal")
    assert all("Broken" not in answer.text for answer in answers.values())
    assert [line["event"] for line in lines].count("internal") == len(calls)


async def test_every_call_that_needs_the_store_says_overloaded_while_it_is_gone(
    scene: Scene, portal: Portal, proposer: Person
) -> None:
    calls = calls_that_answer(503, "overloaded")
    async with store_away(scene):
        answers = {call.name: await as_caller(call, portal, proposer) for call in calls}
    check(answers, 503, "overloaded")


async def test_every_call_of_the_api_without_a_token_is_told_so(scene: Scene) -> None:
    answers = {call.name: await send(scene.http, call) for call in calls_that_answer(401, "token_missing")}
    check(answers, 401, "token_missing")


async def test_every_call_of_the_api_with_a_foreign_token_is_refused(scene: Scene) -> None:
    headers = {"Authorization": "Bearer x.y.z"}
    calls = calls_that_answer(401, "token_invalid")
    check({call.name: await send(scene.http, call, headers=headers) for call in calls}, 401, "token_invalid")


async def test_every_call_of_the_api_with_an_expired_token_is_told_so(scene: Scene, portal: Portal) -> None:
    scene.clock.advance(400)
    answers = {call.name: await as_portal(portal, call) for call in calls_that_answer(401, "token_expired")}
    check(answers, 401, "token_expired")


async def test_every_call_of_the_api_with_a_bound_token_needs_a_good_proof(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL)
    headers = {"Authorization": f"DPoP {portal.access_token}", "DPoP": "x.y.z"}
    answers = {
        call.name: await send(scene.http, call, path=call.path("official"), headers=headers)
        for call in calls_that_answer(401, "dpop_proof_invalid")
    }
    check(answers, 401, "dpop_proof_invalid")


async def test_every_call_of_the_api_at_the_other_place_is_refused(scene: Scene, portal: Portal) -> None:
    answers = {
        call.name: await as_portal(portal, call, path=call.path("official"))
        for call in calls_that_answer(403, "profile_mismatch")
    }
    check(answers, 403, "profile_mismatch")


async def test_every_call_of_a_suspended_account_is_told_so(scene: Scene, portal: Portal) -> None:
    await change_state(scene.gateway.parts, portal.client_id, AccountState.SUSPENDED)
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


async def test_every_call_of_the_api_above_the_rate_is_told_to_wait(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"rate_per_second": 1})
    calls = [call for call in calls_that_answer(429, "rate_limited") if not call.of_operators]
    answers: dict[str, httpx.Response] = {}
    async with open_scene(settings, mock, clock) as scene:
        for call in calls:
            portal = await scene.portal()
            for _ in range(40):
                answers[call.name] = await as_portal(portal, call)
                if answers[call.name].status_code == 429:
                    break
    check(answers, 429, "rate_limited")


async def test_every_call_whose_caller_takes_no_json_is_refused(portal: Portal, person: Person) -> None:
    headers = {"Accept": "text/html"}
    answers = {
        call.name: await as_caller(call, portal, person, headers=headers) for call in calls_that_answer(406)
    }
    check(answers, 406, "not_acceptable")


async def test_every_call_with_a_body_that_is_not_json_is_refused(portal: Portal, proposer: Person) -> None:
    headers = {"Content-Type": "text/plain"}
    calls = calls_that_answer(415)
    answers = {call.name: await as_caller(call, portal, proposer, headers=headers) for call in calls}
    check(answers, 415, "media_type_unsupported")


async def test_every_call_with_malformed_json_is_refused(portal: Portal, proposer: Person) -> None:
    calls = calls_that_answer(400, "json_invalid")
    answers = {call.name: await as_caller(call, portal, proposer, content=b"{") for call in calls}
    check(answers, 400, "json_invalid")


async def test_every_call_with_an_unknown_member_is_refused(portal: Portal, proposer: Person) -> None:
    calls = calls_that_answer(422, "request_invalid")
    answers = {call.name: await as_caller(call, portal, proposer, json={"unknown": 1}) for call in calls}
    check(answers, 422, "request_invalid")


@pytest.fixture
async def hurried(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """The application with no patience for bodies."""
    async with listening(build_app(scene.gateway, body_seconds=0.05)) as http:
        yield http


async def test_every_call_whose_body_does_not_come_is_given_up(hurried: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    answers = {call.name: await send(hurried, call, content=never()) for call in calls_that_answer(408)}
    check(answers, 408, "body_slow")


def listening(app: Any) -> httpx.AsyncClient:
    """Return a client of an application, whose answers count as seen."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, event_hooks={"response": [SEEN.note]}
    )
