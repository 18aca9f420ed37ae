"""Write into `docs/threat-model.md` the test files of each threat; with `--check` only report what is stale.

A test belongs to threat 9 if its name begins with `test_threat_9_`. The descriptions are written by hand and kept.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "docs" / "threat-model.md"
ROW = re.compile(r"^\| (\d+) \| (.*?) \| [^|]* \|$", re.MULTILINE)
NAMED = re.compile(r"def test_threat_(\d+)_")


def main(arguments: Sequence[str]) -> int:
    """Fill the table, or check it; return 1 if it is stale or a threat has tests but no row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the table is stale")
    check = parser.parse_args(arguments).check
    shown = _find_tests()
    text = MODEL.read_text(encoding="utf-8")
    filled = ROW.sub(lambda row: f"| {row[1]} | {row[2]} | {_cell(shown.get(int(row[1]), []))} |", text)
    missing = sorted(shown.keys() - {int(row[1]) for row in ROW.finditer(text)})
    for number in missing:
        print(f"{MODEL.name}: threat {number} has tests but no row", file=sys.stderr)
    if not check:
        MODEL.write_text(filled, encoding="utf-8")
    elif filled != text:
        print(f"{MODEL.name}: stale; run `make fix`", file=sys.stderr)
        return 1
    return 1 if missing else 0


def _find_tests() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number in {int(number) for number in NAMED.findall(path.read_text(encoding="utf-8"))}:
            found.setdefault(number, []).append(path.relative_to(ROOT / "tests").as_posix())
    return found


def _cell(files: list[str]) -> str:
    return " · ".join(f"`{file.removesuffix('.py')}`" for file in files) or "none yet"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
