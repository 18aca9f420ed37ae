"""Shapes of clans: who is whose parent and spouse among ten records, and how many years apart they were born.

Relations are the shape's, so they point both ways by themselves, and parents are older. Source: `data/clans.toml`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

RECORDS = 10
VARIANTS = 3
MALE, FEMALE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slot:
    """One of a clan's ten records: `born` counts from the eldest's year. `root` is where the father's line begins
    (the mother's, where no father is known). `former_of`: the same human's record in force. The same only as itself."""

    position: int
    gender: int
    born: int
    house: str
    away: bool
    father: int | None
    mother: int | None
    spouse: int | None
    former_of: int | None
    root: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A variant of a shape, with the years that an eldest may be born in; `houses` says who may live in which. The
    same only as itself."""

    name: str
    share: int
    first: int
    last: int
    slots: tuple[Slot, ...]
    renumbered: frozenset[int]
    houses: Mapping[str, tuple[int, ...]]

    def children(self, position: int) -> tuple[int, ...]:
        """Give the places of somebody's children."""
        return tuple(slot.position for slot in self.slots if position in {slot.father, slot.mother})


@cache
def load_shapes() -> tuple[Shape, ...]:
    """Read all variants of all shapes; the first call reads the data file."""
    text = resources.files(__package__).joinpath("data/clans.toml").read_text(encoding="utf-8")
    return tuple(_make_shapes(tomllib.loads(text)))


def _make_shapes(data: dict[str, Any]) -> Iterator[Shape]:
    for name, row in data.items():
        for variant in range(VARIANTS):
            slots = _make_slots(row["records"], variant)
            yield Shape(
                name=name,
                share=row["share"],
                first=row["eldest"][0],
                last=row["eldest"][1],
                slots=slots,
                renumbered=frozenset(slot.former_of for slot in slots if slot.former_of is not None),
                houses=_make_houses(slots),
            )


def _make_houses(slots: tuple[Slot, ...]) -> Mapping[str, tuple[int, ...]]:
    """List each house with those of the shape, and one for each record: who has parted from a spouse lives there."""
    shared = {
        slot.house: tuple(each.position for each in slots if each.house == slot.house) for slot in slots
    }
    return shared | {str(slot.position): (slot.position,) for slot in slots}


def _make_slots(records: list[dict[str, Any]], variant: int) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    for position, record in enumerate(records):
        former_of = record["former_of"][variant] if "former_of" in record else None
        above = next((record[kin] for kin in ("father", "mother") if kin in record), former_of)
        slots.append(
            Slot(
                position=position,
                gender="mf".index(record["gender"][variant]),
                born=record["born"][variant],
                house=record.get("house", ""),
                away=variant in record.get("away", ()),
                father=record.get("father"),
                mother=record.get("mother"),
                spouse=record.get("spouse"),
                former_of=former_of,
                root=position if above is None else slots[above].root,
            )
        )
    return tuple(slots)
