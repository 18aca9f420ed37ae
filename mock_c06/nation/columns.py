"""Which places of which clans can hold somebody of a year and gender: the same in every province.

A column is a year and a gender; a line of it, a position in a shape whose eldest was born in one certain year.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mock_c06.nation.shapes import Shape, Slot, load_shapes

FIRST_YEAR, LAST_YEAR = 1900, 2026


class Line(NamedTuple):
    """A position in a shape. `rung` is the place of shape and year among a province's strata; `away` whether the clan's
    home is the partner province."""

    shape: Shape
    position: int
    eldest: int
    rung: int
    away: bool


class Column:
    """The lines of a year and gender, in the order in which their people are counted."""

    __slots__ = ("line_of", "lines", "rungs")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        # What counting needs, in plain numbers: cells are counted while a caller waits.
        self.rungs = [(line.rung, line.away) for line in lines]
        self.line_of: Mapping[Slot, int] = {
            line.shape.slots[line.position]: at for at, line in enumerate(lines)
        }


def make_columns() -> list[Column]:
    """Make all columns, the years' two genders side by side."""
    lines: dict[tuple[int, int], list[Line]] = {
        (year, gender): [] for year in range(FIRST_YEAR, LAST_YEAR + 1) for gender in (0, 1)
    }
    rung = 0
    for shape in load_shapes():
        for slot in shape.slots:
            for eldest in range(shape.first, shape.last + 1):
                line = Line(shape, slot.position, eldest, rung + eldest - shape.first, slot.away)
                lines[eldest + slot.born, slot.gender].append(line)
        rung += shape.last - shape.first + 1
    return [Column(each) for each in lines.values()]
