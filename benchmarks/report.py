"""`python -m benchmarks.report`: write docs/performance.md's measured part from the newest results; also the printed table.

Of `benchmarks/results/` the newest `bench-DATE.json` counts, and the newest `bench-before-DATE.json` beside it. A shape
test compares the page with them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.command import make_parser
from benchmarks.kept import RESULTS

PAGE = RESULTS.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- written by python -m benchmarks.report -->", "<!-- end of what is written -->"
UNITS = {
    "per_second": "rate",
    "cpu_us": "CPU",
    "idle_mib": "MiB of the largest process, idle",
    "loaded_mib": "MiB of the largest process, after load",
    "start_s": "seconds from the start to the first answer",
}
PARTS = ("server_us", "database_us", "upstream_us")
_WIDTHS = (34, -8, -17, -9, -9, -8, -8, -9, -7)


def print_table(result: Mapping[str, Any]) -> None:
    """Print the figures of every subject, and each goal with its number."""
    for line in table_lines(result):
        print(line)


def table_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table's lines: rate, latencies, and the processor time of a request with its parts."""
    yield f"commit {result['commit']}; {describe_conditions(result)}"
    yield _columns(
        "subject", "rate/s", "from - to", "p50 ms", "p99 ms", "CPU us", "server", "database", "mock"
    )
    for name, row in result["figures"].items():
        least, most = row["spread"]["per_second"]
        yield _columns(
            name,
            f"{row['per_second']:.0f}",
            f"{least:.0f} - {most:.0f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            f"{row['cpu_us']:.0f}",
            *(f"{row[part]:.0f}" if part in row else "" for part in PARTS),
        )
    yield ""
    for goal in result["goals"]:
        verdict = "met   " if goal["met"] else "MISSED"
        yield f"{verdict}  {describe(goal)}: {_value(goal)} (goal {limit(goal)})"
    for ratio in result["ratios"]:
        yield f"        {describe(ratio)}: {_value(ratio)}"
    yield from _left_out(result)


def _columns(*cells: str) -> str:
    padded = (
        cell.ljust(width) if width > 0 else cell.rjust(-width)
        for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    return "".join(padded)


def _left_out(result: Mapping[str, Any]) -> Iterator[str]:
    for what in ("missing", "failed"):
        yield from (f"{what}: {name}: {reason}" for name, reason in result[what].items())


def describe_conditions(result: Mapping[str, Any]) -> str:
    """Return the machine, its load, and how the figures were taken."""
    conditions, load = result["conditions"], result["load"]
    return (
        f"{result['machine']}, load {load['before']:g} before and at most {load['most']:g}; {conditions['connections']} "
        f"connections, median of {conditions['rounds']} rounds of {conditions['seconds']:g} s, nice {conditions['nice']}"
    )


def describe(goal: Mapping[str, Any]) -> str:
    """Return what is compared."""
    over = f" ÷ {goal['over']}" if goal["over"] else ""
    return f"{UNITS[goal['figure']]}: {goal['of']}{over}"


def _value(goal: Mapping[str, Any] | None) -> str:
    if goal is None:
        return "–"
    by_cost = goal["by_cost"]
    return f"{goal['value']:g}" + (f" ({by_cost:g} by CPU)" if by_cost is not None else "")


def limit(goal: Mapping[str, Any]) -> str:
    """Return a goal's limit."""
    return f"≥ {goal['least']:g}" if goal["least"] is not None else f"≤ {goal['most']:g}"


def find_newest(label: str = "", folder: Path = RESULTS) -> Mapping[str, Any]:
    """Return the newest result of this label; an empty one if there is none."""
    name = f"bench-{label}-" if label else "bench-"
    found = sorted(path for path in folder.iterdir() if re.fullmatch(rf"{name}\d{{4}}-.*\.json", path.name))
    return json.loads(found[-1].read_text(encoding="utf-8")) if found else {}


def page_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page's measured part: every subject and every goal of the two results; an empty one has none."""
    for word, state in (("Before", before), ("Now", after)):
        if state:
            yield f"{word}: commit `{state['commit']}`, {describe_conditions(state)}.\n"
    versions = after["versions"]
    yield "Versions: " + ", ".join(f"{name} {versions[name]}" for name in sorted(versions)) + ".\n"
    yield "| | CPU µs a request before | now | of it gateway + database | rate/s before | now | from – to | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|---|---|---|"
    earlier, now = before.get("figures", {}), after["figures"]
    for name in {**earlier, **now}:
        yield _cells(name, *_figures(earlier.get(name), now.get(name)))
    yield "\n| goal | limit | before | now | |\n|---|---|---|---|---|"
    for what in ("goals", "ratios"):
        was, found = ({describe(one): one for one in state.get(what, ())} for state in (before, after))
        for name, one in {**was, **found}.items():
            verdict = ("met" if found[name]["met"] else "**missed**") if "met" in found.get(name, {}) else ""
            most = limit(one) if what == "goals" else "–"
            yield _cells(name, most, _value(was.get(name)), _value(found.get(name)), verdict)
    if left_out := list(_left_out(after)):
        yield ""
        yield from (f"- {line}" for line in left_out)


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _figures(was: Mapping[str, Any] | None, row: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the cells of a subject after its name."""
    yield f"{was['cpu_us']:.0f}" if was else "–"
    yield f"{row['cpu_us']:.0f}" if row else "–"
    yield f"{row['server_us']:.0f} + {row['database_us']:.0f}" if row and "database_us" in row else ""
    yield f"{was['per_second']:.0f}" if was else "–"
    yield f"{row['per_second']:.0f}" if row else "–"
    least, most = row["spread"]["per_second"] if row else (None, None)
    yield f"{least:.0f} – {most:.0f}" if row else ""
    yield from (f"{row[name]:.1f}" if row else "" for name in ("p50_ms", "p99_ms"))


def write_page(text: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return a page with its measured part written anew."""
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n" + "\n".join(page_lines(before, after)) + f"\n\n{END}{tail}"


def main() -> None:
    """Write the page."""
    make_parser(__doc__).parse_args()
    after = find_newest()
    if not after:
        raise SystemExit("error: no result in benchmarks/results/: run make bench first")
    text = write_page(PAGE.read_text(encoding="utf-8"), find_newest("before"), after)
    PAGE.write_text(text, encoding="utf-8")
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main()
