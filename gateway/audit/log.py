"""The one writer of the audit. `record` returns when the rows, and what goes with them, are durable.

Callers never see how commits are made: this writer commits each record by itself, a later one may let
concurrent records share a commit behind the same method.
"""

from collections.abc import Awaitable, Callable, Sequence

from gateway.audit import store
from gateway.audit.model import AuditEntry
from gateway.database import Database, Transaction

Change = Callable[[Transaction], Awaitable[None]]
Decision = Callable[[Transaction], Awaitable[Sequence[AuditEntry]]]


class AuditLog:
    """Appends entries, and the change they are evidence of, in one durable commit.

    Records queue before their change looks at the store, so that on PostgreSQL, as on SQLite, what a change
    reads is still so when it writes: two workers never take the same last place of a budget.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, *entries: AuditEntry, change: Change | None = None) -> None:
        """Commit `change` and the entries together.

        Raises:
            Overloaded: the store can't take them; nothing was kept.
        """
        async with self._database.write() as connection:
            await store.lock(connection)
            if change is not None:
                await change(connection)
            await store.append(connection, entries)

    async def commit(self, decide: Decision) -> None:
        """Commit what `decide` changes together with the entries it returns; none for no change.

        Raises:
            Overloaded: the store can't take them; nothing was kept.
        """
        async with self._database.write() as connection:
            await store.lock(connection)
            if entries := await decide(connection):
                await store.append(connection, entries)
