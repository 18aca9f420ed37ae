"""A small set of combinations that contains every pair of values of every two factors at least once.

Greedy and deterministic: each row begins with a missing pair and takes, factor by factor, the value that adds most new
pairs. It is not the smallest such set; a few more rows cost less than a solver.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import TypeAlias

Value: TypeAlias = "str | bool"
Row: TypeAlias = Mapping[str, Value]
_Pair: TypeAlias = frozenset[tuple[str, Value]]


def all_pairs(factors: Mapping[str, Sequence[Value]]) -> list[_Pair]:
    """Return every pair of values of every two factors, in a fixed order."""
    return [
        frozenset({(one, first), (other, second)})
        for one, other in combinations(factors, 2)
        for first, second in product(factors[one], factors[other])
    ]


def pairs_of(row: Row) -> set[_Pair]:
    """Return the pairs of a row."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def cover_pairs(factors: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Return the rows; the first has each factor's first value, the mock's default."""
    rows: list[dict[str, Value]] = [{name: values[0] for name, values in factors.items()}]
    missing = dict.fromkeys(all_pairs(factors))
    while True:
        for pair in pairs_of(rows[-1]):
            missing.pop(pair, None)
        if not missing:
            return rows
        rows.append(_next_row(factors, missing))


def _next_row(factors: Mapping[str, Sequence[Value]], missing: Mapping[_Pair, None]) -> dict[str, Value]:
    row = dict(next(iter(missing)))
    for name in factors:
        if name not in row:
            row[name] = max(factors[name], key=lambda value: _new_pairs(row, name, value, missing))
    return {name: row[name] for name in factors}


def _new_pairs(row: Row, name: str, value: Value, missing: Mapping[_Pair, None]) -> int:
    return sum(frozenset({(name, value), chosen}) in missing for chosen in row.items())
