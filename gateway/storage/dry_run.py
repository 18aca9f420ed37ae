"""The audit of `--dry-run`: what would be committed runs with all its checks, and is rolled back."""

from contextlib import suppress
from typing import TypeVar

from gateway.audit.log import AuditLog, Decision
from gateway.audit.macs import EntryMacs
from gateway.audit.model import AuditEntry
from gateway.audit.state_store import begin_marks
from gateway.storage.database import Database

T = TypeVar("T")


class _Undone(Exception):
    """Rolls the transaction back."""


class DryRunLog(AuditLog):
    """Rolls each commit back, and keeps the entries that it would have. A refusal that commits nothing else is recorded."""

    def __init__(self, database: Database, macs: EntryMacs) -> None:
        super().__init__(database, macs)
        self._store = database
        self.would_record: list[AuditEntry] = []

    async def commit(self, decide: Decision[T], *, mandatory: bool = False) -> T:
        """Run `decide` in a transaction that is rolled back, and return its result. Raises what it raises."""
        del mandatory
        found: list[T] = []
        with suppress(_Undone):
            async with self._store.write() as transaction:
                marks = await begin_marks(transaction)
                entries, result = await decide(transaction)
                self.would_record += await marks.settle(transaction, entries)
                found.append(result)
                raise _Undone
        return found[0]
