"""MACs of audit entries: without an evidence key nobody can add an entry.

A hash can be computed by whoever writes the database. The MAC (HMAC-SHA-256) of an entry is over its id, its month and its
leaf hash, and so over salt and body. The sequencer gives no row to an entry without a right MAC, and `audit verify` checks
every entry. An entry and the *mark* name the key by its serial: `1.` and the MAC in hexadecimal.

The mark says how many rows the audit had when its first evidence key was made, and the leaf of the last of them. These rows
have no MAC, and no later row may be without one. See docs/decisions/0093.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from gateway.keys.model import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditMark:
    """The rows without a MAC: their number, and the leaf hash of the last one, empty without rows."""

    rows: int
    leaf: str


class EntryMacs:
    """Makes MACs with the newest evidence key and checks those of every key."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: dict[str, Key] = {}
        self._newest = ""
        self.use(keys)

    def use(self, keys: Iterable[Key]) -> None:
        """Use these keys from now on, in place of the former ones."""
        found = {str(key.serial): key for key in keys}
        self._keys, self._newest = found, max(found, key=int, default="")

    def make(self, *, entry: int, month: str, leaf: str) -> str:
        """Return the MAC of an entry. Raises `RuntimeError` without a key."""
        return self._make(_entry_text(entry, month, leaf))

    def is_right(
        self, mac: str | None, *, entry: int, month: str, leaf: str, now: datetime | None = None
    ) -> bool:
        """Return whether a MAC is that of the entry, with `now` under a key that is still accepted."""
        return self._is_right(mac, _entry_text(entry, month, leaf), now)

    def write_mark(self, mark: AuditMark) -> str:
        """Return the mark as it is stored."""
        return f"{mark.rows} {mark.leaf} {self._make(_mark_text(mark))}"

    def read_mark(self, stored: str | None, *, now: datetime | None) -> AuditMark | None:
        """Return a stored mark; None if there is none, or its MAC is wrong; `now` as in `is_right`."""
        mark = parse_mark(stored)
        mac = (stored or "").rpartition(" ")[2]
        return mark if mark is not None and self._is_right(mac, _mark_text(mark), now) else None

    def _make(self, text: str) -> str:
        if not self._keys:
            raise RuntimeError("the audit has no evidence key: open the vault before the first record")
        return f"{self._newest}.{self._keys[self._newest].mac(text)}"

    def _is_right(self, mac: str | None, text: str, now: datetime | None) -> bool:
        serial, _, found = str(mac or "").partition(".")  # SQLite may have bytes there
        key = self._keys.get(serial)
        if key is None or not (now is None or key.is_accepted(now)):
            return False
        return found.isascii() and compare_digest(found, key.mac(text))


def parse_mark(stored: str | None) -> AuditMark | None:
    """Return a stored mark without a look at its MAC; None if it has not the form of one."""
    found = _MARK.fullmatch(stored or "")
    return None if found is None else AuditMark(rows=int(found[1]), leaf=found[2])


_MARK = re.compile(r"(0|[1-9][0-9]{0,17}) ([0-9a-f]{64}|) [0-9]+\.[0-9a-f]{64}")


def _entry_text(entry: int, month: str, leaf: str) -> str:
    return f"entry\n{entry}\n{month}\n{leaf}"


def _mark_text(mark: AuditMark) -> str:
    return f"mark\n{mark.rows}\n{mark.leaf}"
