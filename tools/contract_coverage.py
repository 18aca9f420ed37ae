"""Write `docs/contract-coverage.json`: for each answer that `openapi/gateway.json` declares, one test that receives it.

A row is an operation, a status, and if there is one the code of the problem or of the OAuth error. `/metrics` has no
row: it is on another port and not in the document. The tests record which test received which answer
(`pytest --contract-coverage FILE`). A row whose test moved to another file is updated in a second.
A row without a test is taken from `--recording FILE`, else from a run of the tests, which takes minutes.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.kit.answers_seen import read_document, read_rows  # noqa: E402 - the root comes first  # noqa: E402 - the root comes first

KEPT = ROOT / "docs" / "contract-coverage.json"
RECORDED = ("tests/contract", "tests/gateway")
NOT_BUILT: tuple[str, ...] = ()
"""Calls of the design that the document does not declare yet."""
MEND = "run `.venv/bin/python tools/contract_coverage.py`"
SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Write the file, or check it. Return 1 if it is stale or a row has no test."""
    asked = _parse(arguments)
    rows = read_rows(read_document())
    kept = _read(asked.file)
    if asked.check:
        stale = _find_stale(rows, kept, asked.file)
        if stale:
            more = [f"(and {len(stale) - SHOWN} more)"] if len(stale) > SHOWN else []
            print(*stale[:SHOWN], *more, MEND, sep="\n", file=sys.stderr)
        return 1 if stale else 0
    followed = {row: _follow(test) for row, test in kept.items()} if not asked.record else {}
    tests = {row: test for row, test in followed.items() if test is not None}
    tests = _choose(rows, _gather(rows, tests, asked)) | tests
    asked.file.write_text(_render(rows, tests), encoding="utf-8")
    empty = [row for row in rows if row not in tests]
    for row in empty:
        print(f"{asked.file.name}: no test got `{row}`: write one", file=sys.stderr)
    return 1 if empty else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say which rows are stale")
    parser.add_argument("--quick", action="store_true", help="run no tests: leave out a row that has none")
    parser.add_argument("--record", action="store_true", help="choose the test of every row again")
    parser.add_argument(
        "--recording", action="append", type=Path, default=[], help="a file of `pytest --contract-coverage`"
    )
    parser.add_argument("--file", type=Path, default=KEPT, help="the file to write or check")
    return parser.parse_args(arguments)


def _read(file: Path) -> dict[str, str]:
    """Return the test of each row of the file, by `METHOD path status code`."""
    if not file.exists():
        return {}
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {
        " ".join([r["method"], r["path"], str(r["status"]), r["code"] or ""]).rstrip(): r["test"]
        for r in rows
    }


def _find_stale(rows: Sequence[str], kept: Mapping[str, str], file: Path) -> list[str]:
    """Return one line for each row that is missing, not in the document, or whose test is not where the row says."""
    found = [f"{file.name}: no row for `{row}`" for row in rows if row not in kept]
    found += [f"{file.name}: the document has no `{row}`" for row in kept if row not in rows]
    for row, test in kept.items():
        if not _exists(test):
            now = _follow(test)
            where = f"moved to {now} (a second)" if now else "is gone (minutes: it runs tests)"
            found.append(f"{file.name}: `{row}`: {test} {where}")
    if not found and file.read_text(encoding="utf-8") != _render(rows, kept):
        found.append(f"{file.name}: written by hand")
    return found


def _exists(test: str) -> bool:
    return test in _tests().get(test.partition("::")[2], ())


def _follow(test: str) -> str | None:
    """Return the test, or if it moved to another file the only one with its name; else None."""
    named = _tests().get(test.partition("::")[2], ())
    if test in named:
        return test
    return named[0] if len(named) == 1 else None


@cache
def _tests() -> Mapping[str, Sequence[str]]:
    """Return every test of the project, as `file::name`, by its name."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append(f"{file.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def _gather(
    rows: Sequence[str], tests: Mapping[str, str], asked: argparse.Namespace
) -> Mapping[str, Sequence[str]]:
    """Return the tests that got each row, from the recordings, and from runs while a row has none."""
    seen: dict[str, list[str]] = {}
    for file in asked.recording:
        _merge(seen, file)
    waiting = [] if asked.quick else list(RECORDED)
    while not tests.keys() | seen.keys() >= set(rows) and waiting:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "seen.json"
            command = [sys.executable, "-m", "pytest", waiting.pop(0), "-m", "not sockets and not postgresql"]
            ended = subprocess.run([*command, "--contract-coverage", file], cwd=ROOT, check=False)
            if ended.returncode:
                print("contract coverage: tests failed; their answers are recorded anyway", file=sys.stderr)
            _merge(seen, file)
    return seen


def _merge(seen: dict[str, list[str]], file: Path) -> None:
    recorded: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    for row, tests in recorded.items():
        seen.setdefault(row, []).extend(tests)


def _choose(rows: Sequence[str], seen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Choose for each row the test that received the fewest rows, since it was written for this answer."""
    got: dict[str, int] = {}
    for tests in seen.values():
        for test in set(tests):
            got[test] = got.get(test, 0) + 1
    chosen = {row: [test for test in seen.get(row, ()) if _exists(test)] for row in rows}
    return {row: min(tests, key=lambda test: (got[test], test)) for row, tests in chosen.items() if tests}


def _render(rows: Sequence[str], tests: Mapping[str, str]) -> str:
    lines = []
    for row in rows:
        if row in tests:
            method, path, status, *code = row.split(" ")
            members = {
                "method": method,
                "path": path,
                "status": int(status),
                "code": code[0] if code else None,
            }
            lines.append(json.dumps(members | {"test": tests[row]}))
    head = {
        "document": "openapi/gateway.json",
        "written_by": "tools/contract_coverage.py",
        "not_built": NOT_BUILT,
    }
    return json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
