"""`rate_limited`: an account that calls too fast is refused after `scope_missing` and before its request is read."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from mock_c06.app import MockRegistry
from tests.kit.clocks import CounterClock
from tests.kit.scene import Portal, Scene, enquiry, open_scene, settings_for

RATE, BURST = 2, 8


@pytest.fixture
def still() -> CounterClock:
    return CounterClock()


@pytest.fixture
async def hurried(database_url: str, mock: MockRegistry, still: CounterClock) -> AsyncIterator[Scene]:
    """A gateway whose accounts on sandbox have few calls."""
    settings = settings_for(database_url, mock, sandbox={"rate_per_second": RATE})
    async with open_scene(settings, mock, still) as scene:
        yield scene


@pytest.fixture
async def spent(hurried: Scene) -> Portal:
    """An account that has no call left."""
    return await spend_all(await hurried.portal())


async def spend_all(portal: Portal) -> Portal:
    answers = await asyncio.gather(*(portal.call("GET", "/procedures") for _ in range(BURST)))
    assert {answer.status_code for answer in answers} == {200}
    return portal


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_calls_above_the_size_of_the_bucket_are_refused_with_retry_after(spent: Portal) -> None:
    answer = await spent.verify()

    assert outcome(answer) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["title_vi"] == "Quá nhiều yêu cầu"


async def test_the_citizens_login_is_judged_before_the_rate_limit(spent: Portal) -> None:
    missing = await spent.call("POST", "/ledger/mine")
    invalid = await spent.call("POST", "/ledger/mine", **{"Citizen-Token": "x.y.z"})

    assert outcome(missing) == (401, "citizen_token_missing")
    assert outcome(invalid) == (401, "citizen_token_invalid")


async def test_each_second_gives_back_as_many_calls_as_the_rate(spent: Portal, still: CounterClock) -> None:
    still.counter += 1
    answers = [await spent.call("GET", "/me") for _ in range(RATE + 1)]

    assert [answer.status_code for answer in answers] == [200] * RATE + [429]


async def test_rate_limited_comes_before_a_wrong_media_type(spent: Portal) -> None:
    answer = await spent.call("POST", "/verifications", b"x", **{"Content-Type": "text/plain"})

    assert outcome(answer) == (429, "rate_limited")


async def test_rate_limited_comes_before_an_answer_that_is_not_acceptable(spent: Portal) -> None:
    assert outcome(await spent.call("GET", "/verifications/x", Accept="text/html")) == (429, "rate_limited")


async def test_rate_limited_comes_before_malformed_json(spent: Portal) -> None:
    assert outcome(await spent.call("POST", "/verifications", b"{")) == (429, "rate_limited")


async def test_a_missing_scope_comes_before_rate_limited(hurried: Scene) -> None:
    portal = await spend_all(await hurried.portal(scopes=["ledger"]))

    assert outcome(await portal.verify()) == (403, "scope_missing")


async def test_a_suspended_account_comes_before_rate_limited(hurried: Scene, spent: Portal) -> None:
    await change_state(hurried.gateway.deps, spent.client_id, AccountState.SUSPENDED)

    assert outcome(await spent.verify()) == (403, "account_suspended")


async def test_the_calls_of_one_fast_account_leave_the_others_their_calls(
    hurried: Scene, spent: Portal
) -> None:
    other = await hurried.portal()

    assert (await other.verify()).status_code == 201
    assert outcome(await spent.verify()) == (429, "rate_limited")


async def test_a_refusal_by_rate_asks_nothing_and_writes_no_audit_row(hurried: Scene, spent: Portal) -> None:
    before = len(await hurried.audit())
    for _ in range(20):
        await spent.call("POST", "/verifications", enquiry())

    assert len(await hurried.audit()) == before
    assert await hurried.journal() == []


async def test_five_hundred_calls_at_once_are_within_the_default_of_both_profiles(
    scene: Scene, portal: Portal
) -> None:
    policies = [place.policy.rate_per_second for place in scene.gateway.places.values()]
    assert policies == [500, 500]

    answers = await asyncio.gather(*(portal.call("GET", "/procedures") for _ in range(500)))
    assert {answer.status_code for answer in answers} == {200}
