"""Write `tests/counted.txt`: the fast tests that run under coverage in `make test`, where a test takes twice its time.

Every fast test runs once under coverage (about half an hour), which records the branches that each one runs. Then tests are chosen,
always the one that runs the most branches that none before it runs for its time, until they run a share of all. Tests on PostgreSQL
that are listed stay listed: what they run, no fast test does. Run it after large changes, when a listed test has another name, or when the coverage that `make test` prints falls although there are tests.

examples:
  python tools/choose_counted.py                     measure and choose
  python tools/choose_counted.py --kept FOLDER       choose from what a run with --keep FOLDER has measured
"""

import argparse
import heapq
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lxml import etree

ROOT = Path(__file__).resolve().parent.parent
CHOSEN = ROOT / "tests" / "counted.txt"
FAST = "not sockets and not postgresql"
ON_POSTGRESQL = "tests/gateway/audit/test_months.py"
SHARE = 0.9985
SETUP_S = 0.05
"""What a test costs beside its own time; without it, a test of no measurable time would always come first."""

Branches = set[tuple[int, int, int]]
"""File, from line, to line."""


def main(arguments: Sequence[str]) -> int:
    """Measure, choose and write. Return 1 if a test failed."""
    asked = _parse(arguments)
    with tempfile.TemporaryDirectory() as made:
        folder = (asked.kept or asked.keep or Path(made)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if asked.kept is None and (failed := _measure(folder)):
            return failed
        seconds = _read_seconds(folder / "tests.xml")
        anywhere, branches = _read_branches(folder / "coverage")
    chosen = choose(branches, seconds, known=anywhere, share=asked.share)
    listed = CHOSEN.read_text(encoding="utf-8").splitlines()
    stay = [test for test in listed if test.startswith(ON_POSTGRESQL)]
    CHOSEN.write_text("".join(f"{test}\n" for test in sorted([*chosen, *stay])), encoding="utf-8")
    total, rest = sum(seconds.values()), sum(seconds[test] for test in chosen)
    print(
        f"{len(chosen)} of {len(branches)} tests, {rest:.0f} of {total:.0f} s: written to {CHOSEN.relative_to(ROOT)}"
    )
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=SHARE, help=f"of all branches (default {SHARE})")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what is measured there")
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="measure nothing; read what was kept")
    return parser.parse_args(arguments)


def _measure(folder: Path) -> int:
    program = [sys.executable, "-m", "pytest", "-n", "3", "-m", FAST]
    options = ["--cov", "--cov-context=test", "--cov-report=", f"--junitxml={folder / 'tests.xml'}"]
    environment = os.environ | {"COVERAGE_FILE": str(folder / "coverage")}
    return subprocess.run([*program, *options], cwd=ROOT, env=environment, check=False).returncode


def _read_seconds(path: Path) -> dict[str, float]:
    """Return the seconds of each test by its id, from a JUnit file."""
    return {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(case.get("time", 0))
        for case in etree.parse(path).iter("testcase")
    }


def _read_branches(path: Path) -> tuple[Branches, dict[str, Branches]]:
    """Return the branches that were run outside every test, and those of each test. Source: coverage's schema of its data."""
    found: dict[str, Branches] = defaultdict(set)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as data:
        names = {
            number: context.rpartition("|")[0]
            for number, context in data.execute("SELECT id, context FROM context")
        }
        for context, file, start, end in data.execute("SELECT context_id, file_id, fromno, tono FROM arc"):
            found[names[context]].add((file, start, end))
    return found.pop("", set()), found


def choose(
    branches: Mapping[str, Branches], seconds: Mapping[str, float], *, known: Branches, share: float
) -> list[str]:
    """Return tests that run this share of all branches with those that are `known`, the most branches for their seconds first."""
    run, chosen = set(known), list[str]()
    wanted = share * len(run.union(*branches.values()))
    # A gain only falls, so a test that is first with what it gains now is the best one.
    gains = [(-len(each - run) / (seconds[test] + SETUP_S), test) for test, each in branches.items()]
    heapq.heapify(gains)
    while len(run) < wanted:
        _, test = heapq.heappop(gains)
        gain = len(branches[test] - run) / (seconds[test] + SETUP_S)
        if gain and gains and -gain > gains[0][0]:
            heapq.heappush(gains, (-gain, test))
        elif gain:
            run |= branches[test]
            chosen.append(test)
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
