"""Threat 11: a switch of revisions under load, on real sockets. A request ends under the revision it
began with; none fails.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.clocks import HandClock
from tests.kit.groups import WORKERS, make_place, own_connections
from tests.kit.programs import (
    Place,
    Running,
    Served,
    clear_faults,
    find_people,
    place_beside,
    plan_fault,
    read_journal,
    read_rows,
    store_of,
    wait_for,
)
from tests.kit.scene import AGENCY, Portal, enquiry, revision_of
from tests.kit.staff import OpsClient, enrol_operators, issue_account, sign_in_operators
from tests.kit.stores import Server


def accounts_by_request(
    rows: Sequence[Mapping[str, Any]], journal: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Return the account used for each request's questions, by the request's id."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["kind"] == "intended" and row.get("request_id"):
            found.setdefault(row["request_id"], []).append(journal[row["request_code"]]["account"])
    return found


IN_FLIGHT = 64
FORMER = "dvctt-hanoi"
VERDICT, RECORD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A gateway with a revision ready for activation, and a portal with different people to ask about."""

    mock: Served
    place: Place
    desk: OpsClient
    portal: Portal
    change: dict[str, Any]
    people: Sequence[dict[str, Any]]

    async def ask_all(self, name: str, **more: Any) -> list[httpx.Response]:
        """Verify everybody at once, each on a separate connection."""
        async with own_connections() as http:
            portal = replace(self.portal, http=http)
            return await asyncio.gather(
                *(
                    portal.call("POST", "/verifications", enquiry(**self.about(name, number), **more))
                    for number in range(len(self.people))
                )
            )

    def about(self, name: str, number: int) -> dict[str, Any]:
        """Return claim and dossier of one of the people."""
        return {"claim": self.people[number], "dossier": f"HN-{name}-{number}", "fresh": True}

    def count_intended(self) -> int:
        """Return the number of questions announced so far."""
        return sum(row["kind"] == "intended" for row in read_rows(store_of(self.place)))


def prepare(mock: Served, place: Place, running: Running, name: str) -> Switch:
    """Prepare a change up to its activation, and get a token."""
    desk = sign_in_operators(enrol_operators(place), running)
    change = desk.ready("sandbox", revision_of(issue_account(mock, name), mock.test))
    made = place.make_account()
    portal = Portal(
        http=httpx.AsyncClient(),
        clock=HandClock(),
        client_id=made["client_id"],
        issuer=f"{running.address}/sandbox",
        secret=made["client_secret"],
    )
    return Switch(
        mock=mock, place=place, desk=desk, portal=portal, change=change, people=find_people(mock)[:IN_FLIGHT]
    )


async def warm_up(switch: Switch) -> None:
    """Get a token, and let every worker confirm its login, so that no later request waits for it."""
    async with own_connections() as http:
        switch.portal.http = http
        await switch.portal.log_in()
    assert {answer.status_code for answer in await switch.ask_all("WARM")} == {201}


async def switch_in_flight(switch: Switch, **more: Any) -> list[httpx.Response]:
    """Activate the change once everybody's first question is at the registry; return the answers to them."""
    before = await asyncio.to_thread(switch.count_intended)
    asked = asyncio.create_task(switch.ask_all("FORMER", **more))
    whole = before + len(switch.people)
    await asyncio.to_thread(wait_for, lambda: switch.count_intended() >= whole)
    assert not asked.done()
    done = await asyncio.to_thread(switch.desk.activate, switch.change)
    assert done["state"] == "active"
    return await asked


def judge(switch: Switch, name: str, former: list[httpx.Response], later: list[httpx.Response]) -> None:
    """Requests from before the switch use the former revision, later ones the new one; none uses both,
    and none fails.
    """
    journal = read_journal(switch.mock)
    asked_as = accounts_by_request(read_rows(store_of(switch.place)), journal)
    for answers, account in ((former, FORMER), (later, name)):
        assert [answer.status_code for answer in answers] == [201] * IN_FLIGHT
        assert {answer.json()["verdict"] for answer in answers} == {"confirmed"}
        for answer in answers:
            assert set(asked_as[answer.headers["x-request-id"]]) == {account}
    assert {entry["outcome"] for entry in journal.values()} <= {"found", "not_found"}
    assert switch.place.run("audit", "verify")["ok"] is True


def test_threat_11_requests_in_progress_end_under_the_former_revision_and_none_fails(
    mock: Served, place: Place
) -> None:
    """Each asks twice, for a verdict and for a record; every second question is sent after the switch."""
    with place.serving() as running:
        switch = prepare(mock, place, running, "rotated")
        asyncio.run(warm_up(switch))
        plan_fault(mock, "latency", operation=VERDICT, account=FORMER, delay_ms=3000)
        try:
            fields = {"prefill": {"fields": ["full_name"]}}
            former = asyncio.run(switch_in_flight(switch, **fields))
            later = asyncio.run(switch.ask_all("LATER", **fields))
        finally:
            clear_faults(mock)
        judge(switch, "rotated", former, later)
        states = {answer.json()["prefill"]["fields"]["full_name"]["state"] for answer in (*former, *later)}
        assert states == {"filled"}


@pytest.mark.postgresql
def test_threat_11_every_worker_follows_a_switch_during_open_questions(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    with place.serving(workers=WORKERS) as running:
        switch = prepare(mock, place, running, "rotated-for-all")
        asyncio.run(warm_up(switch))
        plan_fault(mock, "latency", operation=VERDICT, account=FORMER, delay_ms=3000)
        try:
            former = asyncio.run(switch_in_flight(switch))
            epoch = switch.desk.profile("sandbox")["epoch"]
            wait_for(
                lambda: len(find_followers(place, epoch)) >= WORKERS - 1
            )  # and the worker that was called
            later = asyncio.run(switch.ask_all("LATER"))
        finally:
            clear_faults(mock)
        judge(switch, "rotated-for-all", former, later)
        assert len({line["worker"] for line in place.events("request")}) > 1


def find_followers(place: Place, epoch: int) -> set[int]:
    """Return the workers that followed to an epoch without a call."""
    return {line["worker"] for line in place.events("epoch_followed") if line["epoch"] >= epoch}


def test_the_end_of_its_connection_does_not_cut_off_a_request_of_two_slow_questions(
    mock: Served, tmp_path: Path
) -> None:
    """Each question has its own deadline: together they may take longer than one deadline."""
    place = place_beside(mock, tmp_path, GATEWAY_SANDBOX_DEADLINE_MS="3000")
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    with place.serving() as running:
        switch = prepare(mock, place, running, "rotated-slowly")
        switch = replace(switch, people=switch.people[:1])
        asyncio.run(warm_up(switch))
        for operation in (VERDICT, RECORD):
            plan_fault(mock, "latency", operation=operation, account=FORMER, delay_ms=2400)
        try:
            (answer,) = asyncio.run(switch_in_flight(switch, prefill={"fields": ["full_name"]}))
        finally:
            clear_faults(mock)
    assert answer.status_code == 201, answer.text
    assert answer.json()["prefill"]["fields"]["full_name"]["state"] == "filled"
