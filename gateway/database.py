"""The store's engine and transactions: SQLite (embedded, one worker) or PostgreSQL, same code on both.

A use case opens `write()` and commits before it answers (docs/decisions/0011). On SQLite writers queue
on one lock and begin IMMEDIATE, since a deferred begin loses concurrent read-modify-writes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from gateway.embedded import BEGIN_WRITING, connect_embedded
from gateway.errors.places import Overloaded
from gateway.private_folder import make_private_file

Transaction = AsyncConnection
"""What a store's function works in: a connection inside a transaction that `Database` opened."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_CHANGES = "changes"
"""Where a connection counts its changes."""

WAIT_SECONDS = 10.0
"""How long anybody waits for a connection, for the turn to write, or for another process that holds the store."""

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
    """One engine. `read()`, `walk()` and `write()` give a connection inside a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.embedded = engine.dialect.name == "sqlite"
        self._file = Path(engine.url.database or "") if self.embedded else None
        self._walkers = (
            engine if self.embedded else engine.execution_options(isolation_level="REPEATABLE READ")
        )
        # On PostgreSQL a reader's statements stand alone: they saw no common snapshot before either (READ COMMITTED), and
        # neither BEGIN nor ROLLBACK goes over the wire.
        self._readers = engine if self.embedded else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writers = engine.execution_options(sqlite_begin=BEGIN_WRITING)
        self._writer = asyncio.Lock() if self.embedded else None

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction that only reads; nothing that it wrote would be kept on SQLite.

        Raises:
            Overloaded: the store can't be reached.
        """
        return self._reading(self._readers)

    def walk(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a `read` whose rows come one by one, and whose statements all see the store as it was at the first."""
        return self._reading(self._walkers)

    @asynccontextmanager
    async def _reading(self, engine: AsyncEngine) -> AsyncIterator[Transaction]:
        with _store_errors():
            self._check_file()
            async with engine.connect() as connection:
                await connection.begin()
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits when the block ends. Raises `Overloaded` like `read`."""
        with _store_errors():
            self._check_file()
            async with (
                self._turn(),
                self._writers.connect() as connection,
                connection.begin(),
            ):
                yield connection

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Let one writer at a time go on, on SQLite; raises `TimeoutError`, so that none waits for all before it."""
        if self._writer is None:
            yield
            return
        async with asyncio.timeout(WAIT_SECONDS):
            await self._writer.acquire()
        try:
            yield
        finally:
            self._writer.release()

    def _check_file(self) -> None:
        """Find a deleted embedded database: its open connections would go on writing to nowhere."""
        if self._file is not None:
            self._file.stat()

    async def truncate_journal(self) -> None:
        """On SQLite, empty the write-ahead log, so that what was deleted is gone from the disk."""
        if self.embedded:
            without_begin = self.engine.execution_options(sqlite_begin="SELECT 1")
            async with without_begin.connect() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


class _store_errors:  # noqa: N801 - reads as a statement in a `with`
    """Name the store's outages ours; constraint violations pass, use cases read them."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and is_outage(error):
            raise Overloaded from error


def is_outage(error: BaseException) -> bool:
    """Say whether the store itself can't now, as against a value or a constraint that it refused."""
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError | OSError):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _is_servers(error))


def _is_servers(error: DBAPIError) -> bool:
    """Say whether PostgreSQL itself can't now (no such database, full, shutting down): asyncpg has no class for it.

    A value that it can't take (SQLSTATE class 22) is not the server's.
    """
    return type(error) is DBAPIError and not str(getattr(error.orig, "sqlstate", "22")).startswith("22")


def count_changes(transaction: Transaction) -> int:
    """Return how many statements but good reads this connection was given, to be compared with a later count."""
    return int(transaction.info.get(_CHANGES, 0))


def _note_change(**event: Any) -> None:
    if not event["statement"].startswith("SELECT"):
        info = event["conn"].info
        info[_CHANGES] = info.get(_CHANGES, 0) + 1


def _note_failure(context: sa.ExceptionContext) -> None:
    # After a statement that it refused PostgreSQL takes no other: the transaction is as good as changed.
    if context.connection is not None:
        context.connection.info[_CHANGES] = context.connection.info.get(_CHANGES, 0) + 1


def open_database(url: str, *, statement_seconds: float | None = None) -> Database:
    """Open the store by its public URL (`sqlite:///path`, `postgresql://…`); makes no connection yet.

    `statement_seconds`: how long PostgreSQL may take over one statement; a command may wait as long as it takes.

    Raises:
        Overloaded: the file of an embedded database can't be made.
    """
    if url.startswith("sqlite:///"):
        path = database_path(url)
        with _store_errors():
            make_private_file(path)
        address = sa.URL.create("sqlite+aiosqlite", database=str(path))
        # No overflow: a connection beyond the pool would be opened, prepared and thrown away for one read.
        engine = create_async_engine(
            address,
            hide_parameters=True,
            pool_size=8,
            max_overflow=0,
            connect_args={"timeout": WAIT_SECONDS, "async_creator_fn": connect_embedded},
        )
        sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    else:
        engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            hide_parameters=True,
            pool_size=10,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            connect_args={"timeout": WAIT_SECONDS, "command_timeout": statement_seconds},
        )
    sa.event.listen(engine.sync_engine, "before_cursor_execute", _note_change, named=True)
    sa.event.listen(engine.sync_engine, "handle_error", _note_failure)
    return Database(engine)


def database_path(url: str) -> Path:
    """Return the file behind a `sqlite:///` URL."""
    return Path(url.removeprefix("sqlite:///"))


def _prepare_sqlite(dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001 - the event's signature
    dbapi_connection.isolation_level = None  # the driver must not begin by itself
    cursor = dbapi_connection.cursor()
    # FULL: a commit is on the disk before an answer leaves. secure_delete: deleted keys are overwritten.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
