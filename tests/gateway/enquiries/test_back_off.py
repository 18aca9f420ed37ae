"""Threat 58: a spent budget of wrong claims lets one further claim through after each wait, so that guesses lock nobody out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enquiries.budgets import BACK_OFF, next_claim_at
from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.people import joined, misnamed, spent
from tests.kit.citizens import sign_in
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, another_worker, enquiry, open_scene, settings_for

LIMIT, OTHER_LIMIT = 3, 8
AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
START = datetime(2022, 4, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_account_hour": OTHER_LIMIT, "budget_subject_day": LIMIT}
    async with open_scene(settings_for(database_url, mock, sandbox=policy), mock, clock) as opened:
        yield opened


async def spend(portal: Portal, claim: dict[str, Any] = AN, *, count: int = LIMIT) -> None:
    for number in range(count):
        assert (await portal.verify(claim=misnamed(claim, number))).json()["verdict"] == "not_confirmed"


def wait_of(answer: httpx.Response, budget: str = "subject_day") -> int:
    assert spent(answer) == budget
    return int(answer.headers["retry-after"])


async def pass_time(scene: Scene, portal: Portal, seconds: int) -> None:
    scene.clock.advance(seconds)
    await portal.log_in()


async def own_login(scene: Scene, person: str = "nguyen-van-an") -> dict[str, Any]:
    return {"Citizen-Token": await sign_in(scene.mock, person)}


def greedy_probes(limit: int, window: timedelta, *, until: timedelta) -> list[datetime]:
    """Return when a prober's claims are let through, who makes each as soon as the budget allows it."""
    made, now = list[datetime](), START
    while now < START + until:
        counted = [at for at in made if at > now - window]
        allowed = next_claim_at(counted, limit, window)
        if allowed is None or allowed <= now:
            made.append(now)
        else:
            now = allowed
    return made


def most_within(made: list[datetime], window: timedelta) -> int:
    return max(sum(first <= at < first + window for at in made) for first in made)


def test_threat_58_a_prober_gets_at_most_28_further_claims_a_day_about_one_person() -> None:
    for limit in (5, 50):
        assert most_within(greedy_probes(limit, DAY, until=4 * DAY), DAY) == limit + 28


def test_threat_58_a_prober_gets_at_most_5_further_claims_an_hour_of_one_account() -> None:
    for limit in (30, 360):
        assert most_within(greedy_probes(limit, HOUR, until=6 * HOUR), HOUR) == limit + 5


@given(
    limit=st.integers(1, 6),
    ages=st.lists(st.integers(0, 3600 * 1_000_000 - 1), min_size=1, max_size=14),
    later=st.integers(0, 7200 * 1_000_000),
)
def test_threat_58_the_promised_time_is_the_first_that_is_allowed_and_it_stays_allowed(
    limit: int, ages: list[int], later: int
) -> None:
    now = START
    made = sorted(now - timedelta(microseconds=age) for age in ages)

    def allowed_at(instant: datetime) -> bool:
        """Return whether the rule of the contract lets a claim through, told without the promise."""
        counted = [at for at in made if at > instant - HOUR]
        further = len(counted) - limit
        return further < 0 or instant >= counted[-1] + BACK_OFF[min(further, 6)]

    promised = next_claim_at(made, limit, HOUR)
    instant = now + timedelta(microseconds=later)
    assert allowed_at(instant) == (promised is None or instant >= promised)
    if promised is not None and promised > now:
        assert allowed_at(promised)
        assert not allowed_at(promised - timedelta(microseconds=1))


async def test_threat_58_each_wait_lets_one_claim_through_and_doubles_up_to_an_hour(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    asked = LIMIT

    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        wait = wait_of(await portal.verify(claim=misnamed(AN, asked)))
        assert wait in {60 * minutes, 60 * minutes - 1}
        await pass_time(scene, portal, wait - 3)
        assert wait_of(await portal.verify(claim=misnamed(AN, asked))) <= 3
        await pass_time(scene, portal, 3)
        assert (await portal.verify(claim=misnamed(AN, asked))).status_code == 201
        asked += 1

    assert len(await scene.journal()) == asked


async def test_threat_58_with_one_further_claim_allowed_two_workers_let_one_through(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    asked = LIMIT
    async with another_worker(scene) as http:
        for _ in range(4):
            wait = wait_of(await portal.verify(claim=misnamed(AN, asked)))
            await pass_time(scene, portal, wait)
            workers = (portal, replace(portal, http=http))
            claims = [misnamed(AN, asked + number) for number in range(4)]
            answers = await asyncio.gather(
                *(workers[number % 2].verify(claim=claim) for number, claim in enumerate(claims))
            )
            assert Counter(answer.status_code for answer in answers) == {201: 1, 429: 3}
            asked += 4

    assert len(await scene.journal()) == LIMIT + 4


async def test_threat_58_with_one_further_claim_allowed_both_numbers_of_a_citizen_let_one_through(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    await spend(portal)
    neighbour = await scene.portal()
    async with another_worker(scene) as http:
        stranger = replace(neighbour, http=http)
        for turn in range(3):
            await pass_time(scene, portal, wait_of(await portal.verify(claim=misnamed(AN, 9))))
            await stranger.log_in()
            answers = await asyncio.gather(
                portal.verify(claim=misnamed(AN, 10 + turn)),
                stranger.verify(claim=misnamed(AN_BY_CARD, 20 + turn)),
            )
            assert Counter(answer.status_code for answer in answers) == {201: 1, 429: 1}


async def test_threat_58_an_owner_is_confirmed_after_the_wait_and_costs_the_next_claim_none(
    scene: Scene,
) -> None:
    portal = await scene.portal(Profile.OFFICIAL)
    await spend(portal, count=5)
    wait = wait_of(await portal.verify())
    assert wait <= 60

    await pass_time(scene, portal, wait)

    assert (await portal.verify()).json()["verdict"] == "confirmed"
    assert (await portal.verify(dossier="ANOTHER")).json()["verdict"] == "confirmed"


async def test_threat_58_strangers_on_a_portal_delay_the_others_by_a_minute_not_an_hour(
    scene: Scene, portal: Portal
) -> None:
    for number in range(OTHER_LIMIT):
        await portal.verify(claim=AN | {"citizen_id": f"001090{number:06d}", "full_name": "Người Lạ"})
    wait = wait_of(await portal.verify(), "account_hour")
    assert wait <= 60

    await pass_time(scene, portal, wait)

    assert (await portal.verify()).json()["verdict"] == "confirmed"


async def test_threat_58_an_identical_retry_of_a_wrong_claim_delays_nobody(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    await pass_time(scene, portal, 58)
    await spend(portal)
    await pass_time(scene, portal, 2)

    assert (await portal.verify()).json()["verdict"] == "confirmed"


async def test_threat_58_retries_each_hour_do_not_keep_a_wrong_claim_in_the_accounts_budget(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    for _ in range(2):
        await pass_time(scene, portal, 3000)
        await spend(portal)

    assert (await portal.call("GET", "/me")).json()["budgets"]["account_hour"]["used"] == 0


async def test_threat_58_while_a_further_claim_is_under_way_the_others_wait_for_its_worst_answer(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    await pass_time(scene, portal, 61)
    await scene.fault("latency", delay_ms=1500, times=1)
    slow = asyncio.create_task(portal.verify(claim=misnamed(AN, 4)))
    await asyncio.sleep(0.5)

    wait = wait_of(await portal.verify(claim=misnamed(AN, 5)))
    assert (await slow).json()["verdict"] == "not_confirmed"

    assert wait_of(await portal.verify(claim=misnamed(AN, 5))) <= wait
    await pass_time(scene, portal, wait)
    assert (await portal.verify(claim=misnamed(AN, 5))).status_code == 201


async def test_the_refusal_names_the_budget_with_the_longer_wait(scene: Scene, portal: Portal) -> None:
    for number in range(OTHER_LIMIT):
        await portal.verify(claim=AN | {"citizen_id": f"001090{number:06d}", "full_name": "Người Lạ"})
    neighbour = await scene.portal()
    await spend(neighbour)
    await pass_time(scene, neighbour, 61)
    assert (await neighbour.verify(claim=misnamed(AN, 4))).status_code == 201
    await portal.log_in()

    assert 60 < wait_of(await portal.verify(), "subject_day") <= 120


async def test_threat_58_a_citizen_who_has_signed_in_is_not_locked_out_by_strangers(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    for number in range(OTHER_LIMIT):
        await portal.verify(claim=AN | {"citizen_id": f"001090{number:06d}", "full_name": "Người Lạ"})
    assert spent(await portal.verify()) is not None

    answer = await portal.call("POST", "/verifications", enquiry(), **await own_login(scene))

    assert answer.json()["verdict"] == "confirmed"


async def test_threat_58_wrong_claims_of_a_signed_in_citizen_count_only_in_a_budget_of_their_own(
    scene: Scene, portal: Portal
) -> None:
    signed_in = await own_login(scene)
    for number in range(LIMIT):
        body = enquiry(claim=misnamed(AN, number))
        answer = await portal.call("POST", "/verifications", body, **signed_in)
        assert answer.json()["verdict"] == "not_confirmed"

    refused = await portal.call("POST", "/verifications", enquiry(claim=misnamed(AN, LIMIT)), **signed_in)

    assert wait_of(refused, "own_login_day") <= 60
    assert (await portal.call("GET", "/me")).json()["budgets"]["account_hour"]["used"] == 0
    await spend(portal)
    assert spent(await portal.verify(claim=misnamed(AN, LIMIT))) == "subject_day"


async def test_threat_58_the_login_of_another_person_does_not_open_a_spent_budget(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)

    stranger = await own_login(scene, "nguyen-van-binh")
    answer = await portal.call("POST", "/verifications", enquiry(), **stranger)
    forged = await portal.call("POST", "/verifications", enquiry(), **{"Citizen-Token": "x.y.z"})

    assert spent(answer) == "subject_day"
    assert (forged.status_code, forged.json()["code"]) == (401, "citizen_token_invalid")


async def test_threat_58_a_claim_by_nine_digits_counts_as_a_strangers_also_with_the_persons_own_login(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal, AN_BY_CARD)

    signed_in = await own_login(scene)
    answer = await portal.call("POST", "/verifications", enquiry(claim=AN_BY_CARD), **signed_in)
    by_twelve_digits = await portal.call("POST", "/verifications", enquiry(), **signed_in)

    assert spent(answer) == "subject_day"
    assert by_twelve_digits.json()["verdict"] == "confirmed"


async def test_threat_58_a_signed_in_citizen_does_not_share_a_strangers_refusal_of_the_same_claim(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal)
    signed_in = await own_login(scene)

    strangers, own = await asyncio.gather(
        asyncio.gather(*(portal.verify() for _ in range(5))),
        portal.call("POST", "/verifications", enquiry(), **signed_in),
    )

    assert own.json()["verdict"] == "confirmed"
    assert {answer.status_code for answer in strangers} <= {200, 429}


async def test_threat_58_two_workers_together_do_not_exceed_the_budget_of_a_signed_in_citizen(
    scene: Scene, portal: Portal
) -> None:
    signed_in = await own_login(scene)
    async with another_worker(scene) as http:
        workers = (portal, replace(portal, http=http))
        claims = [misnamed(AN, number) for number in range(LIMIT * 2)]
        answers = await asyncio.gather(
            *(
                workers[number % 2].call("POST", "/verifications", enquiry(claim=claim), **signed_in)
                for number, claim in enumerate(claims)
            )
        )

    assert Counter(answer.status_code for answer in answers) == {201: LIMIT, 429: LIMIT}
