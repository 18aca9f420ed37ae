"""What a stranger's bad codes and a failing store can't hold up: other networks' sign-ins, and the deletion of what has ended."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.app import keep_swept
from portal.rates import WAITING, Rate, UsedNames
from tests.kit.clocks import HandClock
from tests.kit.portal import PORTAL, RunningPortal, Visit, open_portal, open_visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import start
from tests.portal.test_strangers import STRANGER, fail_sign_ins

OWN = "127.0.0.1"


class HoldingLogin:
    """Middleware before the login: an invented code gets no answer until it is released; each is counted."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.released.set()
        self.asked = 0

    def around(self, login: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/token"):
                messages = [await receive()]
                if b"code=invented" in messages[0]["body"]:
                    self.asked += 1
                    await self.released.wait()

                async def again() -> Message:
                    return messages.pop() if messages else await receive()

                await login(scope, again, send)
            else:
                await login(scope, receive, send)

        return answer


@pytest.fixture
def holding() -> HoldingLogin:
    return HoldingLogin()


async def flood(portal: RunningPortal, count: int, *, address: str) -> list[asyncio.Task[list[int]]]:
    """Send invented codes at once; return when each is with the login, waits or was refused."""
    tasks = [asyncio.create_task(fail_sign_ins(portal, 1, address=address)) for _ in range(count)]
    await asyncio.wait(tasks, timeout=2)
    return tasks


def parts_of(portal: RunningPortal) -> Any:
    return portal.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app


async def test_threat_51_bad_codes_of_one_address_do_not_delay_a_slowed_neighbour(
    scene: Scene, tmp_path: Path, holding: HoldingLogin
) -> None:
    async with (
        open_portal(scene, tmp_path, login_rate=1, around_login=holding.around) as app,
        open_visit(app) as visit,
    ):
        for address in (STRANGER, OWN):
            await fail_sign_ins(app, 1, address=address)
        holding.released.clear()
        codes = await flood(app, 10, address=STRANGER)
        try:
            async with asyncio.timeout(10):
                await visit.sign_in()
            assert "Nguyễn Văn An" in visit.text
        finally:
            holding.released.set()
            statuses = sorted(status for found in await asyncio.gather(*codes) for status in found)
        assert statuses == [400] * (1 + WAITING) + [429] * (9 - WAITING)


async def test_threat_51_codes_sent_at_once_reach_the_login_no_faster_than_one_after_the_other(
    scene: Scene, tmp_path: Path, holding: HoldingLogin
) -> None:
    async with open_portal(scene, tmp_path, login_rate=2, around_login=holding.around) as app:
        holding.released.clear()
        codes = await flood(app, 10, address=STRANGER)
        asked = holding.asked
        holding.released.set()
        await asyncio.gather(*codes)
        assert asked == 3  # two that are free, and one whose turn it is


async def test_a_refusal_for_many_waiting_codes_says_when_to_come_again_and_the_code_still_counts(
    scene: Scene, tmp_path: Path, holding: HoldingLogin
) -> None:
    async with (
        open_portal(scene, tmp_path, login_rate=1, around_login=holding.around) as app,
        open_visit(app) as visit,
    ):
        await fail_sign_ins(app, 1, address=OWN)
        holding.released.clear()
        codes = await flood(app, 1 + WAITING, address=OWN)
        async with asyncio.timeout(10):
            await visit.sign_in()
        assert visit.status == 429
        assert int(visit.headers["retry-after"]) >= 1
        holding.released.set()
        await asyncio.gather(*codes)
        await visit.open(str(visit.url))
        assert "Nguyễn Văn An" in visit.text


async def test_threat_51_one_start_of_a_sign_in_is_answered_once(
    scene: Scene, tmp_path: Path, holding: HoldingLogin
) -> None:
    async with open_portal(scene, tmp_path, around_login=holding.around) as app, open_visit(app) as visit:
        started = await visit.http.get(f"{PORTAL}/dang-nhap", follow_redirects=False)
        cookie = {"Cookie": f"signin={started.cookies['signin']}"}
        state = httpx.URL(started.headers["location"]).params["state"]
        visit.http.cookies.clear()
        for _ in range(3):
            answer = await visit.http.get(
                f"{PORTAL}/dang-nhap/xong", params={"code": "invented", "state": state}, headers=cookie
            )
            assert answer.status_code == 400
        assert holding.asked == 1


async def test_threat_51_failures_of_one_ipv6_subscriber_count_together(scene: Scene, tmp_path: Path) -> None:
    async with open_portal(scene, tmp_path, login_rate=2) as app:
        for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2"):
            await fail_sign_ins(app, 1, address=address)
        failed = parts_of(app).failed_sign_ins
        assert failed.is_spent("2001:db8:1:2::/64")
        assert not failed.is_spent("2001:db8:1:3::/64")


def test_names_of_one_use_and_rates_are_bounded_and_end(clock: HandClock) -> None:
    used = UsedNames(clock, names=2)
    until = int(clock.now().timestamp()) + 600
    assert [used.use(name, until=until) for name in ("a", "a", "b", "b", "c", "a")] == [
        True, False, True, False, True, True,
    ]  # fmt: skip
    rate = Rate(1, clock)
    rate.count("a")
    assert rate.is_spent("a")
    rate.take_back("a")
    rate.take_back("a")
    assert not rate.is_spent("a")


async def test_what_has_ended_is_deleted_though_the_store_failed_meanwhile(
    scene: Scene, visit: Visit, portal_app: RunningPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await start(visit, "ho-chieu")
    scene.clock.advance(31 * 86_400)
    with sqlite3.connect(tmp_path / "portal.db") as store:
        store.execute("ALTER TABLE dossiers RENAME TO away")
    sweeping = asyncio.create_task(keep_swept(parts_of(portal_app).store, scene.clock, every=0.01))
    async with asyncio.timeout(10):
        while "the sweep failed" not in caplog.text:  # noqa: ASYNC110 - as any reader of a log waits
            await asyncio.sleep(0.01)
        with sqlite3.connect(tmp_path / "portal.db") as store:
            store.execute("ALTER TABLE away RENAME TO dossiers")
        while store.execute("SELECT count(*) FROM dossiers").fetchone()[0]:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)
    sweeping.cancel()
    with suppress(asyncio.CancelledError):
        await sweeping
    assert "no such table" in caplog.text
    assert "DELETE" not in caplog.text
