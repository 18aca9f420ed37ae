"""`python -m benchmarks.mock`: the mock registry beside three other mocks, on real sockets, as ratios.

Ours is `mock-c06 serve` as anybody starts it, at a thousand and at a hundred million people, every call about another
person, with its login, journal and recording; the others answer something canned (benchmarks/mock_peers.py). One process
each, one after the other, over the same keep-alive connections from the same generator; the rounds take turns, and the
median counts. Processor time is the server's own and hangs less on what else the machine does.
"""

import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.mock_calls import (
    RECORD,
    SEED,
    VERDICT,
    Place,
    adapter_header,
    is_record,
    is_token,
    is_yes,
    people_of,
    platform_calls,
    soap_calls,
    token_call,
)
from benchmarks.mock_peers import Peer, PeersMissing, install_peers, peers
from benchmarks.mock_report import CALLERS, CALLS, ROUNDS, Figures, Seen, report
from benchmarks.wire_load import Accept, send_all
from mock_c06.population.model import Person

ROOT = Path(__file__).resolve().parent.parent
POPULATIONS = {"10^3": 1_000, "10^8": 100_000_000}
_CONTROL = "bench"
_SECONDS_TO_START = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running mock: its process, where it listens, and where ours has its control face."""

    name: str
    pid: int
    place: Place
    control: Place | None = None


def main() -> None:
    """Start everything, measure in turns, print ratios, keep the figures."""
    try:
        install_peers()
        others: tuple[Peer, ...] = peers()
    except PeersMissing as reason:
        print(f"no peers: {reason}; our figures alone")
        others = ()
    figures: Figures = defaultdict(list)
    with ExitStack() as stack:
        ours = [
            (stack.enter_context(_mock(size, count)), people_of(count, CALLS))
            for size, count in POPULATIONS.items()
        ]
        running = [(peer, stack.enter_context(_peer(peer))) for peer in others]
        for number in range(ROUNDS + 1):
            # The first round warms up: caches here, compilers there.
            kept: Figures = figures if number else defaultdict(list)
            for server, people in ours:
                _measure_ours(server, people, number, kept)
            for peer, server in running:
                _measure_peer(peer, server, kept)
    report(figures)


def _measure_ours(server: Server, people: Sequence[Person], number: int, figures: Figures) -> None:
    """Ask four things, each in a fresh run, so that no round meets a longer journal than another."""
    assert server.control is not None
    headers = {"Authorization": f"Bearer {_CONTROL}"}
    with httpx.Client(base_url=f"http://{server.control.authority}", headers=headers, timeout=60) as control:
        accounts = {account["name"]: account for account in control.get("/accounts").json()}
        portal, platform_account = accounts["dvctt-hanoi"], accounts["dvctt-lgsp-camel"]

        def measure(what: str, calls: Sequence[bytes], accept: Accept) -> None:
            figures[f"ours {what} {server.name}"].append(_send(server, calls, accept))

        for what, operation, accept in (("003", VERDICT, is_yes), ("037", RECORD, is_record)):
            with _run(control, f"{what}-{number}") as run:
                measure(what, list(soap_calls(server.place, run, portal, operation, people)), accept)
        with _run(control, f"json-{number}") as run:
            login = _login(server.place, run, platform_account)
            calls = list(platform_calls(server.place, f"/r/{run}", login, VERDICT, people))
            measure("003 JSON", calls, is_yes)
        with _run(control, f"token-{number}") as run:
            measure("token", [token_call(server.place, f"/r/{run}", platform_account)] * CALLS, is_token)


@contextmanager
def _run(control: httpx.Client, name: str) -> Iterator[str]:
    control.post("/runs", json={"name": name}).raise_for_status()
    yield name
    control.delete(f"/runs/{name}").raise_for_status()


def _login(place: Place, run: str, account: Mapping[str, Any]) -> dict[str, str]:
    """Get a platform's token, and give the headers of a call under it."""
    adapter = {"lgspaccesstoken": adapter_header(account)}
    answer = httpx.post(
        f"http://{place.authority}/r/{run}/token",
        data={"grant_type": "client_credentials"},
        auth=(account["ngsp_key"], account["ngsp_secret"]),
        headers=adapter,
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}", **adapter}


def _measure_peer(peer: Peer, server: Server, figures: Figures) -> None:
    for what, (write, accept) in peer.asked.items():
        figures[f"{peer.name} {what}"].append(_send(server, [write(server.place)] * CALLS, accept))


def _send(server: Server, calls: Sequence[bytes], accept: Accept) -> Seen:
    before = _cpu_s(server.pid)
    found = send_all(server.place.host, server.place.port, calls, callers=CALLERS, accept=accept)
    after = _cpu_s(server.pid)
    spent = (after - before) / len(calls) * 1e6 if before is not None and after is not None else None
    return Seen(round=found, cpu_us=spent)


def _cpu_s(pid: int) -> float | None:
    """Give the processor time of a process with all its threads, where the system tells."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _mock(size: str, count: int) -> Iterator[Server]:
    test, official, control = (_free() for _ in range(3))
    ports = ("--port", test.port, "--official-port", official.port, "--control-port", control.port)
    command = [
        sys.executable,
        "-m",
        "mock_c06",
        "serve",
        *map(str, ports),
        "--population",
        str(count),
        "--seed",
        SEED,
    ]
    with _process(command, {"MOCK_C06_CONTROL_TOKEN": _CONTROL}, control) as pid:
        yield Server(name=size, pid=pid, place=test, control=control)


@contextmanager
def _peer(peer: Peer) -> Iterator[Server]:
    place = _free()
    with _process(peer.command(place), {"NODE_ENV": "production", **peer.environment(place)}, place) as pid:
        yield Server(name=peer.name, pid=pid, place=place)


@contextmanager
def _process(command: list[str], settings: Mapping[str, str], place: Place) -> Iterator[int]:
    """Keep a program running that listens there; it is ended by its own id."""
    surroundings = {**os.environ, **settings}  # noqa: TID251 - a child's environment
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        _wait(process, place)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", place: Place) -> None:
    for _ in range(_SECONDS_TO_START * 10):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((place.host, place.port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not start")


def _free() -> Place:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Place(host="127.0.0.1", port=probe.getsockname()[1])


if __name__ == "__main__":
    main()
