"""The one writer of the audit. `record` returns when the rows, and what goes with them, are durable.

Concurrent records share a commit (group commit): the writer takes what has gathered while the commit before was
under way, and never waits for more. A record whose change fails leaves its neighbours alone: one that failed
before it changed anything is passed over; after one that failed half-way the group is undone, and each record
committed by itself. See docs/decisions/0028.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from gateway.audit import store
from gateway.audit.model import AuditEntry
from gateway.audit.state_store import Marks, begin_marks, watch_statements
from gateway.database import Database, Transaction, count_changes, is_outage
from gateway.errors.places import Overloaded

Change = Callable[[Transaction], Awaitable[None]]
Decision = Callable[[Transaction], Awaitable[Sequence[AuditEntry]]]

GROUP = 512
"""Records that share a commit at most."""

WAITING = 1024
"""Records that may wait for their commit; beyond, whoever has asked nothing yet is refused."""


class AuditLog:
    """Appends entries, and the change they are evidence of, in one durable commit.

    Changes of a group run one after the other behind the audit's lock, so that on PostgreSQL, as on SQLite, what
    a change reads is still so when it writes: two workers never take the same last place of a budget. The last
    entry of a record says what it changed in covered tables (`state.py`), whoever changed it.
    """

    def __init__(self, database: Database) -> None:
        watch_statements(database)
        self._database = database
        self._jobs: deque[_Job] = deque()
        self._writer: asyncio.Task[None] | None = None
        self.groups = 0
        self.records = 0

    @property
    def waiting(self) -> int:
        """Return how many records wait for their commit."""
        return len(self._jobs)

    async def record(self, *entries: AuditEntry, change: Change | None = None, owed: bool = False) -> None:
        """Commit `change` and the entries together; `owed` as in `commit`.

        Raises:
            Overloaded: the store can't take them; nothing was kept.
        """
        await self._put(_Job(entries, change, None), owed=owed)

    async def commit(self, decide: Decision, *, owed: bool = False) -> None:
        """Commit what `decide` changes together with the entries it returns; none for no change.

        `decide` (a `change` too) may run a second time, after all that the first run did was undone. What is `owed`
        (the registry was asked already) is never refused for the length of the queue.

        Raises:
            Overloaded: the store can't take them, or too many wait; nothing was kept.
        """
        await self._put(_Job((), None, decide), owed=owed)

    async def aclose(self) -> None:
        """Wait until everything that was given is committed."""
        while self._writer is not None and not self._writer.done():
            await self._writer

    async def _put(self, job: "_Job", *, owed: bool) -> None:
        if not owed and len(self._jobs) >= WAITING:
            raise Overloaded
        self._jobs.append(job)
        if self._writer is None or self._writer.done():
            # A context of its own: what the writer logs is not of the request that woke it.
            self._writer = asyncio.get_running_loop().create_task(
                self._drain(), context=contextvars.Context()
            )
        # A caller that leaves doesn't take its record along: what was done must be in evidence.
        await asyncio.shield(job.settled)

    async def _drain(self) -> None:
        while self._jobs:
            group = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
            try:
                await self._write(group)
            except BaseException as error:  # cancelled or not, everyone who waits is told
                for job in group:
                    job.failed = error if isinstance(error, Exception) else Overloaded()
                if not isinstance(error, Exception):
                    raise
            finally:
                for job in group:
                    job.settle()

    async def _write(self, group: Sequence["_Job"]) -> None:
        try:
            await self._commit(group)
        except _HalfDone:
            for job in group:
                await self._commit_alone(job)

    async def _commit_alone(self, job: "_Job") -> None:
        job.failed = None
        try:
            await self._commit([job])
        except _HalfDone:
            return  # what it was undone for stands in the job
        except Exception as error:  # noqa: BLE001 - it is given to its own caller
            job.failed = error

    async def _commit(self, group: Sequence["_Job"]) -> None:
        async with self._database.write() as transaction:
            await store.lock(transaction)
            marks = await begin_marks(transaction)
            entries: list[AuditEntry] = []
            for job in group:
                entries += await job.run(transaction, marks)
            if entries:
                await store.append(transaction, entries)
        self.groups += 1
        self.records += len(group)


class _HalfDone(Exception):
    """A record failed after it had changed something: its transaction must be undone."""


class _Job:
    """One record on its way: what to change or decide, and whoever waits for it."""

    def __init__(self, entries: Sequence[AuditEntry], change: Change | None, decide: Decision | None) -> None:
        self._entries = entries
        self._change = change
        self._decide = decide
        self.failed: Exception | None = None
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, transaction: Transaction, marks: Marks) -> Sequence[AuditEntry]:
        """Return the entries to append, and what they changed; of a change that fails before it changed anything, none.

        Raises:
            _HalfDone: it failed after that.
            Whatever the store raises when it can't: the whole group fails.
        """
        before = count_changes(transaction)
        marks.clear()
        try:
            entries = self._entries
            if self._decide is not None:
                entries = await self._decide(transaction)
            if self._change is not None:
                await self._change(transaction)
            return await marks.settle(transaction, entries)
        except Exception as error:  # whatever it is, it is the caller's own and not its neighbours'
            if is_outage(error):
                raise
            self.failed = error
            if count_changes(transaction) != before:
                raise _HalfDone from error
            return ()

    def settle(self) -> None:
        """Let the caller go on, or raise what its change raised."""
        if self.settled.done():
            return
        if self.failed is None:
            self.settled.set_result(None)
            return
        self.settled.set_exception(self.failed)
        self.settled.exception()  # Read, so that a failure nobody waits for is no warning.
