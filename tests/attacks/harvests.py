"""Parts of a harvesting attack: leaked data of many citizens, an account that asks, operators who set its volume."""

from typing import Any

import httpx

from gateway.changes.propose import propose_revision
from gateway.identifiers import Profile
from gateway.registry.connection import parse_connection_members
from tests.kit.operators import Desk, operator_behind
from tests.kit.scene import Portal, Scene


async def leaked(scene: Scene, count: int) -> list[dict[str, str]]:
    """Return that many citizens whose number, name and date are known to the attacker."""
    claims = [
        {"citizen_id": f"0010900008{number:02}", "full_name": "Lê Văn Lộ", "birth_date": "1990-02-03"}
        for number in range(count)
    ]
    people = [claim | {"gender": "male"} for claim in claims]
    answer = await scene.control.put("/runs/default/world", json={"people": people})
    assert answer.status_code < 300, answer.text
    return claims


async def ask(portal: Portal, count: int) -> list[httpx.Response]:
    """Ask about An with a fresh question, that many times."""
    return [await portal.verify(fresh=True, dossier=f"HN-{number}") for number in range(count)]


async def override(
    desk: Desk, budgets: dict[str, Any], *, profile: Profile = Profile.SANDBOX, **members: Any
) -> httpx.Response:
    policy = {"budgets": budgets, "reason": "đợt cấp đổi của quận, công văn 12"} | members
    body = {"kind": "set_policy", "profile": profile.value, "policy": policy}
    return await desk.proposer.call("POST", "/changes", body)


async def put_in_force(desk: Desk, budgets: dict[str, Any]) -> None:
    """Propose, preflight and activate an override on sandbox."""
    change = desk.done(await override(desk, budgets), 201)
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))


async def limits(portal: Portal) -> dict[str, int]:
    """Return the account's limits without those per citizen."""
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    return {
        name: each["limit"]
        for name, each in budgets.items()
        if not name.endswith(("subject_day", "own_login_day"))
    }


async def propose_official(desk: Desk, application: str | None) -> dict[str, Any]:
    """Propose another revision for official, with the application that its account comes from."""
    by = await operator_behind(desk.scene, desk.proposer)
    members = desk.revision(Profile.OFFICIAL, contact="Trung tâm Dữ liệu" if application else "Phòng Kết nối")
    made = await propose_revision(
        desk.scene.gateway, by, Profile.OFFICIAL, parse_connection_members(members), application=application
    )
    return await desk.look({"id": made.id})
