"""Shapes of clans: who is whose parent and spouse among ten records, and how many years apart they were born.

A shape defines the relations, so that relatives name each other, and parents are older. A clan is made of families.
Sources: `data/clans.toml` for the shapes, `data/strata.tsv` for how many clans of a shape begin in which year.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

RECORDS = 10
_VARIANTS = 3
MALE, FEMALE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slot:
    """One of a clan's ten records, compared by identity.

    `born` is the year of birth, counted from that of the first record. `root` is the first of the father's line (of the
    mother's, if no father is known). `twin` is the position of the sibling born on the same day. `former_of` is the
    position of the same human's record in force.
    """

    position: int
    gender: int
    born: int
    house: str
    away: bool
    father: int | None
    mother: int | None
    spouse: int | None
    twin: int | None
    former_of: int | None
    root: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClanShape:
    """A variant of a shape, compared by identity.

    `years` are the birth years of the first record, and `weights` how many clans have each, in proportion. `houses` has
    the positions of each house.
    """

    name: str
    variant: int
    years: tuple[int, ...]
    weights: tuple[int, ...]
    slots: tuple[Slot, ...]
    renumbered: frozenset[int]
    houses: Mapping[str, tuple[int, ...]]

    def children(self, position: int) -> tuple[int, ...]:
        """Return the positions of the children."""
        return tuple(slot.position for slot in self.slots if position in {slot.father, slot.mother})


@cache
def load_clan_shapes() -> tuple[ClanShape, ...]:
    """Read all variants of all shapes that have clans; the first call reads the data files."""
    weights = _read_weights(_read("strata.tsv"))
    shapes = make_shapes(tomllib.loads(_read("clans.toml")), weights)
    return tuple(shape for shape in shapes if shape.years)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(f"data/{name}").read_text(encoding="utf-8")


_Weights = Mapping[tuple[str, int], Mapping[int, int]]


def _read_weights(text: str) -> _Weights:
    weights: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
    for line in text.splitlines()[1:]:
        name, variant, year, weight = line.split("\t")
        weights[name, int(variant)][int(year)] = int(weight)
    return weights


def make_shapes(data: Mapping[str, Any], weights: _Weights) -> Iterator[ClanShape]:
    """Make every variant of every clan of the data file; a variant without weights has no years."""
    for name, clan in data["clans"].items():
        families = [data["families"][family]["records"] for family in clan["families"]]
        for variant in range(_VARIANTS):
            slots = _make_slots(list(zip(families, clan["later"], strict=True)), variant)
            years = weights.get((name, variant), {})
            yield ClanShape(
                name=name,
                variant=variant,
                years=tuple(years),
                weights=tuple(years.values()),
                slots=slots,
                renumbered=frozenset(slot.former_of for slot in slots if slot.former_of is not None),
                houses=_make_houses(slots),
            )


def _make_houses(slots: tuple[Slot, ...]) -> Mapping[str, tuple[int, ...]]:
    """List each house of the shape with its positions, and one for each record, for a divorced person."""
    shared = {
        slot.house: tuple(each.position for each in slots if each.house == slot.house) for slot in slots
    }
    return shared | {str(slot.position): (slot.position,) for slot in slots}


def _make_slots(families: list[tuple[list[dict[str, Any]], int]], variant: int) -> tuple[Slot, ...]:
    """Put the families' records one after another; each family has houses of its own."""
    slots: list[Slot] = []
    houses: dict[tuple[int, str], str] = {}
    for family, (records, later) in enumerate(families):
        first = len(slots)
        for record in records:
            kin = {name: first + _of_variant(record[name], variant) for name in _KIN if name in record}
            above = next((kin[name] for name in ("father", "mother", "former_of") if name in kin), None)
            house = record.get("house", "")
            slots.append(
                Slot(
                    position=len(slots),
                    gender="mf".index(record["gender"][variant]),
                    born=later + record["born"][variant],
                    house=house and houses.setdefault((family, house), chr(ord("a") + len(houses))),
                    away=variant in record.get("away", ()),
                    root=len(slots) if above is None else slots[above].root,
                    **{name: kin.get(name) for name in _KIN},
                )
            )
    return tuple(slots)


_KIN = ("father", "mother", "spouse", "twin", "former_of")


def _of_variant(position: int | list[int], variant: int) -> int:
    return position if isinstance(position, int) else position[variant]
