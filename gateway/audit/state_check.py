"""The checks of the audit's rows: a row and its entry, the columns beside the entry's body, the hash chain; and what entries say
with what is elsewhere: promises of receipts, covered rows of other tables, the mark of answered questions, erased entries.

An erasure is itself a row that names the rows without an entry. The leaf of an erased entry stays in its row, so every root and
every proof stays valid. The rows of the hash chain, older than schema 0017, keep their entries. The digests of covered rows
(`state.py`) need about 250 bytes of memory a row.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from pydantic_core import from_json

from gateway.audit import state_store
from gateway.audit.model import (
    GENESIS,
    AuditHead,
    EntryMacs,
    Kind,
    chained_leaf_hash,
    entry_digest,
    leaf_hash,
    parse_range,
    row_hash,
)
from gateway.audit.state import ADOPTED, BASELINE, COVERED, Covered
from gateway.audit.store import (
    INDEXED,
    PROMISED,
    Rows,
    audit_promises,
    count_rows,
    find_false_promise,
    list_promises,
    recorded_text,
)
from gateway.clock import month_of
from gateway.deployment import parse_entry_id
from gateway.errors.operators import AuditBroken
from gateway.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedRows:
    """The number of rows whose entry was erased, and why: each erasure's reason with the number of its rows."""

    rows: int
    why: Mapping[str, int]


_HASH = re.compile("[0-9a-f]{64}")


class Erasures:
    """The rows that erasures name, from the bodies of all erasures."""

    def __init__(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        found: list[tuple[int, int, str]] = []
        for body in bodies:
            named = body.get("erased", [])
            for text in named if isinstance(named, list) else [named]:
                first, last = parse_range(text)
                found.append((first, last, str(body.get("reason", ""))))
        self._ranges = sorted(found)
        self._next = 0
        self._why = Counter[str]()

    def take(self, row: int) -> None:
        """Note a row without an entry; rows come in order. Raises `AuditBroken` if no erasure names it."""
        while self._next < len(self._ranges) and self._ranges[self._next][1] < row:
            self._next += 1
        if self._next == len(self._ranges) or row < self._ranges[self._next][0]:
            raise AuditBroken(f"row {row}: its content is missing")
        self._why[self._ranges[self._next][2]] += 1

    def take_row(self, row: Sequence[Any]) -> int:
        """As `take`, of a row as it is stored; return the id of its entry, which nothing but the row has."""
        number, entry, leaf, _, chained, _ = row
        if chained is not None:
            raise AuditBroken(f"row {number}: its content is missing")
        self.take(number)
        # SQLite keeps texts and bytes in a column of numbers, and bytes in one of texts.
        if not isinstance(entry, int):
            raise AuditBroken(f"row {number}: its entry is no number")
        if not (isinstance(leaf, str) and _HASH.fullmatch(leaf)):
            raise AuditBroken(f"row {number}: its leaf is no hash")
        return entry

    def result(self) -> ErasedRows:
        """Return what was taken."""
        return ErasedRows(rows=self._why.total(), why=dict(self._why))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """An intact audit: `rows` committed, of which `waiting` have no row number yet; the tree of the others and its root.

    `signed` is the size of the largest tree with a signed checkpoint: after a migration it is 0 until the first pass.
    `authenticated` is the number of entries whose MAC is right, None if there was no key to check it; `adopted` is the number
    of rows from before the first evidence key, which have none. `signatures` is whether there was a key to check them.
    `erased` is the rows without an entry.
    """

    rows: int
    waiting: int
    size: int
    root: str
    checkpoints: int
    signed: int
    authenticated: int | None
    adopted: int
    signatures: bool
    erased: ErasedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """The number of compared rows of each covered table, and the audit rows of the baseline."""

    audit: AuditReport
    tables: Mapping[str, int]
    baselines: tuple[int, ...]


Progress = Callable[[str, int, int | None], None]
"""Called every `STEP` with a name, how many of these were checked, and of how many if that is known."""

STEP = 20_000

_CONFIRMED = "confirmed"
_INTENDED, _ANSWERED = Kind.INTENDED.value, Kind.ANSWERED.value


CheckedRow = tuple[int, Sequence[Any], Mapping[str, Any]]
"""The number of a row, its entry as it is stored, and the members of the entry's body."""


class OpenQuestions:
    """The intended questions that have no answer yet: code, entry and number of the row."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, int]] = {}
        self._last = 0

    def read(self, rows: Iterable[CheckedRow]) -> None:
        """Read the next rows."""
        for number, stored, body in rows:
            kind = body.get("kind")
            if kind == _ANSWERED:
                self._open.pop(str(body.get("request_code")), None)
            elif kind == _INTENDED:
                self._open[str(body.get("request_code"))] = (stored[0], number)
            self._last = max(self._last, stored[0])

    def read_erased(self, entry: int) -> None:
        """Read the next row, whose entry was erased: its question was answered, or closed, in an earlier one."""
        self._last = max(self._last, entry)

    def check(self, mark: str | None, *, size: int, rows: int) -> None:
        """Check the mark: no question up to that entry may be open. Rows beyond `size` are those of waiting entries."""
        if mark is None:
            return
        settled = parse_entry_id(mark)
        if settled is None:
            raise AuditBroken("deployment/audit_settled: not the id of an entry")
        if settled > self._last:
            raise AuditBroken(f"row {rows + 1}: missing, deployment/audit_settled is at entry {settled}")
        first, number = min(self._open.values(), default=(settled + 1, 0))
        if first <= settled:
            name = row_or_waiting(number, size=size, entry=first)
            raise AuditBroken(f"{name}: no answer, though deployment/audit_settled is at entry {settled}")


class Chain:
    """The hash chain of the rows as before schema 0017; all of them are before the other rows."""

    def __init__(self) -> None:
        self.head = AuditHead(rows=0, hash=GENESIS)

    def check(self, row: Sequence[Any], *, salt: str | None, body: str) -> None:
        """Check the next row of the chain. Raises `AuditBroken`."""
        number, _, leaf, previous, chained, digest = row
        if self.head.rows != number - 1 or previous != self.head.hash:
            raise AuditBroken(f"row {number}: does not follow the row before it")
        if digest is not None and digest != entry_digest(salt=salt or "", body=body):
            raise AuditBroken(f"row {number}: its content was changed")
        if chained != row_hash(row=number, previous=previous, content=digest or body):
            raise AuditBroken(f"row {number}: its content was changed")
        if leaf != chained_leaf_hash(chained):
            raise AuditBroken(f"row {number}: its leaf is not that of its chain hash")
        self.head = AuditHead(rows=number, hash=chained)


def row_or_waiting(number: int, *, size: int, entry: int) -> str:
    """Return the name of a row, or of an entry that waits for its row, in a log of `size` rows."""
    return f"row {number}" if number <= size else f"waiting entry {entry}"


_NO_ENTRY = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What a text that is not an entry raises."""

_DIGEST = (str, NoneType)


def _parse_body(text: str) -> tuple[dict[str, Any], str]:
    """Return the members of an entry's body, and its month. Raises one of `_NO_ENTRY`."""
    if not isinstance(text, str):
        raise TypeError(text)
    body: dict[str, Any] = from_json(text, cache_strings="keys")
    for before, after in body.get("state", {}).values():
        if not (isinstance(before, _DIGEST) and isinstance(after, _DIGEST)):
            raise TypeError(before, after)
    at: str = body["at"]
    instant = datetime.fromisoformat(at)
    return body, at[:7] if at.endswith(("Z", "+00:00")) else month_of(instant)


def find_ordinary(
    rows: Rows, entries: Mapping[int, Sequence[Any]], *, after: int, macs: EntryMacs | None
) -> list[CheckedRow] | None:
    """Return the rows after row `after` if each is ordinary and right, otherwise None, which proves nothing.

    An ordinary row has its entry, the number after that of the row before it, and nothing of the hash chain. What is not
    ordinary, or wrong, a check row by row finds and names, which takes longer.
    """
    found: list[CheckedRow] = []
    try:
        for number, row in enumerate(rows, after + 1):
            stored = entries[row[1]]
            body, month = _parse_body(stored[2])
            leaf = leaf_hash(salt=stored[1], body=stored[2])
            if (
                stored[3] != leaf
                or stored[4] != month
                or stored[6:] != tuple(map(body.get, INDEXED))
                or tuple(row) != (number, stored[0], leaf, None, None, None)
            ):
                return None
            found.append((number, stored, body))
    except _NO_ENTRY:
        return None
    named = ((stored[0], stored[4], stored[3]) for _, stored, _ in found)
    if macs is not None and not macs.are_right([stored[5] for _, stored, _ in found], named):
        return None
    return found


def refuse_two_months(page: Rows, stored: Rows) -> None:
    """Raise `AuditBroken` if an entry of one of the rows is stored twice; it then differs by its month."""
    counts = Counter(each[0] for each in stored)
    for number, entry, *_ in page:
        if counts[entry] > 1:
            raise AuditBroken(f"row {number}: its entry {entry} is stored in two months")


def check_entry(
    name: str, stored: Sequence[Any], *, leaf: str | None, is_chained: bool = False
) -> Mapping[str, Any]:
    """Check that an entry has this leaf, unless it is of the hash chain, and its columns; return its body. Raises `AuditBroken`."""
    _, salt, text, found_leaf, found_month, _, *columns = stored
    if not is_chained and leaf != leaf_hash(salt=salt, body=text):
        raise AuditBroken(f"{name}: its content was changed")
    try:
        body, month = _parse_body(text)
    except _NO_ENTRY:
        raise AuditBroken(f"{name}: its content is not an entry") from None
    # Entries are dropped by month: with a wrong month an entry would be dropped too early, or never.
    if found_month != month:
        raise AuditBroken(f"{name}: column month differs from its content")
    if found_leaf != (None if is_chained else leaf):
        raise AuditBroken(f"{name}: column leaf differs from its content")
    expected = list(map(body.get, INDEXED))
    if columns != expected:
        column = next(
            each for each, one, other in zip(INDEXED, columns, expected, strict=True) if one != other
        )
        raise AuditBroken(f"{name}: column {column} differs from its content")
    return body


class Promises:
    """The verifications that entries record and receipts promise (docs/decisions/0094): each must have its promise."""

    def __init__(self) -> None:
        self._recorded: dict[str, Sequence[Any]] = {}
        self._missing = ""
        self._right = 0

    def read(self, rows: Iterable[CheckedRow]) -> None:
        """Read the next rows, which are after the mark."""
        for _, stored, body in rows:
            outcome = body.get("outcome")
            if outcome == _CONFIRMED and body.get("kind") in PROMISED:
                verification = body.get("verification")
                # Only the entry that inserted it is promised; a further reuse names the same verification.
                before, _ = body.get("state", {}).get(f"verifications/{verification}", ("", ""))
                if before is None:
                    self._recorded[str(verification)] = stored
            elif outcome == ADOPTED:
                # Entries that waited until then are of a version that promised nothing.
                self._recorded, self._missing = {}, ""

    async def find(self, connection: Transaction) -> None:
        """Find the promises of what was read since the last call."""
        recorded, self._recorded = self._recorded, {}
        if not recorded or self._missing:
            return
        promises = await list_promises(connection, list(recorded))
        for verification, entry, leaf in promises:
            stored = recorded[verification]
            if (entry, leaf) == (stored[0], stored[3]) and recorded_text(verification) in stored[2]:
                self._right += 1
        if len(promises) < len(recorded):
            promised = {each[0] for each in promises}
            self._missing = next(each for each in recorded if each not in promised)

    async def check(self, connection: Transaction) -> None:
        """Raise `AuditBroken` if a promise is not that of the entry that recorded its verification, or is missing."""
        # The search for a false one reads every promise, with its entry, again.
        is_right = self._right == await count_rows(connection, audit_promises)
        if not is_right and (false := await find_false_promise(connection)) is not None:
            raise AuditBroken(f"audit_promises/{false}: its leaf is not that of the verification's entry")
        if self._missing:
            raise AuditBroken(f"audit_promises/{self._missing}: deleted outside the audit")


class StateInEvidence:
    """The digests of covered rows, collected from the audit row by row, then compared with the tables."""

    def __init__(self, *, reported: int = 0) -> None:
        self._reported = reported
        self._digests: dict[str, str] = {}
        self._findings: list[str] = []
        self.baselines: list[int] = []
        self._has_erased = False

    def read_erased(self) -> None:
        """Note that an earlier entry was erased: from now on a covered row may be named for the first time in any state."""
        self._has_erased = True

    def read(self, rows: Iterable[CheckedRow]) -> None:
        """Read what the next rows changed; their digests before must be those that an earlier row left."""
        for number, _, body in rows:
            if body.get("outcome") == BASELINE:
                self.baselines.append(number)
            for name, (before, after) in body.get("state", {}).items():
                differs = self._digests.get(name) != before and number > self._reported
                if differs and not self._may_differ(name, before):
                    self._findings.append(f"{name}: changed outside the audit before its row {number}")
                if after is None:
                    self._digests.pop(name, None)
                else:
                    self._digests[name] = after

    async def compare(self, connection: Transaction, table: str, progress: Progress) -> int:
        """Compare a table's rows with the audit; return their number."""
        count = 0
        async for name, digest, as_made in state_store.stream_state(connection, table):
            count += 1
            known = self._digests.pop(name, None)
            if known is None and not as_made:
                self._findings.append(f"{name}: inserted outside the audit")
            elif known not in {None, digest}:
                self._findings.append(f"{name}: changed outside the audit")
            if count % STEP == 0:
                progress(f"rows of {table}", count, None)
        gone = (
            []
            if COVERED[table].may_be_deleted
            else [name for name in self._digests if _table_of(name) == table]
        )
        self._findings += [f"{name}: deleted outside the audit" for name in sorted(gone)]
        return count

    def require_clean(self) -> None:
        """Raise `AuditBroken` with the first finding and the number of others."""
        if self._findings:
            more = len(self._findings) - 1
            raise AuditBroken(self._findings[0] + (f" (and {more} more)" if more else ""))

    def _may_differ(self, name: str, before: str | None) -> bool:
        """Return whether a row may be deleted, or inserted, without an audit row."""
        covered = COVERED.get(_table_of(name), Covered())
        went = before is None and covered.may_be_deleted is not None
        is_first = name not in self._digests
        return went or (is_first and (self._has_erased or covered.as_made is not None))


def _table_of(name: str) -> str:
    return name.partition("/")[0]
