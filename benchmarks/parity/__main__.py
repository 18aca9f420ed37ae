"""`python -m benchmarks.parity`: run the main job against each combination, print and write the results.

Exits with 1 only if an answer was false.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from benchmarks.command import make_parser
from benchmarks.parity.combinations import DIALECT, make_rows, switches_of
from benchmarks.parity.job import Judgement, Known, Step, run_job
from benchmarks.parity.page import judge, write_page
from benchmarks.parity.pairwise import Row
from benchmarks.parity.scene import open_scene
from gateway.schema import migrate
from gateway.storage.database import open_database
from mock_c06.parity.ledger import load_ledger

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "parity.md"


def main() -> int:
    """Run all combinations and write the page."""
    make_parser(__doc__).parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    results = asyncio.run(run_all(make_rows()))
    for number, (row, steps) in enumerate(results, 1):
        print(f"{number:2} {row[DIALECT]}, {len(switches_of(row))} switches: {judge(steps)}")
    PAGE.write_text(write_page(load_ledger(), results), encoding="utf-8")
    wrong = sum(step.judgement is Judgement.WRONG for _, steps in results for step in steps)
    print(f"parity: {len(results)} combinations, {wrong} wrong answers; see {PAGE.relative_to(ROOT)}")
    return 1 if wrong else 0


async def run_all(rows: Sequence[Row]) -> list[tuple[Row, list[Step]]]:
    """Run the main job against each combination; every other one must deliver what the first delivers."""
    known: Known = {}
    with tempfile.TemporaryDirectory() as held:
        template = Path(held) / "template.db"
        database = open_database(f"sqlite:///{template}")
        await migrate(database)
        await database.close()
        return [(row, await _run_one(row, known, template)) for row in rows]


async def _run_one(row: Row, known: Known, template: Path) -> list[Step]:
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        shutil.copy(template, Path(folder) / "gateway.db")
        async with open_scene(row, Path(folder)) as scene:
            return await run_job(scene, known)


if __name__ == "__main__":
    sys.exit(main())
