"""`python -m benchmarks.flame`: the CPU time of an asked and of a reused verification, on both databases, as flame graphs.

py-spy samples all threads of the gateway that work, not those that wait, while wrk loads it. The graphs are written to
`docs/`; `--label before` keeps those of another state of the code beside them.
"""

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.command import make_parser, working_folder
from benchmarks.flame_graph import draw, read_stacks
from benchmarks.ours import make_pattern
from benchmarks.people import POPULATION, SEED, lines_of
from benchmarks.processes import ROOT
from benchmarks.subjects import Turn
from benchmarks.wrk import CONNECTIONS, ToolMissing, WrongAnswers, send
from tests.kit.programs import serving_mock
from tests.kit.stores import PostgresqlMissing, running_postgresql

DOCS = ROOT / "docs"
PEOPLE, SAMPLES_PER_SECOND = 40_000, 250
WARM_S, SAMPLED_S = 2, 10


def main() -> None:
    """Sample both kinds on both databases and write the graphs."""
    parser = make_parser(__doc__)
    parser.add_argument("--label", default="", help="a word in the names of the files, such as `before`")
    parser.add_argument("--only", choices=("SQLite", "PostgreSQL"), help="one database")
    parser.add_argument(
        "--seconds", type=int, default=SAMPLED_S, help=f"seconds of sampling (default {SAMPLED_S})"
    )
    options = parser.parse_args()
    if options.seconds < 1:
        parser.error("--seconds is at least 1")
    try:
        with working_folder("flame") as folder, ExitStack() as stack:
            mock = stack.enter_context(serving_mock("--population", str(POPULATION), "--seed", SEED))
            for database in [options.only] if options.only else ["SQLite", "PostgreSQL"]:
                durable = running_postgresql(durable=True) if database == "PostgreSQL" else None
                server = None if durable is None else stack.enter_context(durable)
                pattern = make_pattern(mock, lines_of("claim", PEOPLE), folder, server)
                with pattern.serving(mock) as turn:
                    asked = _draw(turn, "asked", PEOPLE, database, options, folder)
                    again = max(asked - 4 * CONNECTIONS, asked // 2)
                    _draw(turn, "reused", again, database, options, folder)
    except PostgresqlMissing:
        sys.exit("error: PostgreSQL is missing: see --only")
    except (ToolMissing, WrongAnswers, RuntimeError) as error:
        sys.exit(f"error: {error}")


def _draw(turn: Turn, kind: str, people: int, database: str, wanted: argparse.Namespace, folder: Path) -> int:
    """Sample a load about the first people of the file, and write its graph; return how many requests were sent."""
    stacks, program = folder / "stacks.txt", Path(sys.executable).with_name("py-spy")
    options = (
        f"--duration {wanted.seconds} --rate {SAMPLES_PER_SECOND} --format raw --function --output {stacks}"
    )
    command = [str(program), "record", "--pid", str(turn.trees["server"]), *options.split()]
    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(send, turn.calls[kind], seconds=WARM_S + wanted.seconds + 2, count=people)
        time.sleep(WARM_S)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        sent = load.result().sent
    if done.returncode != 0:
        raise RuntimeError(f"py-spy: {done.stderr.strip()}")
    tree = read_stacks(stacks, root="gateway")
    path = DOCS / "-".join(word for word in ("flame", wanted.label, database.lower(), f"{kind}.svg") if word)
    path.write_text(draw(tree, title=f"a verification {kind}, gateway on {database}"), encoding="utf-8")
    print(f"written to {path.relative_to(ROOT)}: {tree.samples} samples")
    return sent


if __name__ == "__main__":
    main()
