"""Which record has which place among all, and the way back, by counting.

Clans are shared out to strata (province, shape, year of the eldest) in proportion to integer weights. So all
records of one cell (province, year of birth and gender, as a number tells them) can be counted without looking at
one, and a place in a cell and a place among all can be turned into each other. Keeps a few small tables, all made at
the start (60 ms, 5 MiB), so that the first who asks waits no longer than the last.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from mock_c06.nation.columns import FIRST_YEAR, LAST_YEAR, make_columns
from mock_c06.nation.memory import OfOneClan
from mock_c06.nation.provinces import load_provinces
from mock_c06.nation.shapes import RECORDS, Shape, load_shapes

_FINE = 1_000_000
_COLUMNS = 2 * (LAST_YEAR - FIRST_YEAR + 1)


class Member(NamedTuple):
    """A record by its place among all, in a clan of a shape, and by what its number tells.

    `home` is the clan's province, `nth` the clan's place among those of its stratum, `cell` the number of the cell.
    """

    place: int
    clan: int
    position: int
    shape: Shape
    home: int
    eldest: int
    nth: int
    province: int
    year: int
    gender: int
    cell: int


class Cells:
    """The counting for a population of `count` records."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._shapes = load_shapes()
        self._provinces = load_provinces()
        self._partners = [province.partner for province in self._provinces]
        self._rungs = [(shape, year) for shape in self._shapes for year in range(shape.first, shape.last + 1)]
        self._starts = self._share_out(-(-count // RECORDS))
        # The last clan may lack its last records; it stands last in the last stratum that has any.
        self._cut_stratum, self._cut = self._stratum((count - 1) // RECORDS), count % RECORDS
        self._columns = make_columns()
        # Cell by cell and line by line, how many records of it stand before the line; the last item is their number.
        self._counts = [
            array("I", accumulate(self._count_lines(province, column), initial=0))
            for province in range(len(self._provinces))
            for column in range(_COLUMNS)
        ]
        self._relatives: OfOneClan[int, Member] = OfOneClan()

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
        stratum = self._stratum(clan)
        home, rung = divmod(stratum, len(self._rungs))
        shape, eldest = self._rungs[rung]
        return self._member(clan, position, shape, home, eldest, clan - self._starts[stratum])

    def relative(self, member: Member, position: int | None) -> Member | None:
        """Give the record at another position of the same clan, None where there is none."""
        clan = member.clan
        if position is None or clan * RECORDS + position >= self.count:
            return None
        known = self._relatives.of(clan)
        relative = known.get(position)
        if relative is None:
            _, _, _, shape, home, eldest, nth, *_ = member
            relative = known[position] = self._member(clan, position, shape, home, eldest, nth)
        return relative

    def _member(self, clan: int, position: int, shape: Shape, home: int, eldest: int, nth: int) -> Member:
        slot = shape.slots[position]
        province = self._partners[home] if slot.away else home
        year, gender = eldest + slot.born, slot.gender
        place = clan * RECORDS + position
        cell = _cell(province, year, gender)
        return Member(place, clan, position, shape, home, eldest, nth, province, year, gender, cell)

    def sizes(self) -> Iterator[int]:
        """Count every cell that can hold anybody."""
        return (counts[-1] for counts in self._counts)

    def ordinal(self, member: Member) -> int:
        """Give a record's place in its cell, from 0."""
        column = self._columns[member.cell % _COLUMNS]
        line = column.line_of[member.shape.slots[member.position]]
        return self._counts[member.cell][line] + member.nth

    def find(self, province: int, year: int, gender: int, ordinal: int) -> Member | None:
        """Give the record at a place of a cell, None beyond its last."""
        cell = _cell(province, year, gender)
        counts = self._counts[cell]
        if ordinal >= counts[-1]:
            return None
        at = bisect_right(counts, ordinal) - 1
        line = self._columns[cell % _COLUMNS].lines[at]
        home = self._partners[province] if line.away else province
        nth = ordinal - counts[at]
        clan = self._starts[home * len(self._rungs) + line.rung] + nth
        place = clan * RECORDS + line.position
        return Member(
            place, clan, line.position, line.shape, home, line.eldest, nth, province, year, gender, cell
        )

    def _count_lines(self, province: int, column: int) -> list[int]:
        starts, rungs = self._starts, len(self._rungs)
        homes = (province * rungs, self._partners[province] * rungs)
        strata = [homes[away] + rung for rung, away in self._columns[column].rungs]
        counts = [starts[stratum + 1] - starts[stratum] for stratum in strata]
        if self._cut and self._cut_stratum in strata:
            lines = self._columns[column].lines
            for at, stratum in enumerate(strata):
                counts[at] -= stratum == self._cut_stratum and self._cut <= lines[at].position
        return counts


def _cell(province: int, year: int, gender: int) -> int:
    return province * _COLUMNS + (year - FIRST_YEAR) * 2 + gender
