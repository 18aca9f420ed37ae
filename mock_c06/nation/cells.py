"""Which record has which place among all, and the way back, by counting.

Clans are shared out to strata (province, shape, year of the eldest) in proportion to integer weights. So all
records of one cell (province, year of birth and gender, as a number tells them) can be counted without looking at
one, and a place in a cell and a place among all can be turned into each other. Keeps a few small tables; the
counts of a cell are made when it is first asked for.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from mock_c06.nation.provinces import load_provinces
from mock_c06.nation.shapes import FEMALE, MALE, RECORDS, Shape, Slot, load_shapes

FIRST_YEAR, LAST_YEAR = 1900, 2026
_FINE = 1_000_000


class Member(NamedTuple):
    """A record by its place among all, in a clan of a shape, and by what its number tells. `home` is the clan's province."""

    place: int
    clan: int
    position: int
    shape: Shape
    home: int
    eldest: int
    province: int
    year: int
    gender: int


class Cells:
    """The counting for a population of `count` records."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._shapes = load_shapes()
        self._provinces = load_provinces()
        self._rungs = [(shape, year) for shape in self._shapes for year in range(shape.first, shape.last + 1)]
        spans = [shape.last - shape.first + 1 for shape in self._shapes]
        self._foot = [0, *accumulate(spans)]
        self._starts = self._share_out(-(-count // RECORDS))
        # The last clan may lack its last records; it stands last in the last stratum that has any.
        self._cut_stratum, self._cut = self._stratum((count - 1) // RECORDS), count % RECORDS
        slots = [(number, slot) for number, shape in enumerate(self._shapes) for slot in shape.slots]
        self._lines = {
            gender: [(number, slot) for number, slot in slots if slot.gender == gender]
            for gender in (MALE, FEMALE)
        }
        self._quick = {
            gender: [self._make_quick(number, slot) for number, slot in lines]
            for gender, lines in self._lines.items()
        }
        self._line_of = {
            (self._shapes[number], slot.position): line
            for lines in self._lines.values()
            for line, (number, slot) in enumerate(lines)
        }
        self._known: dict[tuple[int, int, int], array[int]] = {}

    def _share_out(self, clans: int) -> "array[int]":
        weights = [_FINE * shape.share // (shape.last - shape.first + 1) for shape, _ in self._rungs]
        heights = list(accumulate(weights))
        total = heights[-1] * sum(province.people for province in self._provinces)
        starts = array("q", [0])
        below = 0
        for province in self._provinces:
            starts.extend(clans * (below + province.people * height) // total for height in heights)
            below += province.people * heights[-1]
        return starts

    def _stratum(self, clan: int) -> int:
        return bisect_right(self._starts, clan) - 1

    def member_at(self, place: int) -> Member:
        """Give the record at a place among all, from 0."""
        clan, position = divmod(place, RECORDS)
        home, rung = divmod(self._stratum(clan), len(self._rungs))
        shape, eldest = self._rungs[rung]
        return self._member(clan, position, shape, home, eldest)

    def relative(self, member: Member, position: int | None) -> Member | None:
        """Give the record at another position of the same clan, None where there is none."""
        if position is None or member.clan * RECORDS + position >= self.count:
            return None
        return self._member(member.clan, position, member.shape, member.home, member.eldest)

    def _member(self, clan: int, position: int, shape: Shape, home: int, eldest: int) -> Member:
        slot = shape.slots[position]
        province = self._provinces[home].partner if slot.away else home
        year = eldest + slot.born
        place = clan * RECORDS + position
        return Member(place, clan, position, shape, home, eldest, province, year, slot.gender)

    def size(self, province: int, year: int, gender: int) -> int:
        """Count the records of a cell."""
        return self._counts(province, year, gender)[-1]

    def sizes(self) -> Iterator[int]:
        """Count every cell that can hold anybody."""
        for province in range(len(self._provinces)):
            for year in range(FIRST_YEAR, LAST_YEAR + 1):
                for gender in (MALE, FEMALE):
                    yield sum(self._count_lines(province, year, gender))

    def ordinal(self, member: Member) -> int:
        """Give a record's place in its cell, from 0."""
        line = self._line_of[member.shape, member.position]
        counts = self._counts(member.province, member.year, member.gender)
        return counts[line] + member.clan - self._starts[self._stratum(member.clan)]

    def find(self, province: int, year: int, gender: int, ordinal: int) -> Member | None:
        """Give the record at a place of a cell, None beyond its last."""
        counts = self._counts(province, year, gender)
        if ordinal >= counts[-1]:
            return None
        line = bisect_right(counts, ordinal) - 1
        number, slot = self._lines[gender][line]
        home = self._provinces[province].partner if slot.away else province
        eldest = year - slot.born
        shape = self._shapes[number]
        stratum = home * len(self._rungs) + self._foot[number] + eldest - shape.first
        clan = self._starts[stratum] + ordinal - counts[line]
        return self._member(clan, slot.position, shape, home, eldest)

    def _counts(self, province: int, year: int, gender: int) -> "array[int]":
        """Give, line by line, how many records of the cell stand before it; the last item is their number."""
        key = (province, year, gender)
        known = self._known.get(key)
        if known is None:
            known = array("I", [0])
            known.extend(accumulate(self._count_lines(province, year, gender)))
            self._known[key] = known
        return known

    def _make_quick(self, number: int, slot: Slot) -> tuple[int, int, int, bool, int, int]:
        """Give what counting needs of a line, in plain numbers: cells are counted while a caller waits."""
        shape = self._shapes[number]
        foot = self._foot[number] - shape.first
        return shape.first, shape.last, slot.born, slot.away, foot, slot.position

    def _count_lines(self, province: int, year: int, gender: int) -> list[int]:
        starts, rungs = self._starts, len(self._rungs)
        homes = (province * rungs, self._provinces[province].partner * rungs)
        counts = []
        for first, last, born, away, foot, position in self._quick[gender]:
            eldest = year - born
            if not first <= eldest <= last:
                counts.append(0)
                continue
            stratum = homes[away] + foot + eldest
            missing = stratum == self._cut_stratum and 0 < self._cut <= position
            counts.append(starts[stratum + 1] - starts[stratum] - missing)
        return counts
