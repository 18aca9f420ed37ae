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
from typing import Any, NamedTuple

from mock_c06.generated.clans import RECORDS, ClanShape, Slot, load_clan_shapes
from mock_c06.generated.units import load_provinces

FIRST_YEAR, LAST_YEAR = 1900, 2026


class Line(NamedTuple):
    """A position in a shape. `rung` is the index of shape and year; `away`: the clan's home is the partner province."""

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


def _make_columns() -> list[Column]:
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


class Clan:
    """A clan of one population, compared by its number, and what was computed of its records, by position.

    `home` is the clan's province, `nth` its index in its stratum. One look-up reads the same relatives again: the clan
    that was read last is kept (decision 0039).
    """

    __slots__ = (
        *("drawn", "eldest", "home", "lives", "members", "names", "nth", "number", "numbers", "peoples"),
        "shape",
    )

    def __init__(self, number: int, shape: ClanShape, home: int, eldest: int, nth: int) -> None:
        self.number = number
        self.shape = shape
        self.home = home
        self.eldest = eldest
        self.nth = nth
        self.drawn: dict[int, int] = {}
        self.members: dict[int, Member] = {}
        self.lives: dict[int, Any] = {}
        self.names: dict[int, str] = {}
        self.numbers: dict[int, str] = {}
        self.peoples: dict[int, str] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clan) and other.number == self.number

    def __hash__(self) -> int:
        return self.number


class Member(NamedTuple):
    """A record: its index, its clan and its slot there, and what its number contains. `cell` is the cell's number."""

    record_index: int
    clan: Clan
    position: int
    slot: Slot
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
        self._columns = _make_columns()
        # For each cell the number of its records before each line; the last item is their total.
        self._counts = [
            array("I", accumulate(self._count_lines(province, column), initial=0))
            for province in range(len(self._provinces))
            for column in range(_COLUMNS)
        ]
        self._last = Clan(-1, self._shapes[0], 0, 0, 0)

    def _share_out(self, clans: int) -> "array[int]":
        """Return the first clan of each stratum.

        Strata of one shape and year are neighbours, so that a population of a few thousand has the ages of a large one.
        """
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
        number, position = divmod(index, RECORDS)
        clan = self._last
        if clan.number != number:
            stratum = self._stratum(number)
            rung, home = divmod(stratum, len(self._provinces))
            shape, eldest = self._rungs[rung]
            clan = self._read(number, shape, home, eldest, number - self._starts[stratum])
        return clan.members.get(position) or self._member(clan, position)

    def relative(self, member: Member, position: int | None) -> Member | None:
        """Return the record at another position of the same clan, or None."""
        clan = member.clan
        if position is None or clan.number * RECORDS + position >= self.count:
            return None
        return clan.members.get(position) or self._member(clan, position)

    def _read(self, number: int, shape: ClanShape, home: int, eldest: int, nth: int) -> Clan:
        """Return the clan, from the last look-up if that was in the same one."""
        if self._last.number != number:
            # Members and their clan hold each other, which only the garbage collector would find.
            self._last.members.clear()
            self._last = Clan(number, shape, home, eldest, nth)
        return self._last

    def _member(self, clan: Clan, position: int) -> Member:
        slot = clan.shape.slots[position]
        province = self._partners[clan.home] if slot.away else clan.home
        year, gender = clan.eldest + slot.born, slot.gender
        index, cell = clan.number * RECORDS + position, _cell(province, year, gender)
        member = clan.members[position] = Member(index, clan, position, slot, province, year, gender, cell)
        return member

    def sizes(self) -> Iterator[int]:
        """Return the size of every cell."""
        return (counts[-1] for counts in self._counts)

    def ordinal(self, member: Member) -> int:
        """Return a record's index in its cell, from 0."""
        column = self._columns[member.cell % _COLUMNS]
        return self._counts[member.cell][column.line_of[member.slot]] + member.clan.nth

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
        number = self._starts[line.rung * len(self._provinces) + home] + nth
        clan = self._read(number, line.shape, home, line.eldest, nth)
        return clan.members.get(line.position) or self._member(clan, line.position)

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
