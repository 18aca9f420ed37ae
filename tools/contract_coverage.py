"""Write `docs/contract-coverage.md`: for each answer that the document declares, a test that got it.

The rows are those of `openapi/gateway.json`. Which test got which answer is recorded while the tests run
(`pytest --contract-coverage FILE`), never typed by hand. Recording takes minutes, so it is done only where a row
has no test or its test is gone.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.answers_seen import read_document, read_rows  # noqa: E402 - the project's root comes first

PAGE = ROOT / "docs" / "contract-coverage.md"
ROW = re.compile(r"^\| `(.+?)` \| (\d+) \| (?:`(\w+)`)? ?\| `(\S+?)` \|$", re.MULTILINE)
RECORDED = ("tests/contract", "tests/gateway")
FOLDERS = {
    "verifications": "verifications",
    "prefills": "prefills",
    "discrepancies": "prefills",
    "procedures": "procedures",
    "evaluations": "verifications",
    "ledger": "verifications",
    "receipts": "verifications",
    "me": "accounts",
    "changes": "changes",
    "profiles": "changes",
    "ops": "operators",
    "oauth2": "oauth",
    "oauth": "oauth",
    "jwks": "oauth",
    "keys": "oauth",
}
"""The folder of tests for a noun of a path."""


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it; 1 where it is stale or a row has no test."""
    asked = _parse(arguments)
    rows = read_rows(read_document())
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    kept = {row: test for row, test in _read_page(page).items() if _test_exists(test)}
    if not asked.check:
        kept = _fill(rows, {} if asked.record else kept, asked.recording)
    empty = [row for row in rows if row not in kept]
    for row in empty:
        print(f"{PAGE.name}: no test got {row}", file=sys.stderr)
    filled = _render(rows, kept)
    if not asked.check:
        PAGE.write_text(filled, encoding="utf-8")
    elif filled != page:
        print(f"{PAGE.name}: stale; run `make fix`", file=sys.stderr)
        return 1
    return 1 if empty else 0


def _fill(rows: Sequence[str], kept: dict[str, str], recordings: Sequence[Path]) -> dict[str, str]:
    """Give rows without a test one, of the recordings, else of runs of the tests."""
    seen: dict[str, set[str]] = {}
    waiting = list(RECORDED)
    for file in recordings:
        _merge(seen, json.loads(file.read_text(encoding="utf-8")))
    while not kept.keys() | seen.keys() >= set(rows) and waiting:
        _merge(seen, _record(waiting.pop(0)))
    return _choose(rows, seen) | kept


def _merge(seen: dict[str, set[str]], recorded: Mapping[str, Sequence[str]]) -> None:
    for row, tests in recorded.items():
        seen.setdefault(row, set()).update(tests)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    parser.add_argument("--record", action="store_true", help="choose every test anew")
    parser.add_argument(
        "--recording", action="append", type=Path, default=[], help="take what a run recorded"
    )
    return parser.parse_args(arguments)


def _read_page(page: str) -> dict[str, str]:
    return {f"{call} {status} {code}".rstrip(): test for call, status, code, test in ROW.findall(page)}


def _test_exists(test: str) -> bool:
    file, _, name = test.partition("::")
    return name in _tests_of(ROOT / file)


@cache
def _tests_of(file: Path) -> frozenset[str]:
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, functions))


def _record(folder: str) -> Mapping[str, Sequence[str]]:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "seen.json"
        command = [sys.executable, "-m", "pytest", "-q", folder, "-m", "not sockets and not postgresql"]
        ended = subprocess.run([*command, "--contract-coverage", str(file)], cwd=ROOT, check=False)
        if ended.returncode:
            print("contract coverage: tests failed; what they got is recorded all the same", file=sys.stderr)
        found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
        return found


def _choose(rows: Sequence[str], seen: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Take for each row the first test in the noun's own folder, else in the contract's, else anywhere."""
    chosen: dict[str, str] = {}
    for row in rows:
        noun = next((word for word in re.findall(r"\w+", row) if word in FOLDERS), "edge")
        own = f"tests/gateway/{FOLDERS.get(noun, 'edge')}/"
        order = sorted(filter(_test_exists, seen.get(row, ())), key=lambda test: _rank(test, own))
        if order:
            chosen[row] = order[0]
    return chosen


def _rank(test: str, own: str) -> tuple[int, str]:
    near = 0 if test.startswith(own) else 1 if test.startswith("tests/contract/") else 2
    return near, test


def _render(rows: Sequence[str], tests: Mapping[str, str]) -> str:
    lines = [_line(row, tests[row]) for row in rows if row in tests]
    return PREFACE.format(count=len(rows), lines="\n".join(lines))


def _line(row: str, test: str) -> str:
    method, path, status, *code = row.split(" ")
    shown = f"`{code[0]}` " if code else ""
    return f"| `{method} {path}` | {status} | {shown}| `{test}` |"


PREFACE = """# Contract coverage

Each answer that [`openapi/gateway.json`](../openapi/gateway.json) declares, {count} of them: an operation, a status, and where
there is one the code of the problem or of the OAuth error, with one test that got this very answer. The rows are the
document's; the tests were recorded while they ran. `/metrics` has a port of its own and stands not here. Written by `tools/contract_coverage.py` (`make fix`), never by hand.

## Not built yet

Named by the contract, in no row: `GET /{{profile}}/v1/audit/checkpoints/latest`, `GET /{{profile}}/v1/audit/proofs/inclusion`,
`GET /{{profile}}/v1/audit/proofs/consistency`, `GET /{{profile}}/v1/receipts/{{verification_id}}/proof`.

## Answers and the tests that got them

| call | status | code | test |
|---|---|---|---|
{lines}
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
