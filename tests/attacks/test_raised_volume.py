"""Threat 55: an alarm reports that somebody raised an account's volume of answered enquiries."""

from structlog.testing import capture_logs

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
