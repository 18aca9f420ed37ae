"""What harvests are made of: leaked data of many citizens, an account that asks, operators who set its volume."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.app import open_gateway
from gateway.changes.propose import propose_revision
from gateway.operators.model import Role
from gateway.places import Profile
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.members import parse_connection_members
from gateway.registry.model import Registry
from gateway.web import build_app
from tests.gateway.changes.desk import Desk
from tests.gateway.operators.people import operator_behind, signed_in
from tests.gateway.scene import BASE, Portal, Scene


async def leaked(scene: Scene, count: int) -> list[dict[str, str]]:
    """Return so many citizens whose number, name and date somebody has."""
    claims = [
        {"citizen_id": f"0010900008{number:02}", "full_name": "Lê Văn Lộ", "birth_date": "1990-02-03"}
        for number in range(count)
    ]
    people = [claim | {"gender": "male"} for claim in claims]
    answer = await scene.control.put("/runs/default/world", json={"people": people})
    assert answer.status_code < 300, answer.text
    return claims


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Open a second gateway on the same store and registry."""

    def connect(connection: Connection) -> Registry:
        face = scene.mock.test if connection.profile is Profile.SANDBOX else scene.mock.official
        return open_registry(connection, transport=httpx.ASGITransport(face), clock=scene.clock)

    async with (
        open_gateway(scene.settings, clock=scene.clock, open_registry=connect) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as http,
    ):
        yield http


async def ask(portal: Portal, count: int) -> list[httpx.Response]:
    """Ask about An anew, so many times."""
    return [await portal.verify(fresh=True, dossier=f"HN-{number}") for number in range(count)]


async def staffed(scene: Scene) -> Desk:
    """Return the two operators of a change, signed in; portals of official must be there before them."""
    return Desk(
        scene=scene,
        proposer=await signed_in(scene, "phuong.de", Role.PROPOSER),
        approver=await signed_in(scene, "dung.duyet", Role.APPROVER),
    )


async def override(
    desk: Desk, budgets: dict[str, Any], *, profile: Profile = Profile.SANDBOX, **members: Any
) -> httpx.Response:
    policy = {"budgets": budgets, "reason": "đợt cấp đổi của quận, công văn 12"} | members
    body = {"kind": "set_policy", "profile": profile.value, "policy": policy}
    return await desk.proposer.call("POST", "/changes", body)


async def put_in_force(desk: Desk, budgets: dict[str, Any]) -> None:
    """Propose, try and activate an override on sandbox."""
    change = desk.done(await override(desk, budgets), 201)
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))


async def limits(portal: Portal) -> dict[str, int]:
    """Return the account's limits but the person's."""
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    return {name: each["limit"] for name, each in budgets.items() if name != "subject_day"}


async def propose_official(desk: Desk, application: str | None) -> dict[str, Any]:
    """Propose another revision for official, naming the application that its account answers."""
    by = await operator_behind(desk.scene, desk.proposer)
    members = desk.revision(Profile.OFFICIAL, contact="Trung tâm Dữ liệu" if application else "Phòng Kết nối")
    made = await propose_revision(
        desk.scene.gateway, by, Profile.OFFICIAL, parse_connection_members(members), application=application
    )
    return await desk.look({"id": made.id})


async def activate(desk: Desk, change: dict[str, Any]) -> None:
    """Let a change take its whole way."""
    assert (await desk.preflight(change))["passed"]
    desk.done(await desk.approve(change))
    desk.done(await desk.act(desk.approver, change, "activate"))
