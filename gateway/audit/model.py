"""Audit entries of every question, delivery, refusal and act, and the hashes that protect them.

A citizen and an officer are keyed pseudonyms; an entry has no name, number or date of a person. The leaf hash of an entry is
salted, so that the entries of a month can be dropped and the rows still verify. Rows older than schema 0017 also have a
hash chain, and the leaf of such a row is over its chain hash.

Without an evidence key nobody can add an entry: a hash can be computed by whoever writes the database, a MAC (HMAC-SHA-256)
can't. The MAC of an entry is over its id, its month and its leaf hash, and so over salt and body. The sequencer gives no row to
an entry without a right MAC, and `audit verify` checks every entry. An entry and the *mark* name the key by its serial: `1.` and
the MAC in hexadecimal. The mark says how many rows the audit had when its first evidence key was made, and the leaf of the last
of them. These rows have no MAC, and no later row may be without one.
Source: NĐ 47/2020 Đ45 (what a provider logs), docs/decisions/0012, 0027, 0078 and 0093.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from hmac import compare_digest
from typing import Any

from pydantic_core import from_json

from gateway.audit.state import State, write_canonical
from gateway.errors.operators import AuditBroken
from gateway.identifiers import Profile, new_identifier
from gateway.keys.model import Key

GENESIS = "0" * 64
"""The previous hash of the first row of the chain."""

LOCAL = "local"
"""The actor of a command on the host without a sign-in."""


LOST = "entries_lost"
"""The outcome of the row that records entries of this gateway that were deleted before they had a row."""

CONTENT = "content"
"""The kind of pseudonym that the `content` of an entry is, computed from the SHA-256 of the body sent."""


class Kind(StrEnum):
    """The kind of an event."""

    INTENDED = "intended"
    ANSWERED = "answered"
    REUSED = "reused"
    DELIVERED = "delivered"
    REFUSED = "refused"
    ENDED = "ended"
    FILED = "filed"
    LOCAL = "local"
    OPERATOR = "operator"
    SHOWN = "shown"
    INSPECTED = "inspected"
    ERASED = "erased"


@dataclass(slots=True, kw_only=True)
class Promise:
    """The leaf hash (hexadecimal) of the entry that records a verification: its receipts promise this entry.

    It is known when the entry is appended, and None of a verification older than schema 0026.
    """

    leaf: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """The content of one row. `outcome` is a verdict, a problem code or a state; `act` joins the rows of one enquiry.

    `citizen` is the organisation's pairwise pseudonym of the person asked about, `citizen_key` the id of its key;
    `request_code` went to the registry with the question; `content` is the HMAC, under a pseudonym key, of the SHA-256 of
    the body sent. `actor` is an operator, or `local` on the host, `reason` what they gave; `erased` has the
    ranges of rows whose entries this row's record has erased. `state` is what the record
    changed in covered tables; the log sets it. `count` is the number of refusals that the row counts (`refusals.py`),
    `address_class` the class of the addresses of strangers. `promise` is not part of the body: an entry that records a new
    verification sets its leaf.
    """

    at: datetime
    kind: Kind
    profile: Profile | None
    act: str
    request_id: str | None = None
    correlation_id: str | None = None
    client_id: str | None = None
    organisation: str | None = None
    procedure: str | None = None
    dossier: str | None = None
    subject_role: str | None = None
    citizen: str | None = None
    citizen_key: str | None = None
    operation: str | None = None
    request_code: str | None = None
    content: str | None = None
    verification: str | None = None
    origin: str | None = None
    outcome: str | None = None
    fields: tuple[str, ...] = ()
    initiated_by: str | None = None
    officer: str | None = None
    authentication: str | None = None
    legal_basis: tuple[str, ...] = ()
    actor: str | None = None
    reason: str | None = None
    erased: tuple[str, ...] = ()
    state: State | None = None
    address_class: str | None = None
    count: int | None = None
    promise: Promise | None = field(default=None, repr=False, compare=False)

    def copy_with(self, **members: Any) -> "AuditEntry":
        """Return a copy with other values of some members.

        As `dataclasses.replace`, which takes 13 times as long for these members. Raises `TypeError` for an unknown name.
        """
        if not members.keys() <= self.__dict__.keys():
            raise TypeError(f"no members of an audit entry: {members.keys() - self.__dict__.keys()}")
        made = object.__new__(AuditEntry)
        made.__dict__.update(self.__dict__, **members)
        return made

    def canonical(self) -> str:
        """Return the body: the exact JSON text that is stored and hashed."""
        members = {name: value for name, value in self.__dict__.items() if value is not None and value != ()}
        members.pop("promise", None)
        # With microseconds always, so that the order of texts is the order of times. Older rows end in `+00:00`.
        members["at"] = f"{self.at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"
        return write_canonical(members)


def act_entry(
    outcome: str,
    *,
    at: datetime,
    actor: str | None,
    profile: Profile | None = None,
    kind: Kind | None = None,
    act: str | None = None,
) -> AuditEntry:
    """Return the row of an act of an operator or of the host; by default its kind follows from the actor.

    `act` joins it with other rows; by default it belongs to no other row.
    """
    kind = kind or (Kind.LOCAL if actor == LOCAL else Kind.OPERATOR)
    act = act or new_identifier("act")
    return AuditEntry(at=at, kind=kind, profile=profile, act=act, outcome=outcome, actor=actor)


_LISTS = ("fields", "legal_basis", "erased")
_TEXTS = tuple(
    each.name for each in fields(AuditEntry) if each.name not in {*_LISTS, "state", "count", "promise"}
)


def find_members(body: object) -> dict[str, Any] | None:
    """Return the members of a stored body; None of what is no entry, which `audit verify` names."""
    try:
        members: Any = from_json(body) if isinstance(body, str) else None
        is_entry = datetime.fromisoformat(members["at"]).tzinfo is not None and "kind" in members
        texts = [members.get(name, "") for name in _TEXTS]
        texts += [each for name in _LISTS for each in members.get(name, ())]
        others = members.get("state", {}), members.get("count", 0)
    except (ValueError, KeyError, TypeError):
        return None
    is_typed = all(isinstance(each, str) for each in texts) and list(map(type, others)) == [dict, int]
    return members if is_entry and is_typed else None


def find_entry(body: object) -> AuditEntry | None:
    """Return the entry of a stored body; None as `find_members`, or of members that no entry has."""
    members = find_members(body)
    if members is None:
        return None
    lists = {name: tuple(value) for name, value in members.items() if isinstance(value, list)}
    try:
        profile = Profile(members["profile"]) if "profile" in members else None
        typed = {
            "at": datetime.fromisoformat(members["at"]),
            "kind": Kind(members["kind"]),
            "profile": profile,
        }
        return AuditEntry(**members | lists | typed)
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The number and hash of a row of the chain, as a checkpoint before schema 0017 has them."""

    rows: int
    hash: str


def write_ranges(rows: Sequence[int]) -> tuple[str, ...]:
    """Return ascending row numbers as ranges: `4-9`, `11-11`."""
    found: list[list[int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return tuple(f"{first}-{last}" for first, last in found)


def parse_range(text: object) -> tuple[int, int]:
    """Read `4-9`. Raises `AuditBroken` for another text."""
    first, separator, last = str(text).partition("-")
    if not (separator and first.isdecimal() and last.isdecimal() and len(last) <= 18):
        raise AuditBroken("an erasure names its rows in another form than 4-9")
    return int(first), int(last)


_STORED = "surrogateescape"
"""Gives the bytes that are stored where SQLite has text that is no UTF-8 (`fetch_plain`)."""


def entry_digest(*, salt: str, body: str) -> str:
    """Return the salted SHA-256 of an entry; without the salt nobody can test a guess at the entry."""
    return hashlib.sha256(f"{salt}\n{body}".encode("utf-8", _STORED)).hexdigest()


def leaf_hash(*, salt: str, body: str) -> str:
    """Return the RFC 9162 leaf hash of an entry, in hexadecimal; salted like `entry_digest`."""
    return hashlib.sha256(f"\x00{salt}\n{body}".encode("utf-8", _STORED)).hexdigest()


def chained_leaf_hash(chained: str) -> str:
    """Return the leaf hash of a row of the chain: the hash of its chain hash."""
    return hashlib.sha256(b"\x00" + chained.encode()).hexdigest()


def row_hash(*, row: int, previous: str, content: str) -> str:
    """Return the SHA-256 that chains a row to the one before it."""
    return hashlib.sha256(f"{row}\n{previous}\n{content}".encode("utf-8", _STORED)).hexdigest()


def with_state(entry: AuditEntry, *states: State) -> AuditEntry:
    """Return an entry that names what its record changed in covered tables."""
    merged = {name: digests for state in states for name, digests in state.items()}
    return entry.copy_with(state=merged) if merged else entry


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

    def are_right(self, macs: Sequence[str | None], entries: Iterable[tuple[int, str, str]]) -> bool:
        """Return whether MACs are those of the entries (id, month, leaf), all of them under one key.

        Takes half the time of `is_right`. False proves nothing: MACs under two keys may be right.
        """
        serial = str(macs[0] or "").partition(".")[0]
        key = self._keys.get(serial)
        if key is None:
            return False
        mac = key.mac
        return macs == [f"{serial}.{mac(_entry_text(*each))}" for each in entries]

    def write_mark(self, mark: AuditMark) -> str:
        """Return the mark as it is stored."""
        return f"{mark.rows} {mark.leaf} {self._make(_mark_text(mark))}"

    def read_mark(self, stored: str | None, *, now: datetime | None) -> AuditMark | None:
        """Return a stored mark; None if there is none, or its MAC is wrong; `now` as in `is_right`."""
        mark = parse_mark(stored)
        mac = str(stored or "").rpartition(" ")[2]
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
        try:
            return found.isascii() and compare_digest(found, key.mac(text))
        except UnicodeEncodeError:  # month or leaf is no UTF-8 (`fetch_plain`)
            return False


def is_utf_8(*texts: str) -> bool:
    """Return whether texts can be encoded; those with lone surrogates are none in the store (`fetch_plain`)."""
    return not any(_SURROGATE.search(str(each)) for each in texts)


def parse_mark(stored: str | None) -> AuditMark | None:
    """Return a stored mark without a look at its MAC; None if it has not the form of one."""
    found = _MARK.fullmatch(str(stored or ""))  # SQLite may have bytes there
    return None if found is None else AuditMark(rows=int(found[1]), leaf=found[2])


_SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = re.compile(r"(0|[1-9][0-9]{0,17}) ([0-9a-f]{64}|) [0-9]+\.[0-9a-f]{64}")


def _entry_text(entry: int, month: str, leaf: str) -> str:
    return f"entry\n{entry}\n{month}\n{leaf}"


def _mark_text(mark: AuditMark) -> str:
    return f"mark\n{mark.rows}\n{mark.leaf}"
