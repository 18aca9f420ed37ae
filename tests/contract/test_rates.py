"""`rate_limited`: an account that calls too fast is refused after `scope_missing` and before its request is read."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.audit.log import WAITING
from gateway.edge.throttle import AT_ONCE
from gateway.oauth.use_cases import SECRET_CALLS
from mock_c06.app import MockRegistry
from tests.kit.audit import Held
from tests.kit.clocks import CounterClock
from tests.kit.scene import Portal, Scene, enquiry, open_scene, outcome, settings_for

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


async def test_calls_above_the_size_of_the_bucket_are_refused_with_retry_after(spent: Portal) -> None:
    answer = await spent.verify()

    assert outcome(answer) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["title_vi"] == "Quá nhiều yêu cầu"
    assert "Wrong: the account calls faster than its rate" in answer.json()["detail"]
    assert "nêu trong RateLimit-Policy" in answer.json()["detail_vi"]


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


@pytest.mark.parametrize(("with_key", "burst"), [(False, SECRET_CALLS * BURST), (True, BURST)])
async def test_token_requests_with_a_right_proof_have_a_rate_of_their_own(
    hurried: Scene, *, with_key: bool, burst: int
) -> None:
    portal = await hurried.portal(key=ECKey.generate_key("P-256") if with_key else None, log_in=False)
    answers = [await portal.ask_token() for _ in range(burst + 1)]

    assert [answer.status_code for answer in answers] == [200] * burst + [429]
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert answers[-1].headers["retry-after"] == "1"


async def test_threat_51_the_calls_of_one_account_at_once_leave_the_others_a_place_in_the_queue(
    scene: Scene, portal: Portal
) -> None:
    """Each call under way has at most one record in the audit's queue, which would be full for everybody."""
    other = await scene.portal()
    held = Held(scene.gateway.deps.audit)
    await held.reached()
    flood = [asyncio.create_task(portal.verify()) for _ in range(AT_ONCE)]
    refused = await portal.call("GET", "/procedures")
    for _ in range(100):  # with the flood, far fewer calls than the bucket has
        if refused.status_code != 200:
            break
        await asyncio.sleep(0.01)
        refused = await portal.call("GET", "/procedures")
    others = await other.call("GET", "/procedures")
    await held.release()
    answers = await asyncio.gather(*flood)

    assert outcome(refused) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "1"
    assert f"Wrong: {AT_ONCE} calls of the account are under way" in refused.json()["detail"]
    assert f"đang có {AT_ONCE} cuộc gọi" in refused.json()["detail_vi"]
    assert others.status_code == 200
    assert {answer.status_code for answer in answers} == {200, 201}
    assert (await portal.call("GET", "/procedures")).status_code == 200
    assert AT_ONCE <= WAITING // 2
