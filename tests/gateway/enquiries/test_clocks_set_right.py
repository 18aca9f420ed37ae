"""A clock that was wrong for a while and is set right: nothing is used twice, nothing lives on, nobody stays locked out."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.cleanup import SteadyTime, clean_up, cleaning_up
from gateway.enquiries.budget_store import SPAN, enquiry_counts, leases, read_volumes, reservations
from gateway.enquiries.store import verifications
from gateway.identifiers import Profile
from gateway.oauth.store import insert_revoked, is_revoked
from gateway.profiles.store import WINDOWS
from mock_c06.app import MockRegistry
from tests.gateway.enquiries.test_budgets import is_spent, spend, wrong
from tests.kit.clocks import HandClock, StillClock
from tests.kit.enquiries import rows, verify
from tests.kit.scene import AGENCY, Portal, Scene, open_scene, outcome, settings_for

HOURS = 3 * 3600
TEN_YEARS = 10 * 365 * 86_400


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_account_hour": 5, "budget_confirmed_hour": 3}
    async with open_scene(settings_for(database_url, mock, sandbox=policy), mock, clock) as opened:
        yield opened


@pytest.mark.parametrize("ahead", [HOURS, TEN_YEARS])
async def test_threat_37_a_revoked_token_stays_so_though_a_clock_was_ahead_while_the_cleanup_ran(
    scene: Scene, ahead: float
) -> None:
    deps, clock = scene.gateway.deps, scene.clock
    ends_at = clock.now() + timedelta(hours=2, minutes=5)  # as `oauth` keeps it
    async with deps.database.write() as connection:
        await insert_revoked(connection, jti="a", expires_at=ends_at)
    async with cleaning_up(deps, every=0.02):
        await asyncio.sleep(0.05)
        clock.advance(ahead)
        await asyncio.sleep(0.2)
        clock.advance(-ahead)
    async with deps.database.read() as connection:
        assert await is_revoked(connection, "a")


@pytest.mark.parametrize("ahead", [HOURS, TEN_YEARS])
async def test_threat_37_a_verification_of_a_clock_that_was_ahead_does_not_live_until_then(
    scene: Scene, portal: Portal, ahead: float
) -> None:
    scene.clock.advance(ahead)
    made = (await (await portal.log_in()).verify()).json()
    scene.clock.advance(-ahead)
    await portal.log_in()
    await clean_up(scene.gateway.deps)
    assert (await portal.call("GET", f"/verifications/{made['id']}")).json()["state"] == "expired"
    assert (await portal.verify(dossier="HN-2")).json()["origin"] == "registry"


@pytest.mark.parametrize("ahead", [HOURS, TEN_YEARS])
async def test_threat_37_no_answer_and_no_key_of_a_clock_that_was_ahead_is_kept_until_then(
    scene: Scene, portal: Portal, ahead: float
) -> None:
    scene.clock.advance(ahead)
    await portal.log_in()
    assert (await verify(portal)).status_code == 201
    scene.clock.advance(-ahead)
    await portal.log_in()
    assert outcome(await verify(portal, dossier="HN-2")) == (422, "idempotency_conflict")
    await clean_up(scene.gateway.deps)
    assert await rows(scene) == []
    assert (await verify(portal, dossier="HN-2")).status_code == 201


async def test_data_keys_and_answers_of_a_clock_that_was_ahead_are_gone_from_the_files(
    scene: Scene, portal: Portal
) -> None:
    url = scene.settings.database_url
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are its own; its vacuum overwrites them")
    scene.clock.advance(HOURS)
    await portal.log_in()
    await portal.verify()
    async with scene.gateway.deps.database.read() as connection:
        key = (await connection.execute(sa.select(verifications.c.wrapped_key))).scalar_one()
    folder = Path(url.removeprefix("sqlite:///")).parent
    assert any(key in path.read_bytes() for path in folder.glob("gateway.db*"))

    scene.clock.advance(-HOURS)
    assert await clean_up(scene.gateway.deps) == 1
    assert not any(key in path.read_bytes() for path in folder.glob("gateway.db*"))


async def test_an_answer_is_kept_though_the_clock_is_corrected_by_a_minute(
    scene: Scene, portal: Portal
) -> None:
    made = (await verify(portal)).content
    scene.clock.advance(-60)
    await portal.log_in()
    await clean_up(scene.gateway.deps)
    assert (await verify(portal)).content == made


async def test_threat_37_no_verdict_of_a_clock_that_was_ahead_is_shared_after_it(
    scene: Scene, portal: Portal
) -> None:
    scene.clock.advance(TEN_YEARS)
    await portal.log_in()
    await spend(portal, [wrong(1)])
    scene.clock.advance(-TEN_YEARS)
    await portal.log_in()
    asked = len(await scene.journal())
    await spend(portal, [wrong(1)])
    assert len(await scene.journal()) > asked


async def leave_under_way(scene: Scene, portal: Portal) -> None:
    """Leave the rows of questions under way, as a worker does that dies while the clock is ten years ahead."""
    ends_at = scene.clock.now() + timedelta(seconds=TEN_YEARS)
    row: dict[str, Any] = {"profile": "sandbox", "client_id": portal.client_id, "ends_at": ends_at}
    row |= {"organisation": AGENCY, "subject": "s"}
    async with scene.gateway.deps.database.write() as connection:
        left = {"landed_at": None, "verification": None, "act": "act_dead", "lease_ends_at": ends_at}
        await connection.execute(sa.update(leases).values(**left))
        members = [row | {"act": f"act_{number}", "claim_key": f"c{number}"} for number in range(5)]
        await connection.execute(sa.insert(reservations), members)


async def test_threat_37_a_question_under_way_by_a_clock_that_was_ahead_is_not_waited_for_and_counts_nowhere(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal, [wrong(1)])
    asked = len(await scene.journal())
    await leave_under_way(scene, portal)
    began = scene.clock.monotonic()
    assert not is_spent(await portal.verify(claim=wrong(1)))
    assert len(await scene.journal()) == asked + 1
    assert scene.clock.monotonic() - began < 2
    assert not is_spent(await portal.verify(claim=wrong(2)))


async def test_threat_37_the_cleanup_deletes_questions_under_way_by_a_clock_that_was_ahead(
    scene: Scene, portal: Portal
) -> None:
    await spend(portal, [wrong(1)])
    await leave_under_way(scene, portal)
    await clean_up(scene.gateway.deps)
    async with scene.gateway.deps.database.read() as connection:
        for table in (leases, reservations):
            assert (await connection.execute(sa.select(table))).all() == []


async def test_a_verification_lives_on_though_the_clock_is_corrected_by_a_minute(
    scene: Scene, portal: Portal
) -> None:
    made = (await portal.verify()).json()
    scene.clock.advance(-60)
    await portal.log_in()
    await clean_up(scene.gateway.deps)
    assert (await portal.call("GET", f"/verifications/{made['id']}")).json()["state"] == "live"


async def test_threat_37_wrong_claims_of_a_clock_that_was_ahead_lock_no_account_out_until_then(
    scene: Scene, portal: Portal
) -> None:
    scene.clock.advance(TEN_YEARS)
    await portal.log_in()
    await spend(portal, [wrong(number) for number in range(5)])
    assert is_spent(await portal.verify(claim=wrong(5)))
    scene.clock.advance(-TEN_YEARS)
    await portal.log_in()
    assert not is_spent(await portal.verify(claim=wrong(6)))


@pytest.mark.parametrize("behind", [600, 3000])
async def test_threat_37_a_clock_that_goes_back_by_minutes_frees_no_budget(
    scene: Scene, portal: Portal, behind: float
) -> None:
    await spend(portal, [wrong(number) for number in range(5)])
    scene.clock.advance(-behind)
    await portal.log_in()
    assert is_spent(await portal.verify(claim=wrong(6)))


@pytest.mark.parametrize("ahead", [HOURS, TEN_YEARS])
async def test_threat_37_answers_of_a_clock_that_was_ahead_spend_no_hour_after_it(
    scene: Scene, portal: Portal, ahead: float
) -> None:
    scene.clock.advance(ahead)
    await portal.log_in()
    for dossier in ("HN-1", "HN-2", "HN-3"):
        assert (await portal.verify(dossier=dossier, fresh=True)).status_code == 201
    assert is_spent(await portal.verify(dossier="HN-4", fresh=True))
    scene.clock.advance(-ahead)
    await portal.log_in()
    assert (await portal.verify(dossier="HN-5", fresh=True)).status_code == 201


async def test_a_count_has_left_its_window_at_the_instant_that_the_retry_is_told(scene: Scene) -> None:
    now, length = scene.clock.now(), WINDOWS["confirmed_hour"] + SPAN
    for since, answered in ((now, 3), (now - length + timedelta(microseconds=1), 3), (now - length, 0)):
        client_id = f"acc_{since.timestamp()}"
        row = {"profile": "sandbox", "client_id": client_id, "since": since, "answered": 3}
        async with scene.gateway.deps.database.write() as connection:
            await connection.execute(sa.insert(enquiry_counts).values(row))
        async with scene.gateway.deps.database.read() as connection:
            volumes = await read_volumes(connection, profile=Profile.SANDBOX, client_id=client_id, now=now)
        assert volumes["confirmed_hour"].answered == answered


async def test_threat_37_the_cleanup_deletes_counts_of_a_clock_that_was_ahead_by_days(
    scene: Scene, portal: Portal
) -> None:
    scene.clock.advance(TEN_YEARS)
    await (await portal.log_in()).verify()
    scene.clock.advance(-TEN_YEARS)
    await clean_up(scene.gateway.deps)
    async with scene.gateway.deps.database.read() as connection:
        assert (await connection.execute(sa.select(enquiry_counts.c.since))).all() == []


def test_a_jump_ahead_counts_for_used_ids_after_an_hour_alone() -> None:
    clock = StillClock()
    steady, began = SteadyTime(clock), clock.now()
    clock.instant += timedelta(days=1)
    clock.advance(20)
    assert steady.read() == began + timedelta(seconds=20)
    clock.advance(3599)
    assert steady.read() == began + timedelta(seconds=3619)
    clock.advance(1)
    assert steady.read() == clock.now()


def test_threat_37_a_jump_while_another_is_doubted_is_doubted_for_an_hour_too() -> None:
    """A machine that wakes from sleep has jumped ahead: its clock may still be set wrong in the hour after."""
    clock = StillClock()
    steady, began = SteadyTime(clock), clock.now()
    clock.instant += timedelta(hours=8)
    assert steady.read() == began
    clock.advance(3000)
    clock.instant += timedelta(days=365)
    assert steady.read() == began + timedelta(seconds=3000)
    clock.advance(1000)
    assert steady.read() == began + timedelta(seconds=4000)
    steady.went_back = False
    clock.instant -= timedelta(days=365)
    assert steady.read() == began + timedelta(seconds=4000)
    assert steady.went_back
    clock.advance(3600)
    assert steady.read() == clock.now()


def test_a_clock_that_is_set_back_or_set_right_is_noticed_once() -> None:
    clock = StillClock()
    steady = SteadyTime(clock)
    steady.read()
    steady.went_back = False
    clock.advance(20)
    steady.read()
    assert not steady.went_back
    with capture_logs() as lines:
        clock.instant += timedelta(hours=1)
        steady.read()
        assert not steady.went_back
        clock.advance(20)
        steady.read()
        clock.instant -= timedelta(hours=1)
        steady.read()
        assert steady.went_back
    assert [(line["event"], line["seconds"]) for line in lines] == [
        ("clock_jumped", 3600),
        ("clock_jumped", -3600),
    ]
