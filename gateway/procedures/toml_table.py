"""A table of a TOML data file, read strictly: each member is asked for by name and kind.

Refuses missing, unknown, empty and wrongly typed members, naming the place in the file. Knows
nothing of procedures; `service_file.py` gives the members their meaning.
"""

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path


@dataclass(eq=False)
class LineInvalid(ValueError):
    """A place in a data file that doesn't hold, and why."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table and where it stands in its file."""

    members: dict[str, object]
    place: str

    def only(self, *names: str) -> None:
        """Refuse members other than these."""
        for name in self.members:
            if name not in names:
                raise LineInvalid(self.at(name), f"unknown member; known are {', '.join(names)}")

    def at(self, name: str) -> str:
        """Return the place of a member."""
        return f"{self.place}.{name}" if self.place else name

    def text(self, name: str) -> str:
        """Return a text that must be there and not empty."""
        value = self.members.get(name)
        if not isinstance(value, str) or not value.strip():
            raise LineInvalid(self.at(name), "a text is expected")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, None where the member is absent."""
        return self.text(name) if name in self.members else None

    def number(self, name: str) -> int:
        """Return a whole number that must be there."""
        value = self.members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise LineInvalid(self.at(name), "a whole number is expected")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; absent is false."""
        value = self.members.get(name, False)
        if not isinstance(value, bool):
            raise LineInvalid(self.at(name), "true or false is expected")
        return value

    def optional_day(self, name: str) -> date | None:
        """Return a date without time, None where the member is absent."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, date) or isinstance(value, datetime):
            raise LineInvalid(self.at(name), "a date YYYY-MM-DD without quotes is expected")
        return value

    def table(self, name: str) -> "Table":
        """Return a table that must be there."""
        value = self.members.get(name)
        if not isinstance(value, dict):
            raise LineInvalid(self.at(name), "a table is expected")
        return Table(value, self.at(name))

    def tables(self, name: str, *, label: str) -> tuple["Table", ...]:
        """Return a list of tables, none where absent; `label` is the member that names a table's place."""
        value = self.members.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise LineInvalid(self.at(name), "a list of tables is expected")
        return tuple(
            Table(item, f"{self.at(name)}[{item.get(label, number)}]") for number, item in enumerate(value, 1)
        )

    def entries(self) -> tuple[tuple[str, "Table"], ...]:
        """Return all members as named tables."""
        return tuple((name, self.table(name)) for name in self.members)


def read_toml(file: Path) -> Table:
    """Read a data file; raises `LineInvalid` where it can't be read as TOML in UTF-8."""
    try:
        return Table(tomllib.loads(file.read_text(encoding="utf-8")), "")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise LineInvalid("file", f"can't be read as TOML: {exc}") from exc
