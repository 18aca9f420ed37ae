"""`python -m benchmarks.switching`: how soon every worker asks under a revision that was just activated, under load.

So many callers verify without a pause, each about a person of their own, while operators switch the sandbox again and
again to an account that the mock has just issued. A switch took as long as from the activation's call until each
worker has sent its first question under the new revision (the moment of its `intended` row, the account of the mock's
journal, the worker of the log). A request that was not answered 201 has failed. Goal: below a second, none failed.
"""

import asyncio
import json
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

from tests.mock_c06.programs import Served, serving
from tests.postgresql import PostgresqlMissing, running_postgresql
from tests.sockets.desk import Desk, enrol_operators, issue_account, revision_of, sign_in
from tests.sockets.groups import make_place
from tests.sockets.people import find_people
from tests.sockets.programs import AGENCY, Place, Running, enquiry, log_in, place_beside
from tests.sockets.rows import read_journal, read_rows, store_of

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SWITCHES = 50
CALLERS = 64
WORKERS = 4
PAUSE_S = 0.5
"""How long a revision serves before the next is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run of switches saw; the times are of all workers of all switches."""

    took_s: Sequence[float]
    unseen: int
    requests: int
    failed: int

    def to_json(self) -> dict[str, float]:
        """Return rounded members."""
        cuts = quantiles(self.took_s, n=100, method="inclusive")
        return {
            "p50_ms": round(cuts[49] * 1000),
            "p99_ms": round(cuts[98] * 1000),
            "longest_ms": round(max(self.took_s) * 1000),
            "workers_unseen": self.unseen,
            "requests": self.requests,
            "failed": self.failed,
        }


@dataclass(slots=True)
class Load:
    """What the callers have been answered so far."""

    answered: int = 0
    failed: int = 0
    over: threading.Event = field(default_factory=threading.Event)


def main() -> None:
    """Switch on both kinds of store, print the figures, keep them."""
    (ROOT / "var").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))
    found: dict[str, dict[str, float]] = {}
    try:
        with serving() as mock:
            (folder / "sqlite").mkdir()
            place = place_beside(mock, folder / "sqlite")
            place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
            found["1 worker, SQLite"] = _run(mock, place, workers=1)
        with serving() as mock, running_postgresql() as server:
            server.make_template()
            (folder / "postgresql").mkdir()
            place = make_place(mock, server, folder / "postgresql")
            found[f"{WORKERS} workers, PostgreSQL"] = _run(mock, place, workers=WORKERS)
    except PostgresqlMissing as missing:
        print(f"no PostgreSQL here, one kind of store only: {missing}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _report(found)


def _run(mock: Served, place: Place, *, workers: int) -> dict[str, float]:
    operators, account = enrol_operators(place), place.make_account()
    with place.serving(workers=workers) as running:
        desk = sign_in(operators, running)
        with _callers(running, account, find_people(mock)[:CALLERS]) as load:
            began = [_switch(mock, desk, number) for number in range(SWITCHES)]
    took, unseen = _measure(mock, place, began, workers)
    return Figures(took_s=took, unseen=unseen, requests=load.answered, failed=load.failed).to_json()


def _switch(mock: Served, desk: Desk, number: int) -> float:
    """Switch to an account of this number; return when the activation was called, by the wall clock."""
    change = desk.ready("sandbox", revision_of(issue_account(mock, _name(number)), mock.test))
    began = time.time()  # noqa: TID251 - is held against the gateway's rows
    desk.activate(change)
    time.sleep(PAUSE_S)
    return began


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
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=60) as http:
        await asyncio.gather(*(_call(load, http, running, account, person) for person in people))


async def _call(
    load: Load, http: httpx.AsyncClient, running: Running, account: dict[str, str], person: dict[str, Any]
) -> None:
    """Verify one person again and again, with a new token every four minutes."""
    headers: dict[str, str] = {}
    good_until = 0.0
    body = enquiry(claim=person, dossier=f"BENCH-{person['citizen_id'][-3:]}", fresh=True)
    while not load.over.is_set():
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


def _measure(mock: Served, place: Place, began: Sequence[float], workers: int) -> tuple[list[float], int]:
    """Return for each switch and worker how long it took, and how many workers were never seen."""
    journal = read_journal(mock)
    worker_of = {line["request_id"]: line.get("worker", 0) for line in place.events("request")}
    first: dict[tuple[str, int], float] = {}
    for row in read_rows(store_of(place)):
        if row["kind"] == "intended" and row.get("request_id") in worker_of:
            key = (journal[row["request_code"]]["account"], worker_of[row["request_id"]])
            first.setdefault(key, datetime.fromisoformat(row["at"]).timestamp())
    keys = [(number, worker) for number in range(len(began)) for worker in range(workers)]
    seen = [(_name(number), worker) in first for number, worker in keys]
    took = [
        first[_name(number), worker] - began[number]
        for (number, worker), was_seen in zip(keys, seen, strict=True)
        if was_seen
    ]
    return took, seen.count(False)


def _report(found: dict[str, dict[str, float]]) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{SWITCHES} switches of a connection under {CALLERS} callers; {machine}")
    for name, figures in found.items():
        print(
            f"  {name:<21} p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms until every worker asks anew; "
            f"{figures['failed']:.0f} of {figures['requests']:.0f} requests failed"
        )
    RESULTS.mkdir(parents=True, exist_ok=True)
    day = date.fromtimestamp(time.time()).isoformat()  # noqa: TID251, DTZ012 - names a file after the day
    path = RESULTS / f"switching-{day}.json"
    members = {"machine": machine, "callers": CALLERS, "switches": SWITCHES, "figures": found}
    path.write_text(json.dumps(members, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
