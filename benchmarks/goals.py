"""The goals as ratios of two subjects in the same round, and what a result says of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

Samples = Mapping[str, Sequence[Mapping[str, float]]]
"""For each subject the figures of its rounds: `per_second`, `p50_ms`, `p99_ms`, `cpu_us` and those of its parts."""

RATE, COST = "per_second", "cpu_us"
HELLO, SHARED = "FastAPI hello: request", "naive, one client: asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A limit for one subject's figure divided by another's; `least` is the smallest that is good, else `most`."""

    figure: str
    of: str
    over: str
    least: float | None = None
    most: float | None = None

    def judge(self, samples: Samples) -> dict[str, Any] | None:
        """Return the goal with the median of the rounds' ratios; None if a subject was not measured."""
        pairs = zip(samples.get(self.of, ()), samples.get(self.over, ()), strict=False)
        ratios = [one[self.figure] / other[self.figure] for one, other in pairs if other[self.figure]]
        if not ratios:
            return None
        value = round(median(ratios), 3)
        met = value >= self.least if self.least is not None else value <= (self.most or 0.0)
        return {**asdict(self), "value": value, "met": met, "by_cost": self._by_cost(samples)}

    def _by_cost(self, samples: Samples) -> float | None:
        """Return what a rate's ratio would be if only processor time counted, which other load of the machine changes less."""
        if self.figure != RATE:
            return None
        pairs = zip(samples[self.of], samples[self.over], strict=False)
        ratios = [other[COST] / one[COST] for one, other in pairs if one[COST]]
        return round(median(ratios), 3) if ratios else None


def _hello(limits: Mapping[str, float]) -> list[Goal]:
    return [Goal(figure=COST, of=of, over=HELLO, most=most) for of, most in limits.items()]


GOALS: tuple[Goal, ...] = (
    *_hello(
        {
            "SQLite: asked": 8,
            "SQLite: reused": 4.5,
            "SQLite: token": 5,
            "PostgreSQL, 1 worker: asked": 9,
            "PostgreSQL, 1 worker: reused": 5,
            "PostgreSQL, 4 workers: asked": 10,
            "PostgreSQL, 4 workers: reused": 5.5,
        }
    ),
    *(
        Goal(
            figure=COST, of=f"PostgreSQL, 4 workers: {kind}", over=f"PostgreSQL, 1 worker: {kind}", most=1.15
        )
        for kind in ("asked", "reused")
    ),
    Goal(figure=RATE, of="SQLite: asked", over=SHARED, least=4),
    Goal(figure=RATE, of="SQLite: reused", over=SHARED, least=8),
    Goal(figure=RATE, of="SQLite: reused", over=HELLO, least=0.3),
    *(
        Goal(figure=COST, of=f"{store}, 10^6 rows: {kind}", over=f"{base}: {kind}", most=1.1)
        for store, base in (("SQLite", "SQLite"), ("PostgreSQL", "PostgreSQL, 1 worker"))
        for kind in ("asked", "reused")
    ),
    *(
        Goal(figure=RATE, of=f"{base}: {kind}", over=f"{store}, audit off: {kind}", least=0.85)
        for store, base in (("SQLite", "SQLite"), ("PostgreSQL", "PostgreSQL, 1 worker"))
        for kind in ("asked", "reused")
    ),
    Goal(figure=RATE, of="mock: 003", over="Prism: 003", least=1.5),
    Goal(figure=RATE, of="mock: 003 JSON", over="Prism: 003", least=1.5),
    Goal(figure=RATE, of="mock: 037", over="Prism: 037", least=1.2),
    Goal(figure=RATE, of="mock: 037 JSON", over="Prism: 037", least=1.2),
    Goal(figure=RATE, of="mock: 037", over="MockPass: record", least=3),
    Goal(figure=RATE, of="mock: token", over="oauth2-mock-server: token", least=2),
)

# Measured beside the goals: no limit.
COMPARISONS: tuple[Goal, ...] = (
    Goal(figure=COST, of="SQLite: prefill", over=HELLO),
    Goal(figure=COST, of="PostgreSQL, 1 worker: token", over=HELLO),
    Goal(figure=COST, of="FastAPI hello, 4 workers: request", over=HELLO),
    Goal(figure=RATE, of="FastAPI hello, 4 workers: request", over=HELLO),
    Goal(figure=RATE, of="PostgreSQL, 4 workers: asked", over="PostgreSQL, 1 worker: asked"),
    Goal(figure=RATE, of="PostgreSQL, 4 workers: reused", over="PostgreSQL, 1 worker: reused"),
    Goal(figure=RATE, of="SQLite: asked", over="naive, a client each: asked"),
    Goal(figure=RATE, of="SQLite: token", over="oauth2-mock-server: token"),
    Goal(figure=COST, of="nginx: asked", over=HELLO),
)

MOST_IDLE_MIB, MOST_LOADED_MIB, MOST_START_S = 110.0, 130.0, 1.5


def judge(samples: Samples, programs: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return every goal whose subjects were measured, those of memory and start last."""
    found = [judged for goal in GOALS if (judged := goal.judge(samples)) is not None]
    for name, program in programs.items():
        for figure, most in (
            ("idle_mib", MOST_IDLE_MIB),
            ("loaded_mib", MOST_LOADED_MIB),
            ("start_s", MOST_START_S),
        ):
            value = program[figure]
            members = {
                "figure": figure,
                "of": name,
                "over": None,
                "least": None,
                "most": most,
                "by_cost": None,
            }
            found.append({**members, "value": value, "met": value <= most})
    return found


def compare(samples: Samples) -> list[dict[str, Any]]:
    """Return the ratios without a limit."""
    found = (goal.judge(samples) for goal in COMPARISONS)
    return [
        {name: one[name] for name in ("figure", "of", "over", "value", "by_cost")}
        for one in found
        if one is not None
    ]
