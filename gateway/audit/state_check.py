"""Compare what the audit's entries say with what is elsewhere: the columns beside them, the promises of receipts, covered rows of
other tables, and the mark of answered questions.

The digests of covered rows (`state.py`) need about 250 bytes of memory a row.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from gateway.audit import state_store
from gateway.audit.model import Kind, month_of
from gateway.audit.state import ADOPTED, BASELINE, COVERED, Covered
from gateway.audit.store import INDEXED, PROMISED, find_false_promise, list_promised
from gateway.deployment import parse_entry_id
from gateway.errors.operators import AuditBroken
from gateway.storage.database import Transaction

Progress = Callable[[str, int, int | None], None]
"""Called every `STEP` with a name, how many of these were checked, and of how many if that is known."""

STEP = 20_000

_CONFIRMED = "confirmed"
_INTENDED, _ANSWERED = Kind.INTENDED.value, Kind.ANSWERED.value


class OpenQuestions:
    """The intended questions that have no answer yet: code, entry and name of the row."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, str]] = {}
        self._last = 0

    def read_row(self, entry: int, name: str, body: Mapping[str, Any]) -> None:
        """Read the next row."""
        self._last = max(self._last, entry)
        kind = body.get("kind")
        if kind == _INTENDED:
            self._open[str(body.get("request_code"))] = (entry, name)
        elif kind == _ANSWERED:
            self._open.pop(str(body.get("request_code")), None)

    def read_erased(self, entry: int) -> None:
        """Read the next row, whose entry was erased: its question was answered, or closed, in an earlier one."""
        self._last = max(self._last, entry)

    def check(self, mark: str | None, rows: int) -> None:
        """Check the mark: no question up to that entry may be open."""
        if mark is None:
            return
        settled = parse_entry_id(mark)
        if settled is None:
            raise AuditBroken("deployment/audit_settled: not the id of an entry")
        if settled > self._last:
            raise AuditBroken(f"row {rows + 1}: missing, deployment/audit_settled is at entry {settled}")
        first, name = min(self._open.values(), default=(settled + 1, ""))
        if first <= settled:
            raise AuditBroken(f"{name}: no answer, though deployment/audit_settled is at entry {settled}")


def check_columns(name: str, stored: Sequence[Any], *, leaf: str | None) -> Mapping[str, Any]:
    """Check that the columns beside a body agree with it, and return the body. Raises `AuditBroken`."""
    _, _, text, found_leaf, found_month, _, *columns = stored
    try:
        body: dict[str, Any] = from_json(text, cache_strings="keys")
        at: str = body["at"]
        instant = datetime.fromisoformat(at)
        month = at[:7] if at.endswith("+00:00") else month_of(instant)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise AuditBroken(f"{name}: its content is not an entry") from None
    # Entries are dropped by month: with a wrong month an entry would be dropped too early, or never.
    if found_month != month:
        raise AuditBroken(f"{name}: column month differs from its content")
    if found_leaf != leaf:
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
        self._recorded: list[str] = []
        self._missing = ""

    def read_row(self, body: Mapping[str, Any]) -> None:
        """Read the next row after the mark."""
        if body.get("outcome") == ADOPTED:
            # Entries that waited until then are of a version that promised nothing.
            self._recorded, self._missing = [], ""
        elif body.get("kind") in PROMISED and body.get("outcome") == _CONFIRMED:
            verification = body.get("verification")
            # Only the entry that inserted it is promised; a further reuse names the same verification.
            before, _ = body.get("state", {}).get(f"verifications/{verification}", ("", ""))
            if before is None:
                self._recorded.append(str(verification))

    async def find(self, connection: Transaction) -> None:
        """Find the promises of what was read since the last call."""
        recorded, self._recorded = self._recorded, []
        if recorded and not self._missing:
            promised = await list_promised(connection, recorded)
            self._missing = next((each for each in recorded if each not in promised), "")

    async def check(self, connection: Transaction) -> None:
        """Raise `AuditBroken` if a promise is not that of the entry that recorded its verification, or is missing."""
        if false := await find_false_promise(connection):
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

    def read_row(self, row: int, body: Mapping[str, Any]) -> None:
        """Read what the next row changed; its digests before must be those that an earlier row left."""
        if body.get("outcome") == BASELINE:
            self.baselines.append(row)
        for name, (before, after) in body.get("state", {}).items():
            differs = self._digests.get(name) != before and row > self._reported
            if differs and not self._may_differ(name, before):
                self._findings.append(f"{name}: changed outside the audit before its row {row}")
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
