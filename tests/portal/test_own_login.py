"""The citizen's own login goes with a verification of themselves, while it is recent, and gives them a budget of their own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.people import misnamed
from tests.kit.clocks import HandClock
from tests.kit.portal import RunningPortal, Visit
from tests.kit.scene import AN, Scene, open_scene, settings_for
from tests.portal.test_citizens_way import start, verify_all

LIMIT = 2


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    settings = settings_for(database_url, mock, sandbox={"budget_subject_day": LIMIT})
    async with open_scene(settings, mock, clock) as opened:
        yield opened


def verifications(portal: RunningPortal) -> list[httpx.Request]:
    return [each for each in portal.sent if each.url.path.endswith("/v1/verifications")]


def logins(portal: RunningPortal) -> list[bool]:
    """Return for each verification whether a login went with it."""
    return ["citizen-token" in each.headers for each in verifications(portal)]


async def exhaust(scene: Scene) -> None:
    """Let strangers spend the budget of wrong claims about An."""
    stranger = await scene.portal(Profile.SANDBOX)
    for number in range(LIMIT):
        assert (await stranger.verify(claim=misnamed(AN, number))).json()["verdict"] == "not_confirmed"


async def replace_session(visit: Visit, portal_app: RunningPortal, **changes: Any) -> None:
    """Sign the same visitor in again with other content of the cookie: these members differ."""
    portal = portal_app.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app
    now = portal.clock.now()
    content = await portal.store.find_session(visit.http.cookies["visitor"], now)
    secret = await portal.store.open_session({**content, **changes}, now)
    visit.http.cookies.set("visitor", secret, domain="127.0.0.1")


async def test_a_signed_in_citizen_is_verified_though_strangers_spent_the_budget(
    scene: Scene, visit: Visit
) -> None:
    await exhaust(scene)
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    assert "Đã xác thực" in visit.text


async def test_fifteen_minutes_after_the_sign_in_the_login_is_not_sent_any_more(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await start(visit, "ho-chieu")
    scene.clock.advance(901)
    await visit.send("/xac-thuc/requester")
    assert set(logins(portal_app)) == {False}


async def test_the_login_goes_with_the_citizens_own_number_and_with_no_other_persons(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)  # requester, the father who is the requester, and the mother
    assert logins(portal_app) == [True, True, False]


async def test_an_officer_asks_about_a_citizen_without_a_login(
    visit: Visit, portal_app: RunningPortal
) -> None:
    await start(visit, "ho-chieu", "officer:can.bo.01")
    await visit.send(
        "/xac-thuc/requester", {"number": "001090000123", "full_name": "Nguyễn Văn An", "born": "31/01/1990"}
    )
    assert "Đã xác thực" in visit.text
    assert logins(portal_app) == [False]


async def test_a_login_that_the_gateway_refuses_does_not_stop_the_verification(
    visit: Visit, portal_app: RunningPortal
) -> None:
    path = await start(visit, "ho-chieu")
    await replace_session(visit, portal_app, id_token="x.y.z")
    await visit.open(path)
    await visit.send("/xac-thuc/requester")
    assert "Đã xác thực" in visit.text
    assert logins(portal_app) == [True, False]


async def test_one_click_spends_the_budget_that_the_citizens_own_claims_count_in(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    path = visit.url.path
    await visit.open("/_test")
    await visit.send("/_test", button="fault=budget")
    await visit.open(path)
    await visit.send("/xac-thuc/requester")
    assert "enquiry_budget_spent" in visit.text


async def test_neither_the_store_nor_the_browser_has_the_id_token_in_clear(
    visit: Visit, portal_app: RunningPortal, tmp_path: Path
) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    token = verifications(portal_app)[0].headers["citizen-token"]
    assert token.count(".") == 2
    stored = (tmp_path / "portal.db").read_bytes()
    for part in token.split("."):
        assert part.encode() not in stored
        assert all(part not in str(value) for value in visit.http.cookies.values())
        assert part not in visit.text
