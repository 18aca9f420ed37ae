"""After a switch the gateway confirms a revision that does well, and returns from one that doesn't, once, with the reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.app import open_gateway
from gateway.changes import store
from gateway.changes.lifecycle import get_change
from gateway.changes.store import watch_counters
from gateway.changes.watch import LEASE, check_watched, watch_in_background
from gateway.identifiers import Profile
from gateway.profiles.model import Gateway
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.web import build_app
from tests.kit.operators import Desk
from tests.kit.scene import BASE, Portal, Scene, outcome

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX


async def fault(scene: Scene, **members: Any) -> None:
    answer = await scene.control.post("/runs/default/faults", json=members)
    assert answer.status_code < 300, answer.text


async def ask(portal: Portal, times: int) -> list[int]:
    """Ask a new question so many times, one after the other."""
    return [(await portal.verify(fresh=True)).status_code for _ in range(times)]


def active(scene: Scene, profile: Profile) -> int:
    client = scene.gateway.places[profile].client
    assert client is not None
    return client.connection.revision


async def test_a_switch_without_failures_is_confirmed_when_its_watch_ends(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(OFFICIAL)
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "active"
    scene.clock.advance(301)
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "confirmed"
    assert active(scene, OFFICIAL) == 2


async def test_threat_14_credentials_refused_at_first_use_lead_back_to_the_former_revision(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    change = await desk.switched(OFFICIAL)
    await fault(scene, kind="unauthorised_once", operation="XacThucThongTinCongDan", times=2)
    assert await ask(official, 2) == [502, 502]
    with capture_logs() as logs:
        await check_watched(scene.gateway, scene.preflight_network)
    ended = await desk.look(change)
    assert ended["state"] == "rolled_back"
    assert ended["ended_by"] == "gateway"
    assert "2 logins refused" in ended["reason"]
    assert active(scene, OFFICIAL) == 1
    assert "switch_returned" in [entry["event"] for entry in logs]
    assert (await official.verify()).status_code == 201


async def test_threat_14_the_gateway_returns_only_once_from_one_change(desk: Desk, scene: Scene) -> None:
    await desk.switched(SANDBOX)
    portal = await scene.portal()
    await fault(scene, kind="unauthorised_once", times=2)
    await ask(portal, 2)
    await asyncio.gather(*(check_watched(scene.gateway, scene.preflight_network) for _ in range(5)))
    rows = [row for row in await scene.audit() if row.get("outcome", "").startswith("change_returned")]
    assert len(rows) == 1
    tried = [row for row in await scene.audit() if (row["kind"], row.get("actor")) == ("intended", "gateway")]
    assert len(tried) == 1
    await check_watched(scene.gateway, scene.preflight_network)
    assert active(scene, SANDBOX) == 1


async def test_threat_14_where_the_former_does_not_log_in_the_profile_is_suspended_with_an_alarm(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    change = await desk.switched(OFFICIAL)
    suspend = await scene.control.post(
        "/accounts", json={"name": "dvctt-hanoi-official", "status": "suspended"}
    )
    if suspend.status_code >= 400:
        pytest.fail(suspend.text)
    await ask(official, 5)
    with capture_logs() as logs:
        await check_watched(scene.gateway, scene.preflight_network)
    ended = await desk.look(change)
    assert "the former revision fails" in ended["reason"]
    assert outcome(await official.verify(fresh=True)) == (503, "profile_suspended")
    assert "switch_alarm" in [entry["event"] for entry in logs]
    assert (ended["state"], ended["ended_by"], ended["watch_until"]) == ("active", "gateway", None)


async def test_threat_14_a_change_that_ended_in_an_alarm_is_neither_confirmed_nor_returned_from_again(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    change = await desk.switched(OFFICIAL)
    account = "/accounts/dvctt-hanoi-official"
    assert (await scene.control.patch(account, json={"status": "suspended"})).status_code == 200
    await ask(official, 5)
    await check_watched(scene.gateway, scene.preflight_network)
    ended = await desk.look(change)

    assert (await scene.control.patch(account, json={"status": "active"})).status_code == 200
    resume = await desk.ask({"kind": "resume_profile", "profile": "official"})
    await desk.preflight(resume)
    desk.done(await desk.approve(resume))
    desk.done(await desk.act(desk.approver, resume, "activate"))
    await fault(scene, kind="unauthorised_once", operation="XacThucThongTinCongDan", times=2)
    assert await ask(official, 2) == [502, 502]
    scene.clock.advance(301)
    await check_watched(scene.gateway, scene.preflight_network)
    assert await desk.look(change) == ended
    assert active(scene, OFFICIAL) == 2


async def test_answers_that_break_the_schema_lead_back_to_the_former_revision(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.switched(SANDBOX)
    portal = await scene.portal()
    await fault(scene, kind="wrong_namespace", operation="XacThucThongTinCongDan", times=3)
    assert await ask(portal, 3) == [502, 502, 502]
    await check_watched(scene.gateway, scene.preflight_network)
    assert "3 of 3 answers were invalid" in (await desk.look(change))["reason"]
    assert active(scene, SANDBOX) == 1


async def test_a_few_failures_among_many_answers_cross_no_threshold(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(SANDBOX)
    portal = await scene.portal()
    await ask(portal, 5)
    await fault(scene, kind="wrong_namespace", operation="XacThucThongTinCongDan", times=3)
    await ask(portal, 3)
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "active"


async def test_after_a_return_the_change_before_is_confirmed_as_it_was(desk: Desk, scene: Scene) -> None:
    first = await desk.switched(SANDBOX, deadline_ms=3000)
    second = await desk.switched(SANDBOX, deadline_ms=3500)
    assert (await desk.look(first))["state"] == "retired"
    desk.done(await desk.act(desk.approver, second, "rollback", {"reason": "slow"}))
    assert (await desk.look(first))["state"] == "confirmed"
    assert (await desk.look(second))["state"] == "rolled_back"
    assert active(scene, SANDBOX) == 2
    assert outcome(await desk.act(desk.approver, second, "rollback")) == (409, "state_wrong")


async def test_a_rollback_by_hand_on_official_needs_someone_else_than_the_proposer(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.switched(OFFICIAL)
    assert outcome(await desk.act(desk.proposer, change, "rollback")) == (403, "same_operator")
    desk.done(await desk.act(desk.approver, change, "rollback"))
    assert active(scene, OFFICIAL) == 1


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[Gateway]:
    """Open a second gateway on the same store and registry."""

    def connect(connection: Connection) -> RegistryClient:
        return open_registry(
            connection, transport=scene.preflight_network.open_transport(connection), clock=scene.clock
        )

    async with open_gateway(scene.settings, clock=scene.clock, open_registry=connect) as other:
        yield other


async def ask_there(gateway: Gateway, portal: Portal) -> list[int]:
    """Ask once through another worker."""
    app = httpx.ASGITransport(build_app(gateway))
    async with httpx.AsyncClient(transport=app, base_url=BASE) as http:
        return await ask(replace(portal, http=http), 1)


async def test_threat_13_a_restarted_worker_goes_on_watching_a_change(desk: Desk, scene: Scene) -> None:
    """The worker that made the switch is gone: its change is as it was, one revision is active, and another worker returns."""
    change = await desk.switched(SANDBOX)
    async with another_worker(scene) as other:
        client = other.places[SANDBOX].client
        assert client is not None
        assert client.connection.revision == 2
        scene.clock.advance(301)
        await check_watched(other, scene.preflight_network)
    assert (await desk.look(change))["state"] == "confirmed"


async def test_threat_13_a_return_whose_worker_died_is_done_by_another_within_seconds(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.switched(SANDBOX)
    await fault(scene, kind="unauthorised_once", times=2)
    await ask(await scene.portal(), 2)
    found = await get_change(scene.gateway, change["id"])
    now = scene.clock.now()
    async with scene.gateway.deps.database.write() as transaction:
        assert await store.take_rollback_lease(transaction, found, now=now, until=now + LEASE)

    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "active"
    scene.clock.advance(10)
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "rolled_back"


async def test_threat_14_a_slow_login_of_the_former_is_not_tried_by_another_worker_meanwhile(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.switched(SANDBOX)
    await fault(scene, kind="unauthorised_once", times=2)
    await ask(await scene.portal(), 2)
    await fault(scene, kind="latency", delay_ms=2800)
    async with another_worker(scene) as other:
        returning = asyncio.create_task(check_watched(scene.gateway, scene.preflight_network))
        await asyncio.sleep(0.3)
        scene.clock.advance(9)
        await asyncio.sleep(2)  # the lease is renewed
        scene.clock.advance(5)
        await check_watched(other, scene.preflight_network)
        await returning
    assert (await desk.look(change))["state"] == "rolled_back"
    tried = [row for row in await scene.audit() if (row["kind"], row.get("actor")) == ("intended", "gateway")]
    assert len(tried) == 1


async def test_failures_at_two_workers_are_counted_together(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(SANDBOX)
    portal = await scene.portal()
    await fault(scene, kind="unauthorised_once", times=2)
    async with another_worker(scene) as other:
        assert await ask(portal, 1) + await ask_there(other, portal) == [502, 502]
        await check_watched(scene.gateway, scene.preflight_network)
        assert (await desk.look(change))["state"] == "active"
        await check_watched(other, scene.preflight_network)
    ended = await desk.look(change)
    assert (ended["state"], "2 logins refused" in ended["reason"]) == ("rolled_back", True)
    assert await counted(scene) == 0


async def test_failures_at_a_worker_that_ended_still_count(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(SANDBOX)
    portal = await scene.portal()
    await fault(scene, kind="unauthorised_once", times=2)
    async with another_worker(scene) as other:
        await ask_there(other, portal)
        await check_watched(other, scene.preflight_network)
    await ask(portal, 1)
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "rolled_back"


async def test_good_answers_of_one_worker_outweigh_failures_of_another(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(SANDBOX)
    portal = await scene.portal()
    async with another_worker(scene) as other:
        for _ in range(4):
            await ask_there(other, portal)
        await check_watched(other, scene.preflight_network)
    await fault(scene, kind="wrong_namespace", operation="XacThucThongTinCongDan", times=3)
    assert await ask(portal, 3) == [502, 502, 502]
    await check_watched(scene.gateway, scene.preflight_network)
    assert (await desk.look(change))["state"] == "active"
    assert await counted(scene) == 2
    scene.clock.advance(301)
    await check_watched(scene.gateway, scene.preflight_network)
    assert await counted(scene) == 0


async def test_counts_are_deleted_when_people_end_a_change(desk: Desk, scene: Scene) -> None:
    portal = await scene.portal()
    first = await desk.switched(SANDBOX, deadline_ms=3000)
    await ask(portal, 1)
    await check_watched(scene.gateway, scene.preflight_network)
    assert await counted(scene) == 1
    second = await desk.switched(SANDBOX, deadline_ms=3500)
    assert ((await desk.look(first))["state"], await counted(scene)) == ("retired", 0)
    await ask(portal, 1)
    await check_watched(scene.gateway, scene.preflight_network)
    desk.done(await desk.act(desk.approver, second, "rollback", {"reason": "slow"}))
    assert await counted(scene) == 0


async def counted(scene: Scene) -> int:
    """Return how many workers' counts are kept."""
    async with scene.gateway.deps.database.read() as transaction:
        rows = sa.select(sa.func.count()).select_from(watch_counters)
        return int((await transaction.execute(rows)).scalar_one())


async def test_the_watch_runs_in_the_background_of_requests(desk: Desk, scene: Scene) -> None:
    async with watch_in_background(scene.gateway, scene.preflight_network):
        change = await desk.switched(SANDBOX)
        portal = await scene.portal()
        await fault(scene, kind="unauthorised_once", times=2)
        await ask(portal, 2)
        async with asyncio.timeout(10):
            while (await desk.look(change))["state"] == "active":  # noqa: ASYNC110 - the change is over HTTP
                await asyncio.sleep(0.05)
    assert (await desk.look(change))["state"] == "rolled_back"


async def test_overdue_proposals_are_expired_by_the_watch(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(SANDBOX)
    scene.clock.advance(25 * 3600)
    await check_watched(scene.gateway, scene.preflight_network)
    await desk.proposer.sign_in()
    assert (await desk.look(change))["state"] == "expired"
