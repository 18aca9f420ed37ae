"""Plant known defects one at a time, and require that a test fails on each; exit 1 where one survives.

The list is `tools/mutants.toml`: a file, the text to replace (it occurs exactly once), what replaces it, and the tests
that must fail. Each defect is planted in a copy of the project, so the checkout is never changed. The test that failed is
run again without the defect, and must pass there.

    python tools/mutants.py                all of them, two at a time
    python tools/mutants.py --only grants  those whose name contains "grants"
    python tools/mutants.py --from 52      the 52nd and those after it
    python tools/mutants.py --list         numbers and names
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tools" / "mutants.toml"
AT_ONCE = 2
TIMEOUT_S = 600
_FAILED = 1
"""pytest's exit code if tests ran and some failed: only this code shows that a test noticed the defect."""
_FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One line of the list. `tests` are paths below `tests/`, `keyword` is pytest's -k.

    Tests run on SQLite alone, where one start is cheaper; `postgresql` is for a defect that only the server shows.
    """

    name: str
    file: str
    before: str
    after: str
    tests: list[str]
    keyword: str = ""
    postgresql: bool = False


def main(arguments: Sequence[str]) -> int:
    """Plant each defect; 0 where all were noticed, 1 where one survived or could not be planted, 2 for wrong usage."""
    asked = _parse(arguments)
    defects = {
        place: defect
        for place, defect in enumerate(read_defects(), start=1)
        if place >= asked.first and asked.only in defect.name
    }
    if asked.list:
        print("\n".join(f"{place:>3} {defect.name}" for place, defect in defects.items()))
        return 0
    if not defects:
        print("no such defect: see --list", file=sys.stderr)
        return 2
    survived = 0
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(AT_ONCE):
            copies.put(Copy(Path(folder) / str(number)))
        running = {pool.submit(_plant_in_one_of, copies, defects[place]): place for place in defects}
        for number, done in enumerate(as_completed(running), start=1):
            reason, place = done.result(), running[done]
            survived += reason is not None
            found = f"{place:>3} {defects[place].name}: {reason or 'noticed'}"
            print(f"{number}/{len(defects)} {found}", flush=True)
    print(f"mutants: {len(defects) - survived} of {len(defects)} defects noticed")
    return 1 if survived else 0


def read_defects(path: Path = LIST) -> list[Defect]:
    """Return the list in its order."""
    return [Defect(**members) for members in tomllib.loads(path.read_text(encoding="utf-8"))["defect"]]


def _plant_in_one_of(copies: "SimpleQueue[Copy]", defect: Defect) -> str | None:
    copy = copies.get()
    try:
        return copy.plant(defect)
    finally:
        copies.put(copy)


class Copy:
    """A copy of the project, in which one defect after the other is planted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(tracked, cwd=ROOT, check=True, capture_output=True).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (source := ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name)

    def plant(self, defect: Defect) -> str | None:
        """Plant one defect and run its tests; return why it is not shown to be noticed, None where it is."""
        file = self._folder / defect.file
        whole = file.read_text(encoding="utf-8")
        if whole.count(defect.before) != 1:
            return f"cannot be planted: its text occurs {whole.count(defect.before)} times in {defect.file}"
        _write(file, whole.replace(defect.before, defect.after))
        try:
            code, printed = self._run([f"tests/{path}" for path in defect.tests], defect)
        finally:
            _write(file, whole)
        if code != _FAILED:
            return "SURVIVED: its tests pass" if code == 0 else f"its tests did not run (exit code {code})"
        failed = _FAILED_TEST.findall(printed)
        if not failed:
            return "a test failed, but printed no name"
        code, _ = self._run(failed, defect)
        return None if code == 0 else f"its test fails without it too: {failed}"

    def _run(self, tests: Sequence[str], defect: Defect) -> tuple[int | str, str]:
        """Return pytest's exit code and what it printed; the copy comes before the installed project on the import path."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "postgresql" if defect.postgresql else "not postgresql"]
        command += ["-k", defect.keyword] if defect.keyword else []
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        try:
            done = subprocess.run(
                [*command, *tests], cwd=self._folder, capture_output=True, check=False, timeout=TIMEOUT_S,
                text=True, env=environment,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"none within {TIMEOUT_S} s", ""
        return done.returncode, done.stdout


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    # Python knows a compiled module by the second and the size of its source.
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tools/mutants.py", description=__doc__, formatter_class=form)
    parser.add_argument("--only", default="", metavar="TEXT", help="only defects whose name contains TEXT")
    parser.add_argument(
        "--from", type=int, default=1, dest="first", metavar="N", help="begin with the Nth defect"
    )
    parser.add_argument(
        "--list", action="store_true", help="print number and name of each, and plant nothing"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
