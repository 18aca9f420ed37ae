"""The writer of the audit. A record returns when its rows and its change are durable.

A *hot* record hands over a value. The writer takes all records that have arrived during the last commit, on PostgreSQL under load
those of the next moment too (docs/decisions/0125); it applies a whole group with one statement per table (`submit`, docs/decisions/0077).
A *cold* record hands over a function, which runs alone under the audit's lock (`commit`). Hot groups of any workers share that
lock: a cold change runs beside no other change, so that what it reads is still true when it writes.

A record that fails doesn't affect the others of its group: a refusal is set on the record, and after any other failure
each record is committed by itself. A group whose transaction ended before its commit (a deadlock, a lost connection) is committed
once more. See docs/decisions/0028 and 0077. `DryRunLog` is the writer of `--dry-run`: it rolls each commit back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gateway.audit import store
from gateway.audit.model import AuditEntry, EntryMacs
from gateway.audit.state_store import begin_marks, watch_statements
from gateway.background import start_task
from gateway.errors.requests import Overloaded, StoreUnavailable
from gateway.storage.database import CHANGES, Database, Transaction
from gateway.storage.driver import ConnectionTransaction, DriverTransaction
from gateway.storage.outages import is_outage

T = TypeVar("T")
V = TypeVar("V")
Change = Callable[[Transaction], Awaitable[T]]
Decision = Callable[[Transaction], Awaitable[tuple[Sequence[AuditEntry], T]]]

GROUP = 512
"""Limit of the records of one commit."""

WAITING = 1024
"""Limit of the records that wait for their commit; a further one is refused unless it is mandatory."""

GATHER_SECONDS = 0.005
"""How long the writer waits for more records after a group of several on PostgreSQL, where one costs nearly as much as ten."""

UNMERGED = 65_536
"""Limit of the committed entries whose rows are looked for; with more, the sequencer has stopped, which is an alarm."""


@dataclass(slots=True, eq=False)
class HotRecord(Generic[V]):
    """A hot record. The function that applies it sets its entries, and its result or its failure."""

    change: "HotChange[V]"
    value: V
    entries: Sequence[AuditEntry] = ()
    result: Any = None
    failed: Exception | None = None
    settled: asyncio.Future[Any] = field(default_factory=asyncio.Future)


async def _no_locks(_: DriverTransaction, __: Sequence[object]) -> Iterable[int]:
    return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class HotChange(Generic[V]):
    """What is done with the records of one kind in a group.

    `find_locks` returns the keys of the advisory locks that they need on PostgreSQL. A group takes all its locks at once and
    in one order before any `apply`, so that two groups never wait for each other.
    """

    apply: Callable[[DriverTransaction, Sequence[HotRecord[V]]], Awaitable[None]]
    find_locks: Callable[[DriverTransaction, Sequence[HotRecord[V]]], Awaitable[Iterable[int]]] = _no_locks


async def _append_entries(_: DriverTransaction, records: Sequence[HotRecord[list[AuditEntry]]]) -> None:
    for record in records:
        record.entries = record.value


_APPEND_ONLY: HotChange[list[AuditEntry]] = HotChange(apply=_append_entries)


def _settle(record: "HotRecord[Any] | _Job") -> None:
    """Give the caller of a record its result, or raise its failure."""
    if record.settled.done():
        return
    if record.failed is None:
        record.settled.set_result(record.result)
        return
    record.settled.set_exception(record.failed)
    record.settled.exception()  # retrieved, so that asyncio doesn't warn if the caller is gone


class AuditLog:
    """Appends entries together with the change that they are evidence of, in one durable commit.

    The last entry of a record names what the record changed in covered tables (`state.py`). Each entry gets a MAC by `macs`.
    `unmerged`: id and leaf hash of the committed entries that were not yet seen in a row (`Sequencer.try_run`).
    """

    def __init__(self, database: Database, macs: EntryMacs) -> None:
        watch_statements(database)
        self.macs = macs
        self._database = database
        self._jobs: deque[_Job] = deque()
        self._hot: deque[HotRecord[Any]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._hot_writer: asyncio.Task[None] | None = None
        self._is_crowded = False
        self.groups = 0
        self.records = 0
        self.appended = 0
        self.unmerged: dict[int, str] = {}
        self._last_id = 0  # for SQLite, which would give the id of a deleted entry again

    @property
    def waiting(self) -> int:
        """Return the number of records that wait for their commit."""
        return len(self._jobs) + len(self._hot)

    async def record(
        self, *entries: AuditEntry, change: Change[T] | None = None, mandatory: bool = False
    ) -> T | None:
        """Commit `change` and the entries together, and return what `change` returned; `mandatory` as in `commit`.

        Raises:
            Overloaded: the database can't store them. Nothing is stored, unless it is a `StoreUnavailable` without `rolled_back`:
                the connection may have been lost after the commit was sent.
        """
        if change is None:
            await self.submit(_APPEND_ONLY, list(entries), mandatory=mandatory)
            return None

        async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], T | None]:
            return entries, await change(transaction)

        return await self.commit(decide, mandatory=mandatory)

    async def submit(self, change: HotChange[V], value: V, *, mandatory: bool = False) -> Any:
        """Commit a hot record with its group, and return the result that the change set, or raise the failure.

        `change.apply` gets all records of the group that were submitted with this change. It may run a second time, after the
        first run was rolled back. `mandatory` as in `commit`.

        Raises:
            Overloaded: too many records wait, or the database can't store it; what is stored then as in `record`.
        """
        if not mandatory and self.waiting >= WAITING:
            raise Overloaded
        record = HotRecord(change, value)
        self._hot.append(record)
        if self._hot_writer is None or self._hot_writer.done():
            self._hot_writer = start_task(self._drain_hot())
        # A cancelled caller only cancels its wait: the record stays in the queue, since the evidence must be complete.
        return await record.settled

    async def submit_alone(
        self, change: HotChange[V], value: V, *, before: Change[None], mandatory: bool = False
    ) -> Any:
        """Commit a record as `submit` does, in a cold change after `before`, which may change any table.

        If the record has no entry, which is the evidence of a change, what `before` has changed is rolled back.
        """

        async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Any]:
            await before(transaction)
            record = HotRecord(change, value)
            await change.apply(ConnectionTransaction(transaction), [record])
            if record.failed is not None:
                raise record.failed
            if not record.entries:
                raise _WithoutEntry(record.result)
            # What the record changed is noted from its statements, as in every cold change.
            return [entry.copy_with(state=None) for entry in record.entries], record.result

        try:
            return await self.commit(decide, mandatory=mandatory)
        except _WithoutEntry as without:
            return without.result

    async def commit(self, decide: Decision[T], *, mandatory: bool = False) -> T:
        """Run `decide` alone, under the audit's lock. Commit what `decide` changes together with the entries it returns; return its result.

        `decide` returns its entries (none if nothing changed) and its result. It may run a second time, after the
        first run was rolled back. A `mandatory` record (its question has left already) is accepted in any queue.

        Raises:
            Overloaded: too many records wait, or the database can't store them; what is stored then as in `record`.
        """
        if not mandatory and self.waiting >= WAITING:
            raise Overloaded
        job = _Job(decide)
        self._jobs.append(job)
        if self._writer is None or self._writer.done():
            self._writer = start_task(self._drain())
        # A cancelled caller doesn't cancel its record: the evidence must be complete.
        result: T = await asyncio.shield(job.settled)
        return result

    async def aclose(self) -> None:
        """Wait until every record is committed."""
        for writer in (self._writer, self._hot_writer):
            if writer is not None and not writer.done():
                await writer

    async def _drain_hot(self) -> None:
        while self._hot:
            group: list[HotRecord[Any]] = []
            try:
                if self._is_crowded:
                    await asyncio.sleep(GATHER_SECONDS)
                # Cold changes that still wait in the queue come first: a suspension among them applies to these records.
                if self._jobs:
                    await asyncio.wait([self._jobs[-1].settled])
                await self._write_hot(group)
                self._is_crowded = len(group) > 1 and not self._database.embedded
            except BaseException as error:  # also if it is cancelled, each caller gets a result
                for record in group or self._take(group):
                    record.failed = error if isinstance(error, Exception) else Overloaded()
                if not isinstance(error, Exception):
                    raise
            finally:
                for record in group:
                    _settle(record)

    def _take(self, group: list[HotRecord[Any]]) -> list[HotRecord[Any]]:
        """Move the waiting records to a group."""
        group += [self._hot.popleft() for _ in range(min(GROUP, len(self._hot)))]
        return group

    async def _write_hot(self, group: list[HotRecord[Any]]) -> None:
        try:
            await self._commit_hot(group)
        except Exception as error:  # of any kind: then each record is committed alone
            if isinstance(error, StoreUnavailable) and error.rolled_back:
                parts = [group]
            elif len(group) <= 1 or isinstance(error, Overloaded):
                raise
            else:
                parts = [[record] for record in group]
        else:
            return
        for part in parts:
            for record in part:
                record.entries, record.result, record.failed = (), None, None  # set by what was rolled back
            try:
                await self._commit_hot(part)
            except Exception as error:  # noqa: BLE001 - only these callers get it
                for record in part:
                    record.failed = error

    async def _commit_hot(self, group: list[HotRecord[Any]]) -> None:
        """Commit a group; an empty one first takes what waits once the transaction has begun."""
        async with self._database.transaction(shared_lock=store.ADVISORY_LOCK) as transaction:
            by_change: dict[HotChange[Any], list[HotRecord[Any]]] = {}
            for record in group or self._take(group):
                by_change.setdefault(record.change, []).append(record)
            if not transaction.embedded:
                await transaction.lock(
                    [
                        key
                        for change, records in by_change.items()
                        for key in await change.find_locks(transaction, records)
                    ]
                )
            for change, records in by_change.items():
                await change.apply(transaction, records)
            entries = [entry for record in group for entry in record.entries]
            appended = await store.append(transaction, entries, self.macs, after=self._last_id)
        self._count(group, appended)

    def _count(self, group: Sequence[object], appended: Sequence[tuple[int, str]]) -> None:
        self.groups += 1
        self.records += len(group)
        self.appended += len(appended)
        if appended:
            self._last_id = appended[-1][0]
        if len(self.unmerged) < UNMERGED:
            self.unmerged.update(appended)

    async def _drain(self) -> None:
        while self._jobs:
            group = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
            try:
                await self._write(group)
            except BaseException as error:  # also if it is cancelled, each caller gets a result
                for job in group:
                    job.failed = error if isinstance(error, Exception) else Overloaded()
                if not isinstance(error, Exception):
                    raise
            finally:
                for job in group:
                    _settle(job)

    async def _write(self, group: Sequence["_Job"], *, again: bool = True) -> None:
        try:
            await self._commit(group)
        except StoreUnavailable as error:
            if not (again and error.rolled_back):
                raise
            await self._write(group, again=False)
        except _HalfDone:
            for job in group:
                await self._commit_alone(job)

    async def _commit_alone(self, job: "_Job") -> None:
        try:
            await self._commit([job])
        except _HalfDone:
            return  # the job has the error
        except Exception as error:  # noqa: BLE001 - only its own caller gets it
            job.failed = error

    async def _commit(self, group: Sequence["_Job"]) -> None:
        async with self._database.write() as transaction:
            await store.lock(transaction)
            entries: list[AuditEntry] = []
            for job in group:
                entries += await job.run(transaction)
            driver = ConnectionTransaction(transaction)
            appended = await store.append(driver, entries, self.macs, after=self._last_id)
        self._count(group, appended)


class _WithoutEntry(Exception):
    """A record changes nothing: what was changed before it is rolled back. `result` is the record's."""

    def __init__(self, result: Any) -> None:
        self.result = result


class _HalfDone(Exception):
    """A record failed after it had changed something: its transaction must be rolled back."""


@dataclass(slots=True, eq=False)
class _Job:
    """A cold record."""

    decide: Decision[Any]
    result: Any = None
    failed: Exception | None = None
    settled: asyncio.Future[Any] = field(default_factory=asyncio.Future)

    async def run(self, transaction: Transaction) -> Sequence[AuditEntry]:
        """Return the entries to append; none if the change fails before it has changed anything.

        Raises:
            _HalfDone: it failed after that.
            An outage of the database: the whole group fails.
        """
        self.failed = None
        before = transaction.info.get(CHANGES)
        marks = await begin_marks(transaction)
        try:
            entries, self.result = await self.decide(transaction)
            return await marks.settle(transaction, entries)
        except Exception as error:  # of any kind: only this caller gets it
            if is_outage(error):
                raise
            self.failed = error
            if transaction.info.get(CHANGES) != before:
                raise _HalfDone from error
            return ()


class _Undone(Exception):
    """Rolls the transaction back."""


class DryRunLog(AuditLog):
    """Rolls each commit back, and keeps the entries that it would have. A refusal that commits nothing else is recorded."""

    def __init__(self, database: Database, macs: EntryMacs) -> None:
        super().__init__(database, macs)
        self.would_record: list[AuditEntry] = []

    async def commit(self, decide: Decision[T], *, mandatory: bool = False) -> T:
        """Run `decide` in a transaction that is rolled back, and return its result. Raises what it raises."""
        del mandatory
        found: list[T] = []
        with suppress(_Undone):
            async with self._database.write() as transaction:
                marks = await begin_marks(transaction)
                entries, result = await decide(transaction)
                self.would_record += await marks.settle(transaction, entries)
                found.append(result)
                raise _Undone
        return found[0]
