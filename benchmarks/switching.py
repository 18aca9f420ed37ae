"""`python -m benchmarks.switching`: how soon after an activation every worker uses the new revision, under load.

`CALLERS` callers verify without a pause, each about its own person, while operators repeatedly switch the sandbox to an
account that the mock has just issued (the callers pause only while the next change is prepared). The time of a switch is
from the activation's call, or from its commit, until each worker has its first question under the new revision: the time
is of the `intended` row, the account from the mock's journal, the worker from the log. A request without a 201 has
failed. Goal: below a second, none failed. The callers use the whole machine, so the call of an activation and the first
question after it wait among their requests.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from benchmarks.command import make_parser, working_folder
from benchmarks.kept import keep, machine
from tests.kit.groups import make_place
from tests.kit.programs import (
    Place,
    Running,
    Served,
    find_people,
    log_in,
    place_beside,
    read_journal,
    read_rows,
    serving_mock,
    store_of,
)
from tests.kit.scene import AGENCY, enquiry, revision_of
from tests.kit.staff import OpsClient, enrol_operators, issue_account, sign_in_operators
from tests.kit.stores import PostgresqlMissing, running_postgresql

SWITCHES, QUICK = 50, 3
CALLERS = 64
WORKERS = 4
PATIENCE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The result of a run; the times are of all workers and all switches, from the call and from the commit."""

    called_s: Sequence[float]
    committed_s: Sequence[float]
    unseen: int
    requests: int
    failed: int

    def to_json(self) -> dict[str, float]:
        """Return rounded members."""
        called = quantiles(self.called_s, n=100, method="inclusive")
        committed = quantiles(self.committed_s, n=100, method="inclusive")
        return {
            "p50_ms": round(called[49] * 1000),
            "p99_ms": round(called[98] * 1000),
            "from_commit_p50_ms": round(committed[49] * 1000),
            "from_commit_p99_ms": round(committed[98] * 1000),
            "workers_unseen": self.unseen,
            "requests": self.requests,
            "failed": self.failed,
        }


@dataclass(slots=True)
class Load:
    """The counts of the callers' answers so far."""

    answered: int = 0
    failed: int = 0
    going: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, more: int) -> None:
        """Wait until `more` further requests have been answered."""
        wanted, until = self.answered + self.failed + more, time.monotonic() + PATIENCE_S
        while self.answered + self.failed < wanted and time.monotonic() < until:
            time.sleep(0.01)


def main() -> None:
    """Measure on both kinds of store, print and store the figures."""
    quick = make_parser(__doc__, quick=f"{QUICK} switches").parse_args().quick
    switches = QUICK if quick else SWITCHES
    with working_folder("switching") as folder:
        found = _measure_stores(folder, switches)
    print(f"{switches} switches of a connection under {CALLERS} callers; {machine()}")
    _report(found)
    if not quick:
        kept = {"callers": CALLERS, "switches": switches, "figures": found}
        print(f"written to {keep('switching', kept)}")


def _measure_stores(folder: Path, switches: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    try:
        with serving_mock() as mock:
            (folder / "sqlite").mkdir()
            place = place_beside(mock, folder / "sqlite")
            place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
            found["1 worker, SQLite"] = _run(mock, place, switches, workers=1)
        with serving_mock() as mock, running_postgresql() as server:
            server.make_template()
            (folder / "postgresql").mkdir()
            place = make_place(mock, server, folder / "postgresql")
            found[f"{WORKERS} workers, PostgreSQL"] = _run(mock, place, switches, workers=WORKERS)
    except PostgresqlMissing as missing:
        print(f"no PostgreSQL here, one kind of store only: {missing}")
    return found


def _run(mock: Served, place: Place, switches: int, *, workers: int) -> dict[str, float]:
    operators, account = enrol_operators(place), place.make_account()
    with place.serving(workers=workers) as running:
        desk = sign_in_operators(operators, running)
        with _callers(running, account, find_people(mock)[:CALLERS]) as load:
            began = [_switch(mock, desk, load, number) for number in range(switches)]
    return _measure(mock, place, began, load, workers=workers).to_json()


def _switch(mock: Served, desk: OpsClient, load: Load, number: int) -> tuple[str, float]:
    """Switch to the account with this number; return the change, and the time of its activation's call."""
    load.going.clear()
    change = desk.ready("sandbox", revision_of(issue_account(mock, _name(number)), mock.test))
    load.going.set()
    load.wait_for(CALLERS)
    began = time.time()  # noqa: TID251 - compared with the times of the gateway's rows
    desk.activate(change)
    load.wait_for(2 * CALLERS)
    return change["id"], began


def _name(number: int) -> str:
    return f"switched-{number}"


@contextmanager
def _callers(running: Running, account: dict[str, str], people: Sequence[dict[str, Any]]) -> Iterator[Load]:
    load = Load()
    thread = threading.Thread(target=lambda: asyncio.run(_call_all(load, running, account, people)))
    thread.start()
    try:
        yield load
    finally:
        load.over.set()
        thread.join()


async def _call_all(
    load: Load, running: Running, account: dict[str, str], people: Sequence[dict[str, Any]]
) -> None:
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=CALLERS), timeout=60) as http:
        await asyncio.gather(*(_call(load, http, running, account, person) for person in people))


async def _call(
    load: Load, http: httpx.AsyncClient, running: Running, account: dict[str, str], person: dict[str, Any]
) -> None:
    """Verify one person again and again, with a new token every four minutes."""
    headers: dict[str, str] = {}
    good_until = 0.0
    body = enquiry(claim=person, dossier=f"BENCH-{person['citizen_id'][-3:]}", fresh=True)
    while not load.over.is_set():
        if not load.going.is_set():
            await asyncio.sleep(0.01)
            continue
        if time.monotonic() > good_until:
            portal = await asyncio.to_thread(log_in, running, account)
            headers, good_until = {"authorization": portal.headers["authorization"]}, time.monotonic() + 240
            portal.close()
        try:
            answer = await http.post(
                f"{running.address}/sandbox/v1/verifications", json=body, headers=headers
            )
        except httpx.HTTPError:
            load.failed += 1
        else:
            load.answered += 1
            load.failed += answer.status_code != 201


def _measure(
    mock: Served, place: Place, began: Sequence[tuple[str, float]], load: Load, *, workers: int
) -> Figures:
    journal, rows = read_journal(mock), read_rows(store_of(place))
    worker_of = {line["request_id"]: line.get("worker", 0) for line in place.events("request")}
    first: dict[tuple[str, int], float] = {}
    commits: dict[str, float] = {}
    for row in rows:
        at = datetime.fromisoformat(row["at"]).timestamp()
        if row["kind"] == "intended" and row.get("request_id") in worker_of:
            key = (journal[row["request_code"]]["account"], worker_of[row["request_id"]])
            first.setdefault(key, at)
        elif row.get("outcome", "").startswith("change_activated"):
            commits[row["act"]] = at
    called, committed = [], []
    for number, (change, moment) in enumerate(began):
        seen = [first[_name(number), worker] for worker in range(workers) if (_name(number), worker) in first]
        called += [at - moment for at in seen]
        committed += [at - commits[change] for at in seen]
    return Figures(
        called_s=called,
        committed_s=committed,
        unseen=len(began) * workers - len(called),
        requests=load.answered,
        failed=load.failed,
    )


def _report(found: dict[str, dict[str, float]]) -> None:
    for name, figures in found.items():
        print(
            f"  {name:<21} until each worker uses it: p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms "
            f"(from the commit {figures['from_commit_p50_ms']:.0f} and {figures['from_commit_p99_ms']:.0f} ms); "
            f"{figures['failed']:.0f} of {figures['requests']:.0f} requests failed"
        )


if __name__ == "__main__":
    main()
