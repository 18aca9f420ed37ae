"""The volume of answered enquiries when somebody raises it: an alarm of its own (threat 55)."""

from structlog.testing import capture_logs

from mock_c06.app import MockRegistry
from tests.attacks.harvests import ask, put_in_force, staffed
from tests.gateway.scene import HandClock, open_scene, settings_for

HOUR = 5


async def test_threat_55_a_raised_volume_has_an_alarm_of_its_own(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"budget_confirmed_hour": HOUR})
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        desk = await staffed(scene)
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
