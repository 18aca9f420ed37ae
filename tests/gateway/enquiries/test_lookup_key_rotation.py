"""Rotation of look-up keys: reuse and budgets work as before, and no claim is asked or counted twice because of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa

from gateway.enquiries.store import verifications
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import LEAD, LOOKUP_OVERLAP
from mock_c06.app import MockRegistry
from tests.attacks.evidence import find_broken
from tests.gateway.enquiries.test_budgets import is_spent, misnamed, used
from tests.kit.clocks import HandClock
from tests.kit.keys import A_MOMENT, rotate, rotate_and_serve
from tests.kit.scene import AN, Portal, Scene, another_worker, open_scene, settings_for

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_account_hour": 3, "budget_subject_day": 3}
    async with open_scene(settings_for(database_url, mock, sandbox=policy), mock, clock) as opened:
        yield opened


async def question_left(scene: Scene, *, more_than: int = 0) -> None:
    """Wait until the registry has received another question."""
    for _ in range(500):
        if len(await scene.journal()) > more_than:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no question left within ten seconds")


async def rotate_lookup(scene: Scene, portal: Portal) -> str:
    """Rotate the look-up key, activate it, and return its id."""
    kid = (await rotate_and_serve(scene, Purpose.LOOKUP)).kid
    await portal.log_in()
    return kid


async def stored_under(scene: Scene) -> set[str]:
    async with scene.gateway.deps.database.read() as connection:
        return set((await connection.execute(sa.select(verifications.c.claim_key_id))).scalars())


async def test_reuse_after_a_rotation_does_not_ask_the_registry(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify()).json()
    await rotate_lookup(scene, portal)

    same, derived = (await portal.verify()).json(), (await portal.verify(procedure="ket-hon")).json()

    assert (same["id"], same["origin"]) == (first["id"], "reuse")
    assert (derived["derived_from"], derived["expires_at"]) == (first["id"], first["expires_at"])
    assert len(await scene.journal()) == 1


async def test_a_verification_from_before_two_rotations_is_reused(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify()).json()
    await rotate_lookup(scene, portal)
    await rotate_lookup(scene, portal)

    assert (await portal.verify()).json()["id"] == first["id"]
    assert len(await scene.journal()) == 1


async def test_threat_17_a_spent_budget_remains_spent_after_a_rotation(scene: Scene, portal: Portal) -> None:
    for number in range(3):
        await portal.verify(claim=misnamed(number))
    await rotate_lookup(scene, portal)
    neighbour = await scene.portal()

    await neighbour.verify(claim=misnamed(3))  # one further claim, as a minute is over
    assert is_spent(await portal.verify(claim=misnamed(4)))
    assert is_spent(await neighbour.verify(claim=misnamed(4)))
    assert len(await scene.journal()) == 4


async def test_an_identical_wrong_claim_costs_nothing_after_a_rotation(scene: Scene, portal: Portal) -> None:
    neighbour = await scene.portal()
    await portal.verify(claim=misnamed(0))
    await portal.verify(claim=misnamed(1))
    kid = await rotate_lookup(scene, portal)
    await neighbour.log_in()

    for caller in (portal, neighbour, portal):
        assert (await caller.verify(claim=misnamed(0))).json()["verdict"] == "not_confirmed"
    assert (await used(portal), await used(neighbour)) == (2, 1)
    assert (await portal.verify(claim=misnamed(2))).status_code == 201
    assert is_spent(await neighbour.verify(claim=misnamed(3)))
    assert kid in await stored_under(scene)


async def test_an_identical_retry_is_answered_when_the_budget_was_spent_before_the_rotation(
    scene: Scene, portal: Portal
) -> None:
    for number in range(3):
        await portal.verify(claim=misnamed(number))
    await rotate_lookup(scene, portal)

    for number in range(3):
        assert (await portal.verify(claim=misnamed(number))).json()["verdict"] == "not_confirmed"
    assert await used(portal) == 3


async def test_identical_retries_on_both_sides_of_a_rotation_count_as_one_claim(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify(claim=misnamed(0))
    await rotate_lookup(scene, portal)
    for _ in range(5):
        scene.clock.advance(LOOKUP_OVERLAP.total_seconds() / 4)
        await portal.log_in()
        assert (await portal.verify(claim=misnamed(0))).status_code == 201

    for number in (1, 2):
        assert (await portal.verify(claim=misnamed(number))).status_code == 201
    assert is_spent(await portal.verify(claim=misnamed(3)))


async def test_threat_33_identical_concurrent_claims_during_a_rotation_are_asked_once(
    scene: Scene, portal: Portal
) -> None:
    await rotate(scene, Purpose.LOOKUP)
    scene.clock.advance(LEAD.total_seconds() - 2)
    await portal.log_in()
    await scene.fault("latency", delay_ms=500)
    before = [asyncio.create_task(portal.verify(claim=WRONG)) for _ in range(3)]
    await question_left(scene)
    scene.clock.advance(2 + A_MOMENT)
    answers = await asyncio.gather(*before, *(portal.verify(claim=WRONG) for _ in range(3)))

    assert {answer.status_code for answer in answers} == {201}
    assert len(await scene.journal()) == 1
    assert await used(portal) == 1


async def test_a_wrong_claim_asked_before_a_rotation_counts_once_with_an_identical_one(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await scene.portal()
    slow = await ask_during_a_rotation(scene, portal, neighbour)
    for number in range(3):
        assert (await neighbour.verify(claim=misnamed(number))).status_code == 201
    assert not slow.done()
    assert is_spent(await neighbour.verify(claim=misnamed(3)))
    assert (await slow).status_code == 201


async def test_a_wrong_claim_answered_after_a_rotation_counts_once_with_its_earlier_answer(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify(claim=misnamed(0))
    slow = await ask_during_a_rotation(scene, portal)
    assert (await slow).status_code == 201

    assert await used(portal) == 1
    for number in (1, 2):
        assert (await portal.verify(claim=misnamed(number))).status_code == 201
    assert is_spent(await portal.verify(claim=misnamed(3)))


async def test_an_identical_claim_at_another_worker_waits_for_the_answer_during_a_rotation(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify(claim=misnamed(0))
    slow = await ask_during_a_rotation(scene, portal)
    async with another_worker(scene) as http:
        second = await replace(portal, http=http).verify(claim=misnamed(0))

    assert second.json() == (await slow).json()
    assert second.status_code == 201
    assert await find_broken(scene) == ""  # what was rekeyed before the wait has been rolled back


async def ask_during_a_rotation(
    scene: Scene, portal: Portal, *others: Portal
) -> "asyncio.Task[httpx.Response]":
    """Leave a question about a wrong name unanswered while the new key becomes active."""
    await (
        portal.verify()
    )  # the gateway tries credentials that were never confirmed with one question at a time
    await rotate(scene, Purpose.LOOKUP)
    scene.clock.advance(LEAD.total_seconds() - 2)
    for each in (portal, *others):
        await each.log_in()
    asked = len(await scene.journal())
    await scene.fault("latency", delay_ms=3000, times=1)
    slow = asyncio.create_task(portal.verify(claim=misnamed(0)))
    await question_left(scene, more_than=asked)
    scene.clock.advance(2 + A_MOMENT)
    return slow


async def test_threat_22_a_no_after_a_rotation_ends_verifications_from_before(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    await rotate_lookup(scene, portal)
    await scene.set_person(**AN | {"full_name": "Nguyễn Văn Bình", "gender": "male"})

    assert (await portal.verify(fresh=True)).json()["verdict"] == "not_confirmed"

    ended = (await portal.call("GET", f"/verifications/{first['id']}")).json()
    assert ended["state"] == "invalidated"
    assert (await portal.verify()).json()["origin"] == "registry"


async def test_threat_23_a_prefill_that_finds_nobody_ends_the_claim_under_both_keys(
    scene: Scene, portal: Portal
) -> None:
    older = (await portal.verify()).json()
    await rotate_lookup(scene, portal)
    newer = (await portal.verify(fresh=True, dossier="HN-2")).json()
    assert newer["derived_from"] is None
    await scene.set_person(**AN | {"full_name": "Nguyễn Văn Bình", "gender": "male"})

    refused = await portal.prefill(older["receipt"], ["full_name"])

    assert refused.json()["code"] == "verification_invalidated"
    states = [
        (await portal.call("GET", f"/verifications/{each['id']}")).json()["state"] for each in (older, newer)
    ]
    assert states == ["invalidated", "invalidated"]


async def test_threat_23_a_prefill_of_a_derived_verification_ends_other_roots_under_the_older_key(
    scene: Scene, portal: Portal
) -> None:
    roots = [(await portal.verify(fresh=True, dossier=f"HN-{number}")).json() for number in range(2)]
    await rotate_lookup(scene, portal)
    derived = (await portal.verify(dossier="HN-2")).json()
    assert derived["derived_from"] in {root["id"] for root in roots}
    assert len(await stored_under(scene)) == 2
    await scene.set_person(**AN | {"full_name": "Nguyễn Văn Bình", "gender": "male"})

    refused = await portal.prefill(derived["receipt"], ["full_name"], dossier="HN-2")

    assert refused.json()["code"] == "verification_invalidated"
    for root in roots:
        assert (await portal.call("GET", f"/verifications/{root['id']}")).json()["state"] == "invalidated"


async def test_a_citizen_has_one_pseudonym_and_one_ledger_after_a_rotation(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    await rotate_lookup(scene, portal)
    again = await portal.receipt(fresh=True, dossier="HN-2")

    pseudonyms = {row["citizen"] for row in await scene.audit() if row.get("citizen")}
    ledgers = [(await portal.call("POST", "/ledger", {"receipt": each})).json() for each in (receipt, again)]
    assert len(pseudonyms) == 1
    assert ledgers[0] == ledgers[1]


async def test_an_older_key_is_tried_until_the_longest_lifetime_has_passed(
    scene: Scene, portal: Portal
) -> None:
    place = scene.gateway.places[Profile.SANDBOX]
    former = place.keys.serving(Purpose.LOOKUP, scene.clock.now()).kid
    kid = await rotate_lookup(scene, portal)

    def tried() -> list[str]:
        keys = scene.gateway.places[Profile.SANDBOX].keys
        return [key.kid for key in keys.accepted(Purpose.LOOKUP, scene.clock.now())]

    scene.clock.advance(LOOKUP_OVERLAP.total_seconds())
    assert tried() == [kid, former]
    scene.clock.advance(3600)
    assert tried() == [kid]


async def test_a_profile_with_longer_reuse_tries_an_older_key_for_longer(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    week = 7 * 24 * 3600
    settings = settings_for(database_url, mock, sandbox={"reuse_seconds": week})
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        first = (await portal.verify()).json()
        await rotate_lookup(scene, portal)
        clock.advance(week - 2 * LEAD.total_seconds())
        await portal.log_in()

        assert (await portal.verify()).json()["id"] == first["id"]
