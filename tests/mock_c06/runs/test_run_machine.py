"""Runs beside each other at both faces: whatever is done in one, each answers as if it were alone.

Runs are made and dropped, people die, faults are planned, switches set and codes used, in any order; a model that knows
one run at a time says what every question must get, and how long each journal is.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mock_c06.testing.targets import Target, in_process
from tests.mock_c06.callers import envelope, sign

NAMES = ("one", "two", "three")
PEOPLE = {
    "001090000123": ("NGUYENVANAN", "19900131"),
    "001192000124": ("LETHIDUNG", "19920308"),
}
OPERATION = "XacThucThongTinCongDan"
RUNS, WHO, CODE = (
    st.sampled_from(NAMES),
    st.sampled_from(tuple(PEOPLE)),
    st.sampled_from(("a", "b", "c", "d")),
)


@dataclass
class Known:
    """What one run must remember, and nothing else."""

    dead: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    faults_left: int = 0
    exists_verdict: bool = False
    calls: int = 0


class RunsBesideEachOther(RuleBasedStateMachine):
    """Speaks to one mock, whose runs come and go."""

    place: Target

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.door = self._open.enter_context(httpx.Client(transport=self.place.new_transport()))
        self.account = self.place.control.get("/accounts/dvctt-hanoi").json()
        self.moments = count(time.time_ns() // 1_000_000)
        self.runs: dict[str, Known] = {}

    def teardown(self) -> None:
        for name in tuple(self.runs):
            self.drop(name)
        self._open.close()

    def control(self, method: str, path: str, body: object = None) -> int:
        return self.place.control.request(method, path, json=body).status_code

    @rule(name=RUNS)
    def create(self, name: str) -> None:
        expected = 409 if name in self.runs else 201
        assert self.control("POST", "/runs", {"name": name}) == expected
        self.runs.setdefault(name, Known())

    @rule(name=RUNS)
    def drop(self, name: str) -> None:
        expected = 204 if name in self.runs else 404
        assert self.control("DELETE", f"/runs/{name}") == expected
        self.runs.pop(name, None)

    @precondition(lambda self: self.runs)
    @rule(name=RUNS, who=WHO)
    def die(self, name: str, who: str) -> None:
        known = self.runs.get(name)
        expected = 404 if known is None else 409 if who in known.dead else 201
        assert self.control("POST", f"/runs/{name}/events", {"kind": "death", "citizen_id": who}) == expected
        if known is not None:
            known.dead.add(who)

    @precondition(lambda self: self.runs)
    @rule(name=RUNS, times=st.integers(1, 3))
    def plan(self, name: str, times: int) -> None:
        fault = {"kind": "unavailable", "times": times}
        known = self.runs.get(name)
        expected = 404 if known is None else 201
        assert self.control("POST", f"/runs/{name}/faults", fault) == expected
        if known is not None:
            known.faults_left += times

    @precondition(lambda self: self.runs)
    @rule(name=RUNS, on=st.booleans())
    def switch(self, name: str, on: bool) -> None:
        known = self.runs.get(name)
        expected = 404 if known is None else 200
        assert self.control("PUT", f"/runs/{name}/switches", {"exists_verdict": on}) == expected
        if known is not None:
            known.exists_verdict = on

    @rule(name=RUNS, who=WHO, code=CODE)
    def ask(self, name: str, who: str, code: str) -> None:
        known = self.runs.get(name)
        answer = self.send(name, who, code)
        if known is None:
            assert answer.status_code == 404
            return
        known.calls += 1
        if known.faults_left:
            known.faults_left -= 1
            assert (answer.status_code, "x-mock-fault" in answer.headers) == (503, True)
        elif code in known.codes:
            assert (answer.status_code, "<MaLoi>007<" in answer.text) == (500, True)
        else:
            known.codes.add(code)
            assert self.said(known, is_yes=who not in known.dead) in answer.text

    @staticmethod
    def said(known: Known, *, is_yes: bool) -> str:
        if known.exists_verdict:
            return f"<TonTai>{str(is_yes).lower()}<"
        return f"<SoLuongCongDan>{int(is_yes)}<"

    def send(self, name: str, who: str, code: str) -> httpx.Response:
        full_name, birth = PEOPLE[who]
        head = {"MaYeuCau": code, "MaDVC": "G15-TP110", "MaTichHop": "003", "MaCanBo": "can.bo.01"}
        claim = {"SoDinhDanh": who, "HoVaTen": full_name, "NgayThangNam": birth}
        url = f"{self.place.addresses['test']}/r/{name}/{OPERATION}"
        timestamp = str(next(self.moments))
        headers = {
            "Content-Type": "text/xml",
            "Timestamp": timestamp,
            "Authorization": sign(self.account, url, timestamp),
        }
        return self.door.post(url, content=envelope(OPERATION, head | claim), headers=headers)

    @invariant()
    def each_journal_is_as_long_as_its_run_was_asked(self) -> None:
        listed = {run["name"] for run in self.place.control.get("/runs").json()["runs"]}
        assert listed == {"default", *self.runs}
        for name, known in self.runs.items():
            entries = self.place.control.get(f"/runs/{name}/journal").json()["entries"]
            assert len(entries) == known.calls
        assert self.place.control.get("/runs/default/journal").json()["entries"] == []


@pytest.fixture(scope="module")
def machine() -> Iterator[type[RunsBesideEachOther]]:
    with in_process() as place:
        RunsBesideEachOther.place = place
        yield RunsBesideEachOther


def test_runs_beside_each_other_answer_as_if_each_were_alone(machine: type[RunsBesideEachOther]) -> None:
    walks = settings(
        max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=walks)
