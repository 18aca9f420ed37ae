"""Threat 55: an alarm reports that somebody raised an account's volume of answered enquiries."""

from collections import Counter
from datetime import timedelta

from structlog.testing import capture_logs

from gateway.enquiries.budget_store import Reservation, add_answered, release
from gateway.enquiries.budgets import WantedReservation, raise_alarms, reserve
from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.harvests import ask, put_in_force
from tests.kit.clocks import HandClock
from tests.kit.operators import open_desk
from tests.kit.scene import open_scene, settings_for

HOUR = 5


async def test_threat_55_raising_a_volume_raises_a_separate_alarm(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"budget_confirmed_hour": HOUR})
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        desk = await open_desk(scene)
        await ask(portal, HOUR)
        await put_in_force(desk, {"confirmed_hour": 2 * HOUR})

        with capture_logs() as logs:
            await ask(portal, HOUR)

    alarms = [
        (each["budget"], each["used"], each["limit"])
        for each in logs
        if each["event"] == "enquiry_budget_alarm"
    ]
    assert alarms == [("confirmed_hour", 8, 2 * HOUR)]


async def test_threat_55_an_alarm_counts_questions_whose_commit_was_under_way_when_use_was_read(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"budget_confirmed_hour": HOUR})
    async with open_scene(settings, mock, clock) as scene:
        account = ("sandbox", (await scene.portal()).client_id)
        deps, place, now = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX], clock.now()
        asked = [
            Reservation(
                act=f"act_{number}", profile=account[0], client_id=account[1], organisation="org",
                subject="", claim_key="", ends_at=now + timedelta(minutes=1),
            )
            for number in range(HOUR)
        ]  # fmt: skip
        wanted = [WantedReservation(reservation=each, place=place) for each in asked]
        async with deps.database.transaction(shared_lock=1) as transaction:
            await reserve(transaction, deps, wanted, now=now)
            await raise_alarms(deps, place, account[1])  # after another worker's or an earlier answer
        async with deps.database.transaction(shared_lock=1) as transaction:
            await release(transaction, [each.act for each in asked])
            await add_answered(transaction, deps, Counter({account: HOUR}), now=now)
        with capture_logs() as logs:
            await raise_alarms(deps, place, account[1])

    assert [each["used"] for each in logs if each["event"] == "enquiry_budget_alarm"] == [HOUR]
