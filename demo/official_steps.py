"""The steps on official: issue the account, switch to it under load, refuse wrong credentials, roll back a failure.

Each step checks the mock's journal and the gateway; it raises `StepFailed` if something is not as expected.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from demo.application import apply_for_official
from demo.control import Control
from demo.office import ActRefused, Office
from demo.report import Report
from demo.scene import Scene
from demo.steps import CITIZEN, KHAI_SINH, Evidence, StepFailed, expect
from portal.gateway_client import GatewayClient

IN_FLIGHT = 64
LATENCY_MS = 1500
RETURN_SECONDS = 20.0
WRONG_SECRET = "not the secret that was issued"  # noqa: S105 - it is nobody's
CONFIRM = "XacThucThongTinCongDan"


class GoingOfficial:
    """The steps share the desk's answer and the change that switches to it."""

    def __init__(self, scene: Scene, official: GatewayClient, office: Office) -> None:
        self._scene = scene
        self._official = official
        self._office = office
        self._control = Control(scene.mock)
        self._change: dict[str, Any] = {}
        self._user = ""

    async def play(self, report: Report) -> None:
        """Run and report every step. Raises `StepFailed` at the first failure."""
        steps: Sequence[tuple[str, Callable[[], Awaitable[Evidence]]]] = (
            ("C06's desk issued the official account, sealed to this gateway", self._issue),
            (f"official was switched with {IN_FLIGHT} requests in flight, 0 failed, 0 crossed", self._switch),
            ("wrong credentials were refused by the preflight", self._refuse),
            ("a failing switch was rolled back automatically", self._return),
        )
        for title, step in steps:
            report.step(title, await step())

    async def _issue(self) -> Evidence:
        issued = await asyncio.to_thread(apply_for_official, self._scene, self._office.proposer)
        self._change = issued.change
        expect("the application that the change names", issued.change["application"], issued.sha256)
        self._user = issued.user
        account = await self._control.account(issued.user)
        expect("status of the issued account", account["status"], "granted")
        return (
            ("application", f"{issued.sha256[:16]}…, complete, signed, and a page to print"),
            ("desk", f"issued {issued.user}, status granted; its secret was sealed"),
            ("proposal", f"revision {issued.change['revision']} of official names the application"),
        )

    async def _switch(self) -> Evidence:
        checked = await self._office.preflight(self._change)
        failed = [f"{check['name']}: {check['detail']}" for check in checked["checks"] if not check["passed"]]
        expect("lines of the preflight that failed", failed, [])
        await self._office.approve(self._change, by=self._office.approver)
        people = await self._control.confirmed(IN_FLIGHT + 8)
        await self._official.token()
        await self._control.fault(kind="latency", operation=CONFIRM, delay_ms=LATENCY_MS, times=IN_FLIGHT)
        before = await self._control.journal("official")
        flying = [
            asyncio.create_task(self._verify(person, f"HN-{number}"))
            for number, person in enumerate(people[:IN_FLIGHT])
        ]
        await self._until_all_are_away(len(before))
        started = time.monotonic()
        await self._office.activate(self._change)
        took = time.monotonic() - started
        still = sum(not task.done() for task in flying)
        statuses = [await task for task in flying]
        after = [await self._verify(person, "HN-after") for person in people[IN_FLIGHT:]]
        expect("failed requests", [status for status in (*statuses, *after) if status != 201], [])
        asked = (await self._control.journal("official"))[len(before) :]
        users = [entry["account"] for entry in asked]
        former = users[0]
        expect("questions under the former account", users.count(former), IN_FLIGHT)
        expect("questions under the new account", users[IN_FLIGHT:], [self._user] * len(after))
        account = await self._control.account(self._user)
        expect("status of the account after its first login", account["status"], "active")
        return (
            ("switch", f"{took * 1000:.0f} ms, {still} of {IN_FLIGHT} requests still in flight then"),
            ("requests", f"{len(statuses)} + {len(after)}, 0 failed"),
            ("journal", f"{users.count(former)} as {former}, then {len(after)} as {self._user}; none mixed"),
        )

    async def _refuse(self) -> Evidence:
        wrong = await self._propose_again(c06_secret=WRONG_SECRET, deadline_ms=9000)
        before = await self._control.journal("official")
        checked = await self._office.preflight(wrong)
        expect("preflight passed", checked["passed"], False)
        failed = next(check for check in checked["checks"] if not check["passed"])
        expect("the line that failed", failed["name"], "login")
        code = ""
        try:
            await self._office.approve(wrong, by=self._office.approver)
        except ActRefused as refused:
            code = refused.code
        expect("approval", code, "preflight_failed")
        tried = len(await self._control.journal("official")) - len(before)
        expect("logins tried with the wrong secret", tried, 1)
        return (
            ("preflight", f"failed at {failed['name']}: {failed['remedy']}"),
            ("logins tried", "1, and none after it was refused"),
            ("approval", "422 preflight_failed"),
        )

    async def _return(self) -> Evidence:
        change = await self._propose_again(deadline_ms=8000)
        checked = await self._office.preflight(change)
        expect("preflight passed", checked["passed"], True)
        await self._office.approve(change, by=self._office.approver)
        await self._office.activate(change)
        await self._control.fault(kind="unauthorised_once", operation=CONFIRM, times=2)
        people = await self._control.confirmed(3)
        failed = [await self._verify(person, "HN-failing") for person in people[:2]]
        expect("answers while the registry refuses the login", failed, [502, 502])
        ended = await self._until_ended(change)
        expect("state of the change", ended["state"], "rolled_back")
        expect("a request after the return", await self._verify(people[2], "HN-returned"), 201)
        return (
            ("return", f"by {ended['ended_by']}: {ended['reason']}"),
            ("official", "uses the former revision again"),
        )

    async def _propose_again(self, **members: Any) -> dict[str, Any]:
        """Propose the mock's first official account again, with these members changed."""
        account = await self._control.account("dvctt-hanoi-official")
        revision = {
            "registry_url": self._scene.mock.official,
            "c06_user": account["user"],
            "c06_secret": account["secret"],
            "agency": account["agency"],
            "officer": "dvctt.dichvu",
        }
        return await self._office.propose(
            kind="activate_revision", profile="official", revision=revision | members
        )

    async def _verify(self, person: dict[str, Any], dossier: str) -> int:
        answer = await self._official.verify(
            KHAI_SINH | CITIZEN | {"claim": person, "dossier": dossier, "fresh": True}
        )
        return answer.status

    async def _until_all_are_away(self, before: int) -> None:
        """Wait until all questions have reached the mock, whose journal has an entry as soon as one arrives."""
        until = time.monotonic() + LATENCY_MS / 1000
        while time.monotonic() < until:
            if len(await self._control.journal("official")) - before >= IN_FLIGHT:
                return
            await asyncio.sleep(0.02)

    async def _until_ended(self, change: dict[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + RETURN_SECONDS
        while time.monotonic() < until:
            found = await self._office.look(change)
            if found["state"] != "active":
                return found
            await asyncio.sleep(0.1)
        raise StepFailed(f"the change did not end within {RETURN_SECONDS:.0f} s")
