"""Which rows have no entry any more, and by which rows of the audit: an erasure is itself a row that names them.

The leaf of an erased entry stays in its row, so every root and every proof stays valid. The rows of the hash chain, older
than schema 0017, keep their entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors.operators import AuditBroken


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedRows:
    """The number of rows whose entry was erased, and why: each erasure's reason with the number of its rows."""

    rows: int
    why: Mapping[str, int]


class Erasures:
    """The rows that erasures name, from the bodies of all erasures."""

    def __init__(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        found: list[tuple[int, int, str]] = []
        for body in bodies:
            for text in body.get("erased", ()):
                first, last = parse_range(text)
                found.append((first, last, str(body.get("reason", ""))))
        self._ranges = sorted(found)
        self._next = 0
        self._why: dict[str, int] = {}

    def take(self, row: int) -> None:
        """Note a row without an entry; rows come in order. Raises `AuditBroken` if no erasure names it."""
        while self._next < len(self._ranges) and self._ranges[self._next][1] < row:
            self._next += 1
        if self._next == len(self._ranges) or row < self._ranges[self._next][0]:
            raise AuditBroken(f"row {row}: its content is missing")
        reason = self._ranges[self._next][2]
        self._why[reason] = self._why.get(reason, 0) + 1

    def result(self) -> ErasedRows:
        """Return what was taken."""
        return ErasedRows(rows=sum(self._why.values()), why=dict(self._why))


def parse_range(text: object) -> tuple[int, int]:
    """Read `4-9`. Raises `AuditBroken` for another text."""
    first, separator, last = str(text).partition("-")
    if not (separator and first.isdecimal() and last.isdecimal() and len(last) <= 18):
        raise AuditBroken("an erasure names its rows in another form than 4-9")
    return int(first), int(last)


def write_ranges(rows: Sequence[int]) -> tuple[str, ...]:
    """Return ascending row numbers as ranges: `4-9`, `11-11`."""
    found: list[list[int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return tuple(f"{first}-{last}" for first, last in found)
