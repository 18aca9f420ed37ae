"""What `benchmarks.mock` saw, as ratios beside what is wanted, with the figures under them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.kept import RESULTS, keep, machine
from benchmarks.wire_load import Round

CALLERS, CALLS, ROUNDS = 32, 1_000, 11
_BUSY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A round with the microseconds of processor time that the server spent on a call (None where it can't be told)."""

    round: Round
    cpu_us: float | None


Figures = dict[str, list[Seen]]
# What is compared: ours, the other, and from where on it is what was asked for.
_FASTER = (
    ("ours 003 10^8", "Prism 003", 1.5),
    ("ours 003 JSON 10^8", "Prism 003", None),
    ("ours 037 10^8", "Prism 037", None),
    ("ours 003 10^8", "MockPass record", 3.0),
    ("ours 037 10^8", "MockPass record", None),
    ("ours token 10^8", "oauth2-mock-server token", 2.0),
)
# What a call may cost at a hundred million people, as a multiple of a thousand's.
_DEARER = (("ours 003 10^8", "ours 003 10^3", 1.2), ("ours 037 10^8", "ours 037 10^3", 1.2))


def report(figures: Figures, folder: Path = RESULTS) -> None:
    """Print the medians and the ratios, and write them to the folder."""
    load = os.getloadavg()[0]
    print(
        f"mock registry, {CALLERS} connections, {CALLS} calls a round, median of {ROUNDS}; {machine()}, load {load:.1f}"
    )
    rows = {name: _row(seen) for name, seen in figures.items()}
    for name, row in rows.items():
        cpu = f", {row['cpu_us']:.0f} us of its processor a call" if row["cpu_us"] else ""
        print(
            f"  {name:<25} {row['per_second']:>6.0f}/s   p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms{cpu}"
        )
    ratios = _print_ratios(figures)
    busy = max(row["busy"] for row in rows.values())
    verdict = (
        "it is no bottleneck"
        if busy < _BUSY
        else "IT IS THE BOTTLENECK of the fastest, whose figures are too low"
    )
    print(f"the generator worked at most {busy:.0%} of a round: {verdict}")
    conditions = {"load": round(load, 1), "connections": CALLERS, "calls": CALLS, "rounds": ROUNDS}
    keep("mock", {**conditions, "figures": rows, "ratios": ratios}, folder)


def _row(seen: list[Seen]) -> dict[str, float]:
    spent = [each.cpu_us for each in seen if each.cpu_us is not None]
    return {
        "per_second": round(median(each.round.per_second for each in seen), 1),
        "p50_ms": round(median(each.round.p50_ms for each in seen), 2),
        "p99_ms": round(median(each.round.p99_ms for each in seen), 2),
        "busy": round(median(each.round.busy for each in seen), 3),
        "cpu_us": round(median(spent), 1) if spent else 0.0,
    }


def _print_ratios(figures: Figures) -> dict[str, dict[str, float]]:
    ratios: dict[str, dict[str, float]] = {}
    for ours, other, goal in _FASTER:
        if ours in figures and other in figures:
            by_calls, by_cost = _ratio(figures, ours, other, _speed), _ratio(figures, other, ours, _cost)
            ratios[f"{ours} / {other}"] = {"calls": by_calls, "processor": by_cost}
            print(
                f"{ours} is {by_calls:.2f} x {other} in calls a second, {by_cost:.2f} x by processor time{_want(goal)}"
            )
    for ours, other, most in _DEARER:
        by_cost = _ratio(figures, ours, other, _cost)
        ratios[f"cost {ours} / {other}"] = {"processor": by_cost}
        print(f"{ours} costs {by_cost:.2f} x {other} (at most {most:.1f} wanted)")
    return ratios


def _want(goal: float | None) -> str:
    return f" (at least {goal:.1f} wanted)" if goal is not None else ""


def _ratio(figures: Figures, one: str, other: str, of: Callable[[Seen], float]) -> float:
    """Compare round by round, since what else the machine does changes from one to the next; the median counts."""
    pairs = zip(figures[one], figures[other], strict=True)
    return round(median(of(a) / of(b) if of(b) else 0.0 for a, b in pairs), 2)


def _speed(seen: Seen) -> float:
    return seen.round.per_second


def _cost(seen: Seen) -> float:
    return seen.cpu_us or 0.0
