"""`python -m benchmarks.flood`: how long official's calls take while a sandbox account floods the gateway.

Calls to official (`/me`, a verification that is reused, one that is asked) have a constant rate, alternately without and with
the flood, so that other load of the machine affects both. The flood is a separate program: connections that send bodies of
64 KB (names and notes of combining marks, thousands of members, lists, digits), and more questions at once than the bulkhead
sends, which the benchmark's own registry answers after a second with 60,000 attributes on one element.

Both profiles in one process, then a process for each profile with an SQLite file of its own (`--separate`: only that), sandbox's
with lower priority, as `docs/operations.md` advises for few cores. The flood sends 100 KB/s on each connection, in the last row as fast as it
can. Goal: the 99th percentile with the flood is at most twice the one without. Before the limits of docs/decisions/0064 it was
39 seconds.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
from joserfc.jwk import ECKey

from benchmarks.command import make_parser, working_folder
from benchmarks.kept import keep, machine
from portal.gateway_client import GatewayClient, PortalAccount
from tests.kit.programs import Place, Served, find_account, log_in, make_store, place_beside, serving_mock
from tests.kit.scene import AGENCY, enquiry

CONNECTIONS = 8
ASKERS = 96
"""More than the 64 questions that the bulkhead sends at once."""

SLOW_S = 1.0
BYTES_PER_SECOND = 100_000
BODY = 64_000
PIECES_PER_SECOND = 10
ROUNDS, QUICK = 8, 1
ASKED = 75
PAUSE_S = 0.02
GOAL = 2.0
BEHIND = 10
"""The lower priority of the flood and of a sandbox process of its own: on few cores their CPU time would be measured."""

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ANSWERS = "http://www.mic.gov.vn/dancu/1.0"
_MARKS = "a" + "\u0300\u0316" * (BODY // 4)


def bomb() -> bytes:
    """Return an answer with 60,000 attributes on one element, smaller than the largest accepted answer."""
    attributes = " ".join(f'a{number}="1"' for number in range(60_000))
    payload = f'<CongdanCollection xmlns="{_ANSWERS}" {attributes}/>'
    return f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>{payload}</s:Body></s:Envelope>'.encode()


def bodies() -> list[tuple[str, bytes]]:
    """Return the flood's requests: route and body."""
    name = enquiry()
    name["claim"] = {**name["claim"], "full_name": _MARKS}
    members = {f"m{number}": 1 for number in range(BODY // 12)}
    written: Sequence[tuple[str, Any]] = (
        ("/verifications", name),
        ("/discrepancies", {"prefill": "pre_x", "field": "gender", "note": _MARKS}),
        ("/verifications", members),
        ("/verifications", enquiry(fresh=True)),
        (
            "/evaluations",
            {"procedure": "khai-sinh", "subject_role": "requester", "fields": [1] * (BODY // 3)},
        ),
        ("/receipts/check", {"receipt": "." * (BODY - 100)}),
    )
    digits = b'{"procedure": ' + b"1" * (BODY - 100) + b"}"
    deep = b'{"procedure": ' + b"[" * (BODY // 2)
    sent = [(route, json.dumps(body, ensure_ascii=False).encode()) for route, body in written]
    return [*sent, ("/verifications", digits), ("/verifications", deep)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arrangement of processes, and its flood: `paced` is the flood of 100 KB/s for each connection."""

    name: str
    separate: bool
    paced: bool


ROWS = (
    Row(name="both profiles in one process", separate=False, paced=True),
    Row(name="a process for each profile", separate=True, paced=True),
    Row(name="a process for each profile, the flood as fast as it can", separate=True, paced=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The seconds of official's calls, round by round, without and with the flood, and what the flood received."""

    rounds: Sequence[tuple[Sequence[float], Sequence[float]]]
    met: Counter[str]

    @property
    def ratio(self) -> float:
        """Return the median over the rounds of the p99 with the flood, divided by the one without."""
        return median(_p99(flooded) / _p99(quiet) for quiet, flooded in self.rounds)


def main() -> None:
    """Measure each row, print the ratios, store the figures."""
    parser = make_parser(__doc__, quick="one round of each row")
    parser.add_argument("--separate", action="store_true", help="only a process for each profile")
    options = parser.parse_args()
    rows = [row for row in ROWS if row.separate or not options.separate]
    rounds = QUICK if options.quick else ROUNDS
    print(f"official's calls under a flood from a sandbox account; {machine()}")
    with working_folder("flood") as folder:
        found = {
            row.name: measure(row, folder / str(number), rounds=rounds) for number, row in enumerate(rows)
        }
    kept = _report(found)
    if not options.quick:
        print(f"written to {keep('flood', kept)}")


def measure(row: Row, folder: Path, *, rounds: int, asked: int = ASKED) -> Measured:
    """Serve as the row says, and measure `rounds` times `asked` calls without and with the flood."""
    with (
        serving_mock() as mock,
        _hostile_registry() as hostile,
        _serving(row, mock, hostile, folder) as (official, log_in_at_sandbox),
    ):
        asyncio.run(_ask(official, asked))  # the first calls include one-time work
        measured: list[tuple[list[float], list[float]]] = []
        met: Counter[str] = Counter()
        for _ in range(rounds):
            quiet = asyncio.run(_ask(official, asked))
            with log_in_at_sandbox() as portal:
                base, headers = str(portal.base_url), {"Authorization": portal.headers["authorization"]}
            with _flood(base, headers, paced=row.paced) as answered:
                flooded = asyncio.run(_ask(official, asked))
            measured.append((quiet, flooded))
            met.update(answered())
    return Measured(rounds=measured, met=met)


@contextmanager
def _serving(
    row: Row, mock: Served, hostile: str, folder: Path
) -> Iterator[tuple[PortalAccount, Callable[[], httpx.Client]]]:
    """Serve both profiles; yield official's account, and what signs sandbox's account in."""
    sandbox = {"GATEWAY_SANDBOX_REGISTRY_URL": hostile, "GATEWAY_LOG_LEVEL": "warning"}
    away = _official_settings(mock) | {"GATEWAY_LOG_LEVEL": "warning"}
    if row.separate:
        near = _make_place(mock, folder / "sandbox", sandbox | {"GATEWAY_SERVE_PROFILE": "sandbox"})
        bare = {"GATEWAY_LOG_FORMAT": "json", "GATEWAY_SERVE_PROFILE": "official"}
        far = replace(_make_place(mock, folder / "official", {}), settings=bare | away)
    else:
        near = far = _make_place(mock, folder / "both", sandbox | away)
    account, key = near.make_account(), _make_official_account(far)
    with ExitStack() as opened:
        at_official = at_sandbox = opened.enter_context(far.serving())
        if row.separate:
            at_sandbox = opened.enter_context(near.serving(within=("nice", "-n", str(BEHIND))))
        yield replace(key, issuer=f"{at_official.address}/official"), lambda: log_in(at_sandbox, account)


def _make_place(mock: Served, folder: Path, settings: Mapping[str, str]) -> Place:
    folder.mkdir(parents=True)
    place = place_beside(mock, folder, **settings)
    make_store(place)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return place


def _official_settings(mock: Served) -> dict[str, str]:
    account = find_account(mock, "dvctt-hanoi-official")
    members = {
        "REGISTRY_URL": mock.official,
        "C06_USER": account["user"],
        "C06_SECRET": account["secret"],
        "AGENCY": account["agency"],
        "OFFICER": "dvctt.dichvu",
        "NETWORKS": "127.0.0.0/8",
    }
    return {f"GATEWAY_OFFICIAL_{name}": value for name, value in members.items()}


def _make_official_account(place: Place) -> PortalAccount:
    key = ECKey.generate_key("P-256")
    public = place.folder / "official.jwk.json"
    public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
    arguments = ["--organisation", AGENCY, "--profile", "official", "--all-procedures", "--all-fields"]
    made = place.run("accounts", "create", "official", *arguments, "--public-key", str(public))
    return PortalAccount(client_id=made["client_id"], issuer=made["issuer"], key=key)


async def _ask(account: PortalAccount, times: int) -> list[float]:
    """Return the seconds of each call: by turns `/me`, a verification that is reused, one that is asked."""
    took: list[float] = []
    async with GatewayClient(account) as portal:
        calls = (portal.me, lambda: portal.verify(enquiry()), lambda: portal.verify(enquiry(fresh=True)))
        for call in calls:
            await call()
        for number in range(times):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            answer = await calls[number % len(calls)]()
            took.append(time.perf_counter() - began)
            assert answer.status in {200, 201}, answer.members
    return took


@contextmanager
def _flood(base: str, headers: Mapping[str, str], *, paced: bool) -> Iterator[Callable[[], Counter[str]]]:
    """Flood from another process; the yielded function returns at the end how often each status was received."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_flood, args=(base, dict(headers), paced, theirs))
    process.start()
    met: Counter[str] = Counter()
    try:
        assert ours.recv() == "begun"
        yield lambda: met
    finally:
        ours.send("end")
        met.update(ours.recv() if ours.poll(60) else {})
        process.join(10)


def _run_flood(base: str, headers: dict[str, str], paced: bool, pipe: Connection) -> None:
    os.nice(BEHIND)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this process
    pipe.send(asyncio.run(_flood_until_stopped(base, headers, paced, pipe)))


async def _flood_until_stopped(
    base: str, headers: dict[str, str], paced: bool, pipe: Connection
) -> Counter[str]:
    """Send "begun" after the first answer or error, which on a busy machine takes many seconds with this priority."""
    met: Counter[str] = Counter()
    requests = bodies()
    unlimited = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(
            base_url=base, headers=headers, limits=unlimited, timeout=120, trust_env=False
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        callers = [
            group.create_task(_send_all(http, requests[number:] + requests[:number], met, paced))
            for number in range(CONNECTIONS)
        ]
        callers += [group.create_task(_keep_asking(http, number, met)) for number in range(ASKERS)]
        await asyncio.sleep(1.5)
        while not met:  # noqa: ASYNC110 - a counter sets no event
            await asyncio.sleep(0.1)
        pipe.send("begun")
        await asyncio.to_thread(pipe.poll, None)
        for caller in callers:
            caller.cancel()
    return met


async def _send_all(
    http: httpx.AsyncClient, requests: list[tuple[str, bytes]], met: Counter[str], paced: bool
) -> None:
    while True:
        for route, body in requests:
            declared = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            try:
                answer = await http.post(route, content=_trickle(body) if paced else body, headers=declared)
            except httpx.HTTPError as error:
                met[type(error).__name__] += 1
            else:
                met[f"{route} {answer.status_code}"] += 1


async def _keep_asking(http: httpx.AsyncClient, number: int, met: Counter[str]) -> None:
    """Ask about one invented person again and again; wait after a refusal."""
    claim = {**enquiry()["claim"], "citizen_id": f"001090{900_000 + number}"}
    body = enquiry(claim=claim, fresh=True)
    while True:
        try:
            answer = await http.post("/verifications", json=body)
        except httpx.HTTPError as error:
            met[type(error).__name__] += 1
            continue
        met[f"question {answer.status_code}"] += 1
        if answer.status_code in {429, 503}:
            await asyncio.sleep(SLOW_S)


async def _trickle(body: bytes) -> AsyncIterator[bytes]:
    """Send a body at the flood's pace."""
    piece = BYTES_PER_SECOND // PIECES_PER_SECOND
    for begin in range(0, len(body), piece):
        yield body[begin : begin + piece]
        await asyncio.sleep(1 / PIECES_PER_SECOND)


@contextmanager
def _hostile_registry() -> Iterator[str]:
    """Run a registry in a separate process; yield its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve_bombs, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join(10)


def _serve_bombs(pipe: Connection) -> None:
    """Answer every request after a second with 60,000 attributes."""
    os.nice(BEHIND)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the flood
    answer = bomb()

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            time.sleep(SLOW_S)
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with suppress(ConnectionError):  # the flood has ended
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Log nothing."""

    class _Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Print nothing of a connection that the gateway has ended."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with _Server(("127.0.0.1", 0), _Handler) as server:
        pipe.send(f"http://127.0.0.1:{server.server_address[1]}")
        server.serve_forever()


def _report(found: Mapping[str, Measured]) -> dict[str, object]:
    """Print the figures, and return what to store."""
    load = [round(value, 1) for value in os.getloadavg()]
    kept: dict[str, object] = {"connections": CONNECTIONS, "askers": ASKERS, "load": load}
    for name, measured in found.items():
        calm, busy = (
            _percentiles([took for each in measured.rounds for took in each[part]]) for part in (0, 1)
        )
        ratio = round(measured.ratio, 2)
        print(f"{name}; load {load[0]}")
        for word, figures in (("quiet", calm), ("flooded", busy)):
            print(f"  {word:<8} p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms")
        met = dict(sorted(measured.met.items()))
        print(
            f"  p99 flooded ÷ quiet, median of {len(measured.rounds)} rounds: {ratio} (goal: at most {GOAL:g}); "
            f"the flood received {sum(met.values())} answers"
        )
        kept[name] = {"quiet": calm, "flooded": busy, "ratio_p99": ratio, "flood_met": met}
    return kept


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(took, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49] * 1000, 2), "p99_ms": round(cuts[98] * 1000, 2)}


def _p99(took: Sequence[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98]


if __name__ == "__main__":
    main()
