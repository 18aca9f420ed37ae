"""Map a record to its index and back, by counting.

Clans are distributed over strata (shape, birth year of the eldest, province) in proportion to integer weights. A cell
is all records of one province, birth year and gender; its size follows from the weights, without reading any record.
A column is one year and gender; each line of it is a position in a shape whose eldest was born in a given year. All
tables are made at the start (60 ms, 5 MiB), so that the first call is not slower than others.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from mock_c06.generated.clans import RECORDS, ClanShape, Slot, load_clan_shapes
from mock_c06.generated.draws import LastClanCache
from mock_c06.generated.units import load_provinces

FIRST_YEAR, LAST_YEAR = 1900, 2026


class Line(NamedTuple):
    """A position in a shape. `rung` is the index of shape and year; `away`: the clan's home
    is the partner province."""

    shape: ClanShape
    position: int
    eldest: int
    rung: int
    away: bool


class Column:
    """The lines of a year and gender, in counting order."""

    __slots__ = ("line_of", "lines", "rungs")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        # Plain numbers, because cells are counted during a call.
        self.rungs = [(line.rung, line.away) for line in lines]
        self.line_of: Mapping[Slot, int] = {
            line.shape.slots[line.position]: at for at, line in enumerate(lines)
        }


def make_columns() -> list[Column]:
    """Make all columns: two for each year, one for each gender."""
    lines: dict[tuple[int, int], list[Line]] = {
        (year, gender): [] for year in range(FIRST_YEAR, LAST_YEAR + 1) for gender in (0, 1)
    }
    rung = 0
    for shape in load_clan_shapes():
        for slot in shape.slots:
            for nth, eldest in enumerate(shape.years):
                line = Line(shape, slot.position, eldest, rung + nth, slot.away)
                lines[eldest + slot.born, slot.gender].append(line)
        rung += len(shape.years)
    return [Column(each) for each in lines.values()]


_COLUMNS = 2 * (LAST_YEAR - FIRST_YEAR + 1)


class Member(NamedTuple):
    """A record: its index, its clan and shape, and what its number contains.

    `home` is the clan's province, `nth` the clan's index in its stratum, `cell` the cell's number.
    """

    record_index: int
    clan: int
    position: int
    shape: ClanShape
    home: int
    eldest: int
    nth: int
    province: int
    year: int
    gender: int
    cell: int


class Cells:
    """The tables for a population of `count` records."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._shapes = load_clan_shapes()
        self._provinces = load_provinces()
        self._partners = [province.partner for province in self._provinces]
        self._rungs = [(shape, year) for shape in self._shapes for year in shape.years]
        self._starts = self._share_out(-(-count // RECORDS))
        # The last clan may lack its last records; it is the last of the last stratum that has clans.
        self._cut_stratum, self._cut = self._stratum((count - 1) // RECORDS), count % RECORDS
        self._columns = make_columns()
        # For each cell the number of its records before each line; the last item is their total.
        self._counts = [
            array("I", accumulate(self._count_lines(province, column), initial=0))
            for province in range(len(self._provinces))
            for column in range(_COLUMNS)
        ]
        self._relatives: LastClanCache[int, Member] = LastClanCache()

    def _share_out(self, clans: int) -> "array[int]":
        """Return the first clan of each stratum. Strata of one shape and year are neighbours, so that a population of a
        few thousand has the ages of a large one."""
        people = [0, *accumulate(province.people for province in self._provinces)]
        rungs = [weight for shape in self._shapes for weight in shape.weights]
        total = sum(rungs) * people[-1]
        starts = array("q", [0])
        below = 0
        for weight in rungs:
            starts.extend(clans * (below + weight * upto) // total for upto in people[1:])
            below += weight * people[-1]
        return starts

    def _stratum(self, clan: int) -> int:
        return bisect_right(self._starts, clan) - 1

    def member_at(self, index: int) -> Member:
        """Return the record at an index, from 0."""
        clan, position = divmod(index, RECORDS)
        stratum = self._stratum(clan)
        rung, home = divmod(stratum, len(self._provinces))
        shape, eldest = self._rungs[rung]
        return self._member(clan, position, shape, home, eldest, clan - self._starts[stratum])

    def relative(self, member: Member, position: int | None) -> Member | None:
        """Return the record at another position of the same clan, or None."""
        clan = member.clan
        if position is None or clan * RECORDS + position >= self.count:
            return None
        known = self._relatives.of(clan)
        relative = known.get(position)
        if relative is None:
            _, _, _, shape, home, eldest, nth, *_ = member
            relative = known[position] = self._member(clan, position, shape, home, eldest, nth)
        return relative

    def _member(self, clan: int, position: int, shape: ClanShape, home: int, eldest: int, nth: int) -> Member:
        slot = shape.slots[position]
        province = self._partners[home] if slot.away else home
        year, gender = eldest + slot.born, slot.gender
        index = clan * RECORDS + position
        cell = _cell(province, year, gender)
        return Member(index, clan, position, shape, home, eldest, nth, province, year, gender, cell)

    def sizes(self) -> Iterator[int]:
        """Return the size of every cell."""
        return (counts[-1] for counts in self._counts)

    def ordinal(self, member: Member) -> int:
        """Return a record's index in its cell, from 0."""
        column = self._columns[member.cell % _COLUMNS]
        line = column.line_of[member.shape.slots[member.position]]
        return self._counts[member.cell][line] + member.nth

    def find(self, province: int, year: int, gender: int, ordinal: int) -> Member | None:
        """Return the record at an index of a cell, None beyond the last."""
        cell = _cell(province, year, gender)
        counts = self._counts[cell]
        if ordinal >= counts[-1]:
            return None
        at = bisect_right(counts, ordinal) - 1
        line = self._columns[cell % _COLUMNS].lines[at]
        home = self._partners[province] if line.away else province
        nth = ordinal - counts[at]
        clan = self._starts[line.rung * len(self._provinces) + home] + nth
        index = clan * RECORDS + line.position
        return Member(
            index, clan, line.position, line.shape, home, line.eldest, nth, province, year, gender, cell
        )

    def _count_lines(self, province: int, column: int) -> list[int]:
        starts, provinces = self._starts, len(self._provinces)
        homes = (province, self._partners[province])
        strata = [rung * provinces + homes[away] for rung, away in self._columns[column].rungs]
        counts = [starts[stratum + 1] - starts[stratum] for stratum in strata]
        if self._cut and self._cut_stratum in strata:
            lines = self._columns[column].lines
            for at, stratum in enumerate(strata):
                counts[at] -= stratum == self._cut_stratum and self._cut <= lines[at].position
        return counts


def _cell(province: int, year: int, gender: int) -> int:
    return province * _COLUMNS + (year - FIRST_YEAR) * 2 + gender
