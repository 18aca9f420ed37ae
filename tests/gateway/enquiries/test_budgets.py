"""Threat 17: budgets of wrong claims stop guesses of numbers and names, and honest enquiries pass."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from gateway.accounts.use_cases import add_organisation
from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.evidence import find_broken
from tests.attacks.people import joined, rotate_pseudonyms
from tests.kit.audit import Held
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, open_scene, settings_for

AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}


def wrong(number: int) -> dict[str, str]:
    """Return a claim about a person who doesn't exist."""
    return AN | {"citizen_id": f"001090{number:06d}", "full_name": "Nguyễn Văn Sai"}


def misnamed(number: int, claim: dict[str, str] = AN) -> dict[str, str]:
    """Return a claim with a wrong name for one citizen."""
    return claim | {"full_name": f"Nguyễn Văn {'abcdefghijklmnopqrst'[number]}"}


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_account_hour": 5, "budget_subject_day": 3}
    settings = settings_for(database_url, mock, sandbox=policy)
    async with open_scene(settings, mock, clock) as opened:
        yield opened


async def spend(portal: Portal, claims: Sequence[dict[str, Any]]) -> None:
    for claim in claims:
        answer = await portal.verify(claim=claim)
        assert answer.json()["verdict"] == "not_confirmed"


def is_spent(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.json()["code"] == "enquiry_budget_spent"
    assert int(answer.headers["retry-after"]) > 0
    return True


async def used(portal: Portal) -> int:
    members = (await portal.call("GET", "/me")).json()
    return int(members["budgets"]["account_hour"]["used"])


async def test_threat_17_guessing_numbers_stops_at_the_hourly_budget_of_the_account(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal, [wrong(number) for number in range(5)])

    answer = await portal.verify(claim=wrong(5))

    assert is_spent(answer)
    assert len(await scene.journal()) == 5
    assert await used(portal) == 5
    refused = (await scene.audit())[-1]
    assert (refused["kind"], refused["outcome"]) == ("refused", "enquiry_budget_spent")


async def test_threat_17_a_hundred_wrong_claims_at_once_do_not_exceed_the_budget(
    scene: Scene, portal: Portal
) -> None:
    answers = await asyncio.gather(*(portal.verify(claim=wrong(number)) for number in range(100)))

    assert Counter(answer.status_code for answer in answers) == {201: 5, 429: 95}
    assert len(await scene.journal()) == 5


async def test_threat_17_wrong_claims_about_one_citizen_from_several_accounts_stop_at_the_numbers_budget(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await scene.portal()
    await spend(portal, [misnamed(0), misnamed(1)])
    await spend(neighbour, [misnamed(2)])

    assert is_spent(await neighbour.verify(claim=misnamed(3)))
    assert is_spent(await portal.verify(claim=misnamed(4)))
    assert len(await scene.journal()) == 3


async def test_threat_17_concurrent_claims_of_several_accounts_do_not_exceed_the_numbers_budget(
    scene: Scene, portal: Portal
) -> None:
    portals = [portal, await scene.portal(), await scene.portal()]
    answers = await asyncio.gather(
        *(portals[number % 3].verify(claim=misnamed(number)) for number in range(12))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 9}


async def test_claims_by_both_numbers_at_once_after_a_rotation_of_pseudonyms_share_a_budget(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    await spend(portal, [misnamed(0), misnamed(1)])
    await rotate_pseudonyms(scene)
    log = scene.gateway.deps.audit
    held = Held(log)
    await held.reached()
    claims = [misnamed(2), misnamed(3, AN_BY_CARD)]
    asked = asyncio.gather(*(portal.verify(claim=claim) for claim in claims))
    for _ in range(1000):
        if log.waiting == len(claims):
            break
        await asyncio.sleep(0.01)
    await held.release()

    assert Counter(answer.status_code for answer in await asked) == {201: 1, 429: 1}
    assert await find_broken(scene) == ""  # the refused one has changed nothing


async def test_another_organisation_has_a_separate_budget_of_wrong_claims(
    scene: Scene, portal: Portal
) -> None:
    await add_organisation(scene.gateway.deps, "000.00.02.H26", "another")
    stranger = await scene.portal(organisation="000.00.02.H26")
    await spend(portal, [misnamed(0), misnamed(1), misnamed(2)])

    await spend(stranger, [misnamed(3)])


async def test_the_same_wrong_claim_counts_once_for_an_organisation(scene: Scene, portal: Portal) -> None:
    neighbour = await scene.portal()
    await spend(portal, [misnamed(0)] * 3)
    await spend(neighbour, [misnamed(0), misnamed(1), misnamed(2)])

    await spend(portal, [misnamed(2)])
    assert is_spent(await portal.verify(claim=misnamed(3)))
    assert (await used(portal), await used(neighbour)) == (2, 3)


async def test_an_identical_retry_is_free_and_answered_when_the_budget_is_spent(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal, [wrong(number) for number in range(5)])
    assert is_spent(await portal.verify(claim=wrong(5)))

    await spend(portal, [wrong(0), wrong(4)])
    assert await used(portal) == 5


async def test_a_live_verification_is_reused_though_the_budget_is_spent(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    await spend(portal, [wrong(number) for number in range(5)])

    same = await portal.verify()
    derived = await portal.verify(procedure="ket-hon")
    fresh = await portal.verify(fresh=True)

    assert (same.status_code, derived.status_code) == (200, 200)
    assert is_spent(fresh)


async def test_a_right_claim_is_also_refused_when_the_budget_is_spent(scene: Scene, portal: Portal) -> None:
    await spend(portal, [wrong(number) for number in range(5)])

    assert is_spent(await portal.verify())


async def test_a_claim_that_the_registry_confirms_costs_nothing(scene: Scene, portal: Portal) -> None:
    for _ in range(7):
        assert (await portal.verify(fresh=True)).status_code == 201

    assert await used(portal) == 0
    await spend(portal, [wrong(number) for number in range(5)])


async def test_a_failed_enquiry_releases_its_reservation_in_the_budget(scene: Scene, portal: Portal) -> None:
    await scene.fault("unavailable", times=7)
    for number in range(7):
        assert (await portal.verify(claim=wrong(number))).status_code == 503

    await spend(portal, [wrong(number) for number in range(5)])
    assert await used(portal) == 5


async def test_the_budgets_are_free_again_after_the_hour_and_the_day(scene: Scene, portal: Portal) -> None:
    await spend(portal, [misnamed(0), misnamed(1), misnamed(2), wrong(0), wrong(1)])
    scene.clock.advance(3601)
    await portal.log_in()
    await spend(portal, [wrong(number) for number in range(2, 6)])
    await spend(portal, [misnamed(3)])  # a further claim, as a minute is over
    assert is_spent(await portal.verify(claim=misnamed(4)))

    scene.clock.advance(24 * 3600)
    await portal.log_in()
    await spend(portal, [misnamed(4), misnamed(5), misnamed(6)])
    assert is_spent(await portal.verify(claim=misnamed(7)))


async def test_a_wrong_claim_costs_the_same_whether_or_not_the_number_exists(
    scene: Scene, portal: Portal
) -> None:
    existing = [misnamed(number) for number in range(3)]
    unknown = [claim | {"citizen_id": "001090999999"} for claim in existing]
    await spend(portal, existing[:2])
    await spend(portal, unknown[:2])
    await spend(portal, [existing[2]])
    neighbour = await scene.portal()
    await spend(neighbour, [unknown[2]])

    for number in ("001090000123", "001090999999"):
        answer = await neighbour.verify(claim=misnamed(3) | {"citizen_id": number})
        assert is_spent(answer)


async def test_the_account_sees_the_budgets_of_the_contract(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    members = (await official.call("GET", "/me")).json()

    assert members["budgets"] == {
        "account_hour": {"limit": 30, "used": 0},
        "subject_day": {"limit": 5},
        "own_login_day": {"limit": 5},
        "confirmed_hour": {"limit": 5_000, "used": 0},
        "confirmed_day": {"limit": 20_000, "used": 0},
    }
