"""Plant known defects one at a time, and require that a test fails on each; exit 1 where one survives.

The list is `tools/mutants.toml`: a file, the text to replace (it occurs exactly once), what replaces it, and the tests
that must fail. Each defect is planted in a copy of the project, so the checkout is never changed.

    python tools/mutants.py                all of them, two at a time
    python tools/mutants.py --only grants  those whose name contains "grants"
    python tools/mutants.py --list         names alone
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tools" / "mutants.toml"
AT_ONCE = 2
TIMEOUT_S = 300
_FAILED = 1
"""pytest's exit code if tests ran and some failed: only this code shows that a test noticed the defect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One line of the list. `tests` are paths below `tests/`, `keyword` is pytest's -k."""

    name: str
    file: str
    before: str
    after: str
    tests: list[str]
    keyword: str = ""


def main(arguments: Sequence[str]) -> int:
    """Plant each defect; 0 where all were noticed, 1 where one survived or could not be planted, 2 for wrong usage."""
    asked = _parse(arguments)
    defects = [defect for defect in read_defects() if asked.only in defect.name]
    if asked.list:
        print("\n".join(defect.name for defect in defects))
        return 0
    if not defects:
        print(f"no defect's name contains {asked.only!r}: see --list", file=sys.stderr)
        return 2
    survived = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(plant, defect): defect for defect in defects}
        for number, done in enumerate(as_completed(running), start=1):
            reason = done.result()
            survived += reason is not None
            print(f"{number}/{len(defects)} {running[done].name}: {reason or 'noticed'}", flush=True)
    print(f"mutants: {len(defects) - survived} of {len(defects)} defects noticed")
    return 1 if survived else 0


def read_defects(path: Path = LIST) -> list[Defect]:
    """Return the list in its order."""
    return [Defect(**members) for members in tomllib.loads(path.read_text(encoding="utf-8"))["defect"]]


def plant(defect: Defect) -> str | None:
    """Plant one defect in a copy and run its tests; return why it is not shown to be noticed, None where it is."""
    source = (ROOT / defect.file).read_text(encoding="utf-8")
    if source.count(defect.before) != 1:
        return f"cannot be planted: its text occurs {source.count(defect.before)} times in {defect.file}"
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "project"
        _copy_project(copy)
        (copy / defect.file).write_text(source.replace(defect.before, defect.after), encoding="utf-8")
        code = _run_tests(copy, defect)
    if code == _FAILED:
        return None
    return "SURVIVED: its tests pass" if code == 0 else f"its tests did not run (exit code {code})"


def _copy_project(target: Path) -> None:
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(tracked, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (source := ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def _run_tests(copy: Path, defect: Defect) -> int | str:
    """Return pytest's exit code; the copy comes before the installed project on the import path."""
    chosen = [f"tests/{path}" for path in defect.tests]
    # On SQLite alone: a defect that only PostgreSQL shows would need the server for each run.
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not postgresql"]
    command += ["-k", defect.keyword] if defect.keyword else []
    try:
        done = subprocess.run(
            [*command, *chosen], cwd=copy, capture_output=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"none within {TIMEOUT_S} s"
    return done.returncode


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tools/mutants.py", description=__doc__, formatter_class=form)
    parser.add_argument("--only", default="", metavar="TEXT", help="only defects whose name contains TEXT")
    parser.add_argument("--list", action="store_true", help="print the names and plant nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
