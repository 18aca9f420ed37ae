"""The store's engine and transactions: SQLite (embedded, one worker) or PostgreSQL, with the same code.

A use case opens `write()` and commits before it answers (docs/decisions/0011). On SQLite writers queue on one lock and
begin IMMEDIATE, since a deferred begin loses concurrent read-modify-writes.

A statement on SQLite takes microseconds and runs on the caller's thread, since under load the hand-over to aiosqlite's
thread costs many times that. Statements that may wait for the disk or another process (a writer's begin, a commit, a pragma
such as a checkpoint) stay in that thread, so that the event loop never waits (docs/decisions/0060).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from gateway.background import start_task
from gateway.errors.requests import Overloaded, StoreUnavailable
from gateway.private_files import make_private_file
from gateway.storage.driver import (
    BEGIN_WRITING,
    BUSY_DEADLINE,
    Driver,
    DriverTransaction,
    PostgresDriver,
    SqliteDriver,
    connect_postgres,
)
from gateway.storage.outages import CONNECTION_LOST, Cause, Outages, find_file_cause, is_conflict, is_outage
from gateway.storage.statements import HotStatement, Members, Row

Transaction = AsyncConnection
"""The argument of the functions of stores: a connection inside a transaction that `Database` opened."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

CHANGES = "changes"
"""The key under which a connection's `info` counts the statements other than successful reads that it has run."""

BeforeWrite = Callable[[sa.Connection, Any, Sequence[Mapping[str, Any]], Mapping[str, Any]], None]
"""Takes the connection, the statement, the rows of its parameters, and its execution options."""

AfterFailure = Callable[[Any, Mapping[str, Any]], None]
"""Takes the statement that failed, and the execution options of its connection."""

WAIT_SECONDS = 10.0
"""How long to wait for a connection; and on SQLite for the turn to write and another process that locks the store, together."""

JOURNAL_SECONDS = 60.0
"""How long the journal may still hold what was deleted before the log says so."""

log = structlog.get_logger("gateway.store")

T = TypeVar("T")
RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC on both databases (SQLite would give naive local time)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write UTC; SQLite gets it without an offset."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the decorator's signature
        """Read as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One engine. `read()`, `walk()` and `write()` yield a connection inside a transaction."""

    def __init__(self, engine: AsyncEngine, driver: Driver) -> None:
        self.engine = engine
        self._driver = driver
        self.embedded = engine.dialect.name == "sqlite"
        self._file = Path(engine.url.database or "") if self.embedded else None
        self._walkers = (
            engine if self.embedded else engine.execution_options(isolation_level="REPEATABLE READ")
        )
        # On PostgreSQL a reader's statements need no transaction: READ COMMITTED gives them no common snapshot, and this way
        # BEGIN and ROLLBACK aren't sent.
        self._readers = engine if self.embedded else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writers = engine.execution_options(sqlite_begin=BEGIN_WRITING)
        self._writer = asyncio.Lock() if self.embedded else None
        self._turns = 0
        self._begins = False
        self._truncating: asyncio.Task[None] | None = None
        self._watched = False
        self.outages = Outages(_name(engine.url), self._file)

    @asynccontextmanager
    async def read(self, *, snapshot: bool = False) -> AsyncIterator[Transaction]:
        """Open a transaction that only reads; a write in it is not kept on SQLite.

        `snapshot`: all statements see the store as it was at the first.

        Raises:
            StoreUnavailable: the store can't work; its cause is in the log.
            Overloaded: no connection became free in `WAIT_SECONDS`.
        """
        try:
            self._check_file()
            async with self._connection(self._walkers if snapshot else self._readers) as connection:
                await connection.begin()
                yield connection
        except Exception as error:  # SQLAlchemy's or the driver's, of any kind
            self._raise_outage(error)
            raise

    def walk(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a `read` with one snapshot, for rows that are streamed."""
        return self.read(snapshot=True)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits when the block ends. Raises `StoreUnavailable`, `Overloaded` like `read`."""
        is_open = False  # from BEGIN until COMMIT is sent
        try:
            self._check_file()
            async with self._turn() as deadline, self._connection(self._writers) as connection:
                connection.info[BUSY_DEADLINE] = deadline
                self._begins = True
                async with connection.begin():
                    self._begins, is_open = False, True
                    yield connection
                    is_open = False
        except Exception as error:  # SQLAlchemy's or the driver's, of any kind
            self._raise_outage(error, before_commit=is_open)
            raise
        self.outages.works()

    @asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """Yield a connection; on PostgreSQL one on which an outage occurred is closed afterwards.

        A session keeps settings, such as read-only, that the server has meanwhile taken back.
        """
        async with engine.connect() as connection:
            try:
                yield connection
            except Exception as error:  # of any kind, as in `write`
                if not self.embedded and (isinstance(error, StoreUnavailable) or is_outage(error)):
                    await connection.invalidate()
                raise

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """Run a hot statement that reads, on the driver. Raises `StoreUnavailable`, `Overloaded` like `read`."""
        try:
            return await self._driver.fetch(statement, members)
        except Exception as error:  # the driver's, of any kind
            self._raise_outage(error)
            raise

    @asynccontextmanager
    async def transaction(self, *, shared_lock: int) -> AsyncIterator[DriverTransaction]:
        """Open a write transaction for hot statements, on the driver, that commits when the block ends.

        On PostgreSQL it has the advisory lock `shared_lock` together with others of its kind, and waits for a transaction that
        has it alone. Raises `StoreUnavailable`, `Overloaded` like `read`.
        """
        is_open = False  # from BEGIN until COMMIT is sent
        try:
            async with self._turn() as deadline:
                self._begins = True
                async with self._driver.transaction(
                    shared_lock=shared_lock, deadline=deadline
                ) as transaction:
                    self._begins, is_open = False, True
                    yield transaction
                    await transaction.flush()
                    is_open = False
        except Exception as error:  # the driver's, of any kind
            self._raise_outage(error, before_commit=is_open)
            raise
        self.outages.works()

    def _raise_outage(self, error: Exception, *, before_commit: bool = False) -> None:
        """Raise `StoreUnavailable` or `Overloaded` if the error is an outage; any other error is the caller's to raise.

        `before_commit`: only of what a transaction did before its COMMIT was sent.
        """
        if (outage := self.outages.describe(error)) is None:
            return
        if isinstance(outage, StoreUnavailable):
            is_lost = before_commit and outage.cause in CONNECTION_LOST
            outage.rolled_back = is_lost or is_conflict(error)
        raise outage from error

    def _check_file(self) -> None:
        """Raise `OSError` if the store's file is gone: open connections would read and write a deleted file."""
        if self._file is not None:
            self._file.stat()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[float]:
        """On SQLite, let one writer work at a time; yield until when it may wait for another program, by the monotonic counter.

        Raises:
            StoreUnavailable: in `WAIT_SECONDS` no writer came to its end: the store is locked.
            Overloaded: others did, but this one's turn did not come.
        """
        if self._writer is None:
            yield time.monotonic() + WAIT_SECONDS
            return
        before, deadline = self._turns, time.monotonic() + WAIT_SECONDS
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._writer.acquire()
        except TimeoutError:
            if self._turns == before:
                raise self.outages.note(Cause.LOCKED, "no_turn") from None
            raise Overloaded from None
        try:
            yield deadline
            self._turns += 1
        finally:
            self._begins = False
            self._writer.release()

    @property
    def is_shut_out(self) -> bool:
        """Whether on SQLite the writer whose turn it is can't begin, since another program writes or locks the store."""
        return self.embedded and self._begins

    def watch_writes(self, tables: Collection[str], *, before: BeforeWrite, failed: AfterFailure) -> None:
        """Call `before` ahead of each write of one of these tables, and `failed` after a statement that failed.

        SQL as text is not noticed. A second call changes nothing.
        """
        if self._watched:
            return
        self._watched = True

        def look(
            connection: sa.Connection,
            statement: Any,
            rows: Sequence[Mapping[str, Any]],
            parameters: Mapping[str, Any],
            options: Mapping[str, Any],
        ) -> None:
            if getattr(statement, "is_select", False):
                return
            connection.info[CHANGES] = connection.info.get(CHANGES, 0) + 1
            if getattr(statement, "is_dml", False) and statement.table.name in tables:
                before(connection, statement, rows or (parameters,), options)

        def look_back(context: sa.ExceptionContext) -> None:
            # PostgreSQL runs no further statement after a failed one: count the transaction as changed.
            if context.connection is not None:
                context.connection.info[CHANGES] = context.connection.info.get(CHANGES, 0) + 1
                statement = getattr(context.execution_context, "invoked_statement", None)
                failed(statement, context.connection.get_execution_options())

        sa.event.listen(self.engine.sync_engine, "before_execute", look)
        sa.event.listen(self.engine.sync_engine, "handle_error", look_back)

    async def truncate_journal(self, *, wait_seconds: float = 0.0) -> bool:
        """On SQLite, empty the write-ahead log, so that what was deleted is gone from the disk.

        Return whether it is empty. It never waits for a reader while it blocks writers: as long as another connection reads an
        older snapshot, a task beside the requests tries again. `wait_seconds`: how long this call waits for that.
        """
        if not self.embedded or await self._try_truncating():
            return True
        if self._truncating is None or self._truncating.done():
            self._truncating = start_task(self._truncate_later())
        finished, _ = await asyncio.wait({self._truncating}, timeout=wait_seconds)
        return bool(finished)

    async def _truncate_later(self) -> None:
        pause, waited = 0.05, 0.0
        while not await self._try_truncating():
            await asyncio.sleep(pause)
            if waited < JOURNAL_SECONDS <= waited + pause:
                log.warning(
                    "journal_not_empty", remedy="end the program that reads the store, such as a backup"
                )
            waited, pause = waited + pause, min(2 * pause, 1.0)

    async def _try_truncating(self) -> bool:
        """Copy the log into the store, and empty it if no connection needs it; wait for none."""
        without_begin = self.engine.execution_options(sqlite_begin="SELECT 1")
        try:
            async with without_begin.connect() as connection:
                await connection.exec_driver_sql("PRAGMA busy_timeout = 0")
                found = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        except sa.exc.SQLAlchemyError:
            return False  # locked: as if it were busy
        return not found[0]

    def count_connections(self) -> dict[str, int]:
        """Return how many connections of the pool are in use and idle, and their limit."""
        pool: Any = self.engine.pool
        return {"in_use": pool.checkedout(), "idle": pool.checkedin(), "limit": pool.size()}

    async def close(self) -> None:
        """Close all connections."""
        if self._truncating is not None:
            self._truncating.cancel()
            await asyncio.wait({self._truncating})
        await self._driver.close()
        await self.engine.dispose()


def open_database(url: str, *, statement_seconds: float | None = None, connections: int = 20) -> Database:
    """Open the store by its public URL (`sqlite:///path`, `postgresql://…`); makes no connection yet.

    `connections`: the limit of this process's connections to PostgreSQL, at least 4; a third of them is for hot statements.
    `statement_seconds`: the limit of one statement on PostgreSQL; None, for commands, is no limit.

    Raises:
        StoreUnavailable: the file of an embedded database can't be made.
    """
    path = find_store_file(url)
    if path is not None:
        from gateway.storage.sqlite_driver import use_sqlite_driver  # noqa: PLC0415 - only where SQLite is used

        try:
            make_private_file(path)
        except OSError as error:
            raise Outages(str(path)).note(find_file_cause(error), type(error).__name__) from error
        address = sa.URL.create("sqlite+aiosqlite", database=str(path))
        # No overflow: a connection beyond the pool would be opened, prepared and thrown away for one read.
        engine = create_async_engine(
            address,
            hide_parameters=True,
            pool_size=8,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
        )
        use_sqlite_driver(engine.sync_engine, wait_seconds=WAIT_SECONDS)
        return Database(engine, SqliteDriver(path))
    hot = max(2, connections // 3)
    # Without libpq's parameters, which only the driver reads.
    address = sa.make_url(url).set(drivername="postgresql+asyncpg", query={})
    engine = create_async_engine(
        address,
        hide_parameters=True,
        pool_size=connections - hot,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        async_creator=partial(
            connect_postgres, url, wait_seconds=WAIT_SECONDS, statement_seconds=statement_seconds
        ),
    )
    sa.event.listen(engine.sync_engine, "checkout", _refuse_closed)
    driver = PostgresDriver(url, size=hot, wait_seconds=WAIT_SECONDS, statement_seconds=statement_seconds)
    return Database(engine, driver)


def _name(url: sa.URL) -> str:
    """Return a store's name for the log: its file, or server and database, without user and password."""
    if url.host is None:
        return str(Path(url.database or "").absolute())
    return f"{url.host}:{url.port or 5432}/{url.database}"


def find_store_file(url: str) -> Path | None:
    """Return the file of an embedded store; None for a server's URL."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _refuse_closed(dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
    """Let the pool replace its connections if the server has closed them: without a ping, a restart would fail a call for each."""
    del dbapi_connection, proxy
    driver: Any = record.driver_connection
    if driver.is_closed():
        raise sa.exc.InvalidatePoolError
