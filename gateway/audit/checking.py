"""What `audit verify` gathers row by row and compares at the end: open questions, and the digests of covered rows.

In memory: the questions without an answer, and a name and a digest of each covered row, about 250 bytes a row.
Source: threat 54, docs/decisions/0074.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.audit import state_store
from gateway.audit.model import AuditHead, Kind
from gateway.audit.state import BASELINE, COVERED, Covered
from gateway.database import Transaction
from gateway.deployment import parse_row
from gateway.errors.commands import AuditBroken

Progress = Callable[[str, int], None]
"""Told of what, and how many of it were checked so far, every `STEP`."""

STEP = 20_000


class OpenQuestions:
    """The questions that were intended and have no answer so far."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def take(self, row: int, body: Mapping[str, Any]) -> None:
        """Take the next row."""
        code = body.get("request_code")
        if body.get("kind") == Kind.INTENDED:
            self._open[str(code)] = row
        elif body.get("kind") == Kind.ANSWERED:
            self._open.pop(str(code), None)

    def check(self, mark: str | None, head: AuditHead) -> None:
        """Compare with the mark up to which nobody looks for open questions any more."""
        if mark is None:
            return
        settled, first = parse_row(mark), min(self._open.values(), default=head.rows + 1)
        if settled is None:
            raise AuditBroken("deployment/audit_settled: not the number of a row")
        if settled > head.rows:
            raise AuditBroken(f"row {head.rows + 1}: missing, deployment/audit_settled is at row {settled}")
        if first <= settled:
            raise AuditBroken(f"row {first}: no answer, though deployment/audit_settled is at row {settled}")


class StateInEvidence:
    """Covered rows as the audit says they are: built row by row, then compared with the tables.

    Edits that an audit row up to `reported` took over were looked into: they are left out.
    """

    def __init__(self, *, reported: int = 0) -> None:
        self._reported = reported
        self._digests: dict[str, str] = {}
        self._findings: list[str] = []
        self.baselines: list[int] = []

    def take(self, row: int, body: Mapping[str, Any]) -> None:
        """Take what the next row says that it changed, and compare what it found with what was left."""
        if body.get("outcome") == BASELINE:
            self.baselines.append(row)
        for name, (before, after) in body.get("state", {}).items():
            unlike = self._digests.get(name) != before and row > self._reported
            if unlike and not self._is_known_elsewise(name, before):
                self._findings.append(f"{name}: changed outside the audit before its row {row}")
            if after is None:
                self._digests.pop(name, None)
            else:
                self._digests[name] = after

    async def compare(self, connection: Transaction, table: str, progress: Progress) -> int:
        """Compare a table's rows with what the audit says of them; return how many there are."""
        count = 0
        async for name, digest, as_made in state_store.stream_state(connection, table):
            count += 1
            known = self._digests.pop(name, None)
            if known is None and not as_made:
                self._findings.append(f"{name}: inserted outside the audit")
            elif known not in {None, digest}:
                self._findings.append(f"{name}: changed outside the audit")
            if count % STEP == 0:
                progress(f"rows of {table}", count)
        gone = [] if COVERED[table].may_go else [name for name in self._digests if _table_of(name) == table]
        self._findings += [f"{name}: deleted outside the audit" for name in sorted(gone)]
        return count

    def require_clean(self) -> None:
        """Raise `AuditBroken` with the first finding, and how many there are."""
        if self._findings:
            more = len(self._findings) - 1
            raise AuditBroken(self._findings[0] + (f" (and {more} more)" if more else ""))

    def _is_known_elsewise(self, name: str, before: str | None) -> bool:
        """Say whether a row may have gone, or come, without an audit row: of tables only where that is so."""
        covered = COVERED.get(_table_of(name), Covered())
        went = before is None and covered.may_go is not None
        return went or (name not in self._digests and covered.as_made is not None)


def _table_of(name: str) -> str:
    return name.partition("/")[0]
