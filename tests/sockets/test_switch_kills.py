"""Threat 13: a gateway killed at any step of a switch restarts with one active revision and a complete audit.

A decision made before the kill remains; an unfinished change continues, and its operators are still signed
in.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.groups import kill_whole, make_place
from tests.kit.programs import (
    Place,
    Running,
    Served,
    clear_faults,
    log_in,
    plan_fault,
    read_journal,
    read_rows,
    store_of,
    wait_for,
)
from tests.kit.scene import enquiry, revision_of
from tests.kit.staff import (
    APPROVER,
    OpsClient,
    enrol_operators,
    issue_account,
    sign_in_operators,
)
from tests.kit.stores import Server

FORMER = "dvctt-hanoi"
HALFWAY_MS = 30_000
"""How long the former revision's login takes, which is tried when the gateway is killed: longer than the kill."""

PATIENT = {"GATEWAY_SANDBOX_DEADLINE_MS": "60000"}


@dataclass(kw_only=True)
class Story:
    """A gateway that is killed and started again repeatedly, and its operators."""

    mock: Served
    place: Place
    workers: int
    account: dict[str, str]
    desk: OpsClient

    @contextmanager
    def living(self) -> Iterator[Running]:
        """Start the gateway, and kill it at the end of the block."""
        with self.place.serving(workers=self.workers) as running:
            self.desk = replace(self.desk, address=running.address)
            yield running
            kill_whole(running)

    def look(self, running: Running, change: dict[str, Any], state: str, active: int, account: str) -> None:
        """Check the state of a running gateway."""
        assert self.desk.look(change)["state"] == state
        profile = self.desk.profile("sandbox")
        assert (profile["state"], profile["active"]) == ("ready", active)
        assert self.ask(running) == (201, account)

    def ask(self, running: Running) -> tuple[int, str]:
        """Ask a question; return the status and the account at the registry."""
        with log_in(running, self.account) as portal:
            answer = portal.post("/verifications", json=enquiry(fresh=True))
        rows = read_rows(store_of(self.place))
        (code,) = [
            row["request_code"]
            for row in rows
            if row["kind"] == "intended" and row.get("request_id") == answer.headers["x-request-id"]
        ]
        return answer.status_code, str(read_journal(self.mock)[code]["account"])


def begin(mock: Served, place: Place, workers: int) -> Story:
    place = replace(place, settings={**place.settings, **PATIENT})
    operators = enrol_operators(place)
    account = place.make_account()
    with place.serving(workers=workers) as running:
        desk = sign_in_operators(operators, running)
        kill_whole(running)
    return Story(mock=mock, place=place, workers=workers, account=account, desk=desk)


def play(story: Story, name: str) -> None:
    """Kill after each step; the next start finds the state of that step and continues."""
    new = issue_account(story.mock, name)
    with story.living():
        change = story.desk.propose("sandbox", revision_of(new, story.mock.test))
    with story.living() as running:
        story.look(running, change, "proposed", 1, FORMER)
        assert story.desk.preflight(change)["passed"] is True
    with story.living() as running:
        story.look(running, change, "preflighted", 1, FORMER)
        story.desk.approve(change)
    with story.living() as running:
        story.look(running, change, "approved", 1, FORMER)
        story.desk.activate(change)
    with story.living() as running:  # within its watch, and killed in it
        story.look(running, change, "active", 2, name)
    return_halfway(story, change, name)
    assert story.place.run("audit", "verify")["ok"] is True


def return_halfway(story: Story, change: dict[str, Any], name: str) -> None:
    """Kill while the former revision's login is tested: the switch remains, and an operator returns from it."""
    try:
        with story.living() as running:
            story.look(running, change, "active", 2, name)
            plan_fault(story.mock, "latency", account=FORMER, delay_ms=HALFWAY_MS)
            plan_fault(story.mock, "unauthorised_once", account=name, times=2 * story.workers)
            wait_for(lambda: refuse_once(story, running) and is_returning(story, change))
        clear_faults(story.mock)
        # Still slow, since a gateway whose lease ends before this look returns by itself.
        plan_fault(story.mock, "latency", account=FORMER, delay_ms=HALFWAY_MS)
        with story.living() as running:
            story.look(running, change, "active", 2, name)
            clear_faults(story.mock)
            body = {"reason": "the gateway was killed while it returned"}
            story.desk.ask(APPROVER, "POST", f"/changes/{change['id']}/rollback", body)
    finally:
        clear_faults(story.mock)
    with story.living() as running:
        story.look(running, change, "rolled_back", 1, FORMER)


def refuse_once(story: Story, running: Running) -> bool:
    """Ask a question whose login a planned fault refuses."""
    with log_in(running, story.account) as portal:
        return portal.post("/verifications", json=enquiry(fresh=True)).status_code in {201, 502}


def is_returning(story: Story, change: dict[str, Any]) -> bool:
    """Say whether the gateway has announced its test of the former revision."""
    rows = read_rows(store_of(story.place))
    return any(
        (row["kind"], row["act"], row.get("actor")) == ("intended", change["id"], "gateway") for row in rows
    )


def test_threat_13_a_kill_after_each_step_of_a_switch_leaves_one_active_revision(
    mock: Served, place: Place
) -> None:
    play(begin(mock, place, 1), "killed-alone")


@pytest.mark.postgresql
def test_threat_13_a_group_killed_after_each_step_continues_from_that_step(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    play(begin(mock, make_place(mock, postgresql_server, tmp_path), 2), "killed-together")


def test_threat_13_a_kill_during_an_activation_leaves_it_done_or_not_done(mock: Served, place: Place) -> None:
    """At whatever moment: the change agrees with the profile's state and continues."""
    story = begin(mock, place, 1)
    for number, seconds in enumerate((0.0, 0.015, 0.04)):
        new = issue_account(mock, f"killed-within-{number}")
        with story.living():
            before = story.desk.profile("sandbox")["active"]
            change = story.desk.ready("sandbox", revision_of(new, mock.test))
            call = threading.Thread(target=_activate, args=(story.desk, change))
            call.start()
            call.join(seconds)
        call.join(30)
        with story.living():
            after = story.desk.look(change)
            active = story.desk.profile("sandbox")["active"]
            assert (after["state"], active) in {("approved", before), ("active", change["revision"])}
            if after["state"] == "approved":
                assert story.desk.activate(change)["state"] == "active"
    assert place.run("audit", "verify")["ok"] is True


def _activate(desk: OpsClient, change: dict[str, Any]) -> None:
    with contextlib.suppress(httpx.TransportError):  # the process that would answer was killed
        desk.activate(change)
