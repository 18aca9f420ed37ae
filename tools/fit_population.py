"""Choose how many clans of each shape begin in which year, so that the generated nation resembles the census.

Writes mock_c06/generated/data/strata.tsv. Every shape, variant and year is a candidate with a weight; the people,
households and families that are expected of it are counted by the mock's own chances of death and divorce. The weights
are found by the multiplicative update that minimises the Kullback-Leibler divergence from the targets (Lee and Seung
2001, Algorithms for Non-negative Matrix Factorization); candidates of small weight are dropped half-way, since the mock
has a table for each. `python -m tools.fit_population` takes ten seconds;
`mock-c06 population report` shows what comes of it. The targets: data/census.toml, docs/mock-population.md.
"""

import argparse
import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mock_c06.generated.cells import FIRST_YEAR, LAST_YEAR
from mock_c06.generated.clans import FEMALE, ClanShape, Slot, make_shapes
from mock_c06.generated.lives import DIVORCED, dead_of

DATA = Path(__file__).parents[1] / "mock_c06" / "generated" / "data"
OLDEST = 103
STRATA = 460
ROUNDS = 400
HEAVIEST = 100_000
LEAST = 0.004
"""Every variant of every clan exists: so many clans at least per hundred people."""
MOTHERS = 28
"""Mothers of recorded children per hundred people: an assumption."""
CANCELLED, TWINS = 0.55, 0.7
"""Cancelled records, and pairs of twins, per hundred people: assumptions."""

Feature = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A variant of a shape whose first record is born in a year, with all that is expected of one such clan."""

    shape: ClanShape
    year: int
    expected: Mapping[Feature, float]


def expect(shape: ClanShape, year: int) -> dict[Feature, float]:
    """Return the living people by gender and age, the never married, mothers by children, households by size."""
    expected: dict[Feature, float] = defaultdict(float)
    for slot in shape.slots:
        expected["twins", 0, 0] += slot.twin is not None
        if slot.former_of is not None:
            expected["cancelled", 0, 0] += 1
            continue
        age = LAST_YEAR - year - slot.born
        living = 1 - dead_of(age, slot.gender) / 1000
        expected["people", slot.gender, min(age, OLDEST)] += living
        if slot.spouse is None:
            expected["never", slot.gender, min(age // 5, 12)] += living
        children = len(shape.children(slot.position))
        if slot.gender == FEMALE and children:
            expected["mothers", children, 0] += 1
    for size, share in _sizes_of_households(shape, year):
        expected["households", min(size, 7), 0] += share
    return expected


def _sizes_of_households(shape: ClanShape, year: int) -> Iterator[tuple[int, float]]:
    houses: dict[str, list[Slot]] = defaultdict(list)
    for slot in shape.slots:
        if slot.former_of is None:
            houses[slot.house].append(slot)
    for slots in houses.values():
        sizes = {0: 1.0}
        for slot in slots:
            living = 1 - dead_of(LAST_YEAR - year - slot.born, slot.gender) / 1000
            if slot.spouse is not None and slot.spouse < slot.position:
                yield 1, living * DIVORCED / 100
                living *= 1 - DIVORCED / 100
            more: dict[int, float] = defaultdict(float)
            for size, share in sizes.items():
                more[size] += share * (1 - living)
                more[size + 1] += share * living
            sizes = more
        yield from ((size, share) for size, share in sizes.items() if size)


def candidates(data: Mapping[str, Any]) -> list[Candidate]:
    """Return every variant of every clan, in every year in which all its records are plausible."""
    return [
        Candidate(shape=shape, year=year, expected=expect(shape, year))
        for shape in make_shapes(data, {})
        for year in range(FIRST_YEAR + 20, LAST_YEAR)
        if _is_plausible(shape, year)
    ]


def _is_plausible(shape: ClanShape, year: int) -> bool:
    ages = [LAST_YEAR - year - slot.born for slot in shape.slots]
    wed = [age for age, slot in zip(ages, shape.slots, strict=True) if slot.spouse is not None]
    alone = [
        age
        for age, slot in zip(ages, shape.slots, strict=True)
        if sum(other.house == slot.house for other in shape.slots) == 1 and slot.former_of is None
    ]
    return (
        min(ages) >= 0 and max(ages) <= OLDEST and min(wed, default=99) >= 21 and min(alone, default=99) >= 18
    )


def targets(census: Mapping[str, Any]) -> dict[Feature, float]:
    """Return the target of each feature per hundred living people."""
    ages = _single_years(census["ages"])
    found = {("people", gender, age): share for gender in (0, 1) for age, share in enumerate(ages[gender])}
    for row in census["never_married"]:
        first, last = row["first"], row["first"] + 5 if row["first"] < 60 else OLDEST + 1
        for gender, percent in enumerate(row["expected"]):
            group = sum(ages[gender][first:last])
            found["never", gender, first // 5] = group * percent / 100
    per_household = sum(size * percent for size, percent in enumerate(census["households"], 1)) / 100
    for size, percent in enumerate(census["households"], 1):
        found["households", size, 0] = percent / per_household
    for children, percent in enumerate(census["mothers"], 1):
        found["mothers", children, 0] = percent * MOTHERS / 100
    return found | {("cancelled", 0, 0): CANCELLED, ("twins", 0, 0): TWINS}


def _single_years(rows: list[dict[str, Any]]) -> list[list[float]]:
    """Share out each age group over its years: along the line between the middles of the groups."""
    found: list[list[float]] = []
    for gender in (0, 1):
        middles = [(row["first"] + row["last"]) / 2 for row in rows]
        heights = [row["expected"][gender] / (row["last"] - row["first"] + 1) for row in rows]
        shares = [_between(age, middles, heights) for age in range(OLDEST + 1)]
        for row in rows:
            group = slice(row["first"], row["last"] + 1)
            factor = row["expected"][gender] / sum(shares[group])
            shares[group] = [share * factor for share in shares[group]]
        # Half of the people of an age on 1 July were born in the year before the one that the age is counted from.
        found.append([shares[0] / 2, *((one + other) / 2 for one, other in pairwise(shares))])
    return found


def _between(age: int, middles: list[float], heights: list[float]) -> float:
    middles, heights = [*middles, OLDEST + 1], [*heights, 0.0]
    at = max(bisect_right(middles, age), 1)
    slope = (heights[at] - heights[at - 1]) / (middles[at] - middles[at - 1])
    return heights[at - 1] + slope * (age - middles[at - 1])


def _heed(feature: Feature) -> float:
    """Return how much a feature counts: the very old are few and would be lost beside the many, and the sexes of the
    youngest are looked at closely."""
    kind, first, second = feature
    if kind == "people":
        return 2 if 5 <= second < 75 else 8
    if kind == "mothers":
        return 2
    return 12 if (kind, first) == ("households", 1) else 1


def fit(
    found: list[Candidate], aims: Mapping[Feature, float], rounds: int, *, least: float = 0
) -> list[float]:
    """Return the weight of each candidate, in clans per hundred people; none has less than `least`."""
    names = sorted(aims)
    at = {name: index for index, name in enumerate(names)}
    counts = [aims[name] for name in names]
    heed = [_heed(name) for name in names]
    rows = [
        [(at[name], value) for name, value in each.expected.items() if value and name in at] for each in found
    ]
    norms = [sum(heed[feature] * value for feature, value in row) for row in rows]
    weights = [1 / len(found)] * len(found)
    for _ in range(rounds):
        reached = [1e-9] * len(names)
        for weight, row in zip(weights, rows, strict=True):
            for feature, value in row:
                reached[feature] += weight * value
        ratios = [h * c / r for h, c, r in zip(heed, counts, reached, strict=True)]
        weights = [
            max(least, weight * sum(ratios[feature] * value for feature, value in row) / norm)
            for weight, row, norm in zip(weights, rows, norms, strict=True)
        ]
    return weights


def choose() -> str:
    """Return the text of strata.tsv."""
    data, census = (tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")) for name in ("clans", "census"))
    aims = targets(census["targets"])
    found = candidates(data)
    weights = fit(found, aims, ROUNDS)
    order = sorted(range(len(found)), key=weights.__getitem__, reverse=True)
    best = {(found[index].shape.name, found[index].shape.variant): index for index in reversed(order)}
    kept = {*best.values(), *order[: STRATA - len(best)]}
    chosen = [found[index] for index in sorted(kept)]
    weights = fit(chosen, aims, ROUNDS, least=LEAST)
    most = max(weights)
    lines = ["clan\tvariant\tyear\tweight"]
    lines += [
        f"{each.shape.name}\t{each.shape.variant}\t{each.year}\t{round(weight / most * HEAVIEST)}"
        for each, weight in zip(chosen, weights, strict=True)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tools.fit_population", description=__doc__).parse_args()
    (DATA / "strata.tsv").write_text(choose(), encoding="utf-8")
