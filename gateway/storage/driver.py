"""Hot statements, run on the database's own driver: sqlite3 or asyncpg.

A run costs no pool, no greenlet and no compilation (`storage/statements.py`). A whole group of records is one statement for each
table: a list is one parameter, rows are written by `run`. See docs/decisions/0077 and 0126.

SQLite's statements run in the event loop's thread, since each takes microseconds; the commit, which waits for the disk, runs in a
thread of its own.
PostgreSQL has a few connections per worker, without a ping; one that the server closed is replaced.
"""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors.operators import RowUnreadable
from gateway.storage.outages import CONNECTION_LOST, find_cause
from gateway.storage.statements import HotStatement, Members, Row, RowsText, join_writes


def lock_key(*parts: str) -> int:
    """Return the key of an advisory lock, a signed 64-bit number, for what the parts name."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "big", signed=True)


class Reader(Protocol):
    """What runs a reading statement: a transaction, or the database outside one."""

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """Run a statement and return its rows."""


class DriverTransaction(Reader, Protocol):
    """A write transaction on the driver; `embedded` on SQLite."""

    embedded: bool

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        """Write these rows, each of them once. It may wait until the next statement that reads, or writes the same table."""

    async def flush(self) -> None:
        """Send the writes that still wait."""

    async def lock(self, keys: Iterable[int]) -> None:
        """Take advisory locks until the transaction ends, in one order for all callers; SQLite has one writer anyway.

        To be called once in a transaction: a second call could take locks in another order.
        """


async def fetch_plain(
    connection: AsyncConnection, query: sa.Executable, members: Members | None = None
) -> Sequence[Row]:
    """Return the driver's own rows of a query: to make SQLAlchemy's of them takes half as long as to read them.

    Text that is no UTF-8, which only SQLite stores, has lone surrogates: it can't be encoded, and equals no other text.
    """
    try:
        return await _fetch(connection, query, members)
    except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
        if "Could not decode to UTF-8" not in str(error):
            raise
    async with any_text(connection):
        return await _fetch(connection, query, members)


async def _fetch(connection: AsyncConnection, query: sa.Executable, members: Members | None) -> Sequence[Row]:
    cursor = (await connection.execute(query, members)).cursor
    assert cursor is not None  # of a query
    rows: Sequence[Row] = cursor.fetchall()
    return rows


@asynccontextmanager
async def any_text(connection: AsyncConnection) -> AsyncIterator[None]:
    """Read text that is no UTF-8, which SQLite stores too, as lone surrogates while a block runs, instead of an error."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = (await connection.get_raw_connection()).driver_connection
    before = driver.text_factory
    driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        with suppress(ValueError):  # a block that was ended has closed the connection
            driver.text_factory = before


def escape_surrogates(text: str) -> str:
    r"""Return a text as it can be encoded: `\udcff` in place of each lone surrogate that `any_text` or `fetch_plain` read."""
    return text.encode(errors="backslashreplace").decode()


@contextmanager
def reading_row(row: str) -> Iterator[None]:
    """Raise `RowUnreadable` with the name of the row whose values the gateway can't read."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise RowUnreadable(
            f"{row}: can't be read; another version of the gateway wrote it, or it was changed outside the audit"
        ) from None


def refuse_bytes(values: Iterable[object]) -> None:
    """Raise `TypeError` for bytes, which SQLite keeps in any column; to be called in `reading_row`."""
    if any(isinstance(each, bytes) for each in values):
        raise TypeError


class ConnectionTransaction:
    """Hot statements inside a cold change, on SQLAlchemy's connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self.embedded = self._dialect == "sqlite"

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """As `DriverTransaction.fetch`."""
        found = await self._connection.execute(statement.clause(self._dialect), dict(members))
        return [tuple(row) for row in found] if found.returns_rows else ()

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        """As `DriverTransaction.run`."""
        if rows:
            await self._connection.execute(statement.clause(self._dialect), [dict(row) for row in rows])

    async def run_as_text(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        """As `run`, for thousands of rows, as the driver's own text: neither the watch of covered tables nor a count of changes sees it."""
        if self.embedded:
            text = statement.on_sqlite
            await self._connection.exec_driver_sql(text.text, [tuple(text.arguments(row)) for row in rows])
        else:
            of_rows = statement.rows_on_postgresql
            await self._connection.exec_driver_sql(of_rows.text, tuple(of_rows.arguments(rows)))

    async def flush(self) -> None:
        """As `DriverTransaction.flush`: none waits."""

    async def lock(self, keys: Iterable[int]) -> None:
        """Take none: a cold change runs alone."""


class Driver(Reader, Protocol):
    """The driver's connections of one worker."""

    def transaction(self, *, shared_lock: int, deadline: float) -> Any:
        """Open a write transaction that commits when the block ends; with an advisory lock that others share.

        `deadline`, by the monotonic counter: SQLite waits until then for another process that writes.
        """

    async def close(self) -> None:
        """Close the connections."""


BEGIN_WRITING = "BEGIN IMMEDIATE"
BUSY_DEADLINE = "busy_deadline"
"""The key in a connection's `info` of the time, by the monotonic counter, until which the next BEGIN waits for another writer."""

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
"""FULL: a commit is on the disk before an answer is sent. secure_delete: deleted keys are overwritten."""
_BUSY_POLL_S = 0.002


class SqliteDriver:
    """Two connections to a file: one reads, one writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.executescript("".join(f"PRAGMA {pragma};" for pragma in PRAGMAS))
        return connection

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """As `Driver.fetch`."""
        self._path.stat()  # an open connection would read a deleted file
        self._reader = self._reader or self._open()
        text = statement.on_sqlite
        return text.rows(self._reader.execute(text.text, text.arguments(members)).fetchall())

    @asynccontextmanager
    async def transaction(self, *, shared_lock: int, deadline: float) -> AsyncIterator[DriverTransaction]:
        """As `Driver.transaction`; the caller lets one writer work at a time."""
        del shared_lock
        self._path.stat()
        connection = self._writer = self._writer or self._open()
        await self._begin(connection, deadline)
        try:
            yield _SqliteTransaction(connection)
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.commit)
        except BaseException:  # of any kind, also a cancellation
            # In the thread, after a commit that it may still run.
            self._thread.submit(connection.rollback).result()
            raise

    async def _begin(self, connection: sqlite3.Connection, until: float) -> None:
        """Begin, or wait for another process that writes. Raises `sqlite3.OperationalError` after the limit."""
        while True:
            try:
                connection.execute(BEGIN_WRITING)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                await asyncio.sleep(_BUSY_POLL_S)
            else:
                return

    async def close(self) -> None:
        """As `Driver.close`."""
        for connection in filter(None, (self._reader, self._writer)):
            connection.close()
        self._reader = self._writer = None
        self._thread.shutdown(wait=False)


class _SqliteTransaction:
    embedded = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        text = statement.on_sqlite
        return text.rows(self._connection.execute(text.text, text.arguments(members)).fetchall())

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        text = statement.on_sqlite
        if rows:
            self._connection.executemany(text.text, [text.arguments(row) for row in rows])

    async def flush(self) -> None:
        pass

    async def lock(self, keys: Iterable[int]) -> None:
        del keys


async def connect_postgres(dsn: str, *, wait_seconds: float, statement_seconds: float | None = None) -> Any:
    """Open a connection to PostgreSQL; `statement_seconds` is the limit of one statement, None for no limit."""
    import asyncpg  # noqa: PLC0415 - only where PostgreSQL is used

    limits = {}
    if statement_seconds is not None:
        # A process that freezes in a transaction would keep the locks that others wait for: docs/decisions/0104.
        limits["idle_in_transaction_session_timeout"] = str(int(statement_seconds * 500))
    return await asyncpg.connect(
        dsn, timeout=wait_seconds, command_timeout=statement_seconds, server_settings=limits
    )


class PostgresDriver:
    """A few connections of one worker, the latest used first. One that was lost, or failed, is replaced."""

    def __init__(self, dsn: str, *, size: int, wait_seconds: float, statement_seconds: float | None) -> None:
        self._wait = wait_seconds
        self._connect = partial(
            connect_postgres, dsn, wait_seconds=wait_seconds, statement_seconds=statement_seconds
        )
        self._free = asyncio.Semaphore(size)
        self._idle: list[Any] = []

    @asynccontextmanager
    async def _connection(self, first: Callable[[Any], Awaitable[Any]]) -> AsyncIterator[tuple[Any, Any]]:
        """Yield a connection, and what the first statement on it returned."""
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise sa.exc.TimeoutError("no connection was free") from None  # not the server's fault
        try:
            connection, result = await self._start(first)
            try:
                yield connection, result
            except BaseException:  # of any kind, also a cancellation
                connection.terminate()  # it may be lost, or in the middle of a statement
                raise
            self._idle.append(connection)
        finally:
            self._free.release()

    async def _start(self, first: Callable[[Any], Awaitable[Any]]) -> tuple[Any, Any]:
        """Run a first statement, which changes nothing: again where it shows that the server had closed an idle connection."""
        while True:
            idle = self._take_idle()
            connection = idle or await self._connect()
            try:
                return connection, await first(connection)
            except BaseException as error:  # of any kind, also a cancellation
                connection.terminate()
                if idle is None or find_cause(error) not in CONNECTION_LOST:
                    raise

    def _take_idle(self) -> Any | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():  # the driver notices a connection that the server closed
                return connection
        return None

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """As `Driver.fetch`."""
        text = statement.on_postgresql
        async with self._connection(lambda it: it.fetch(text.text, *text.arguments(members))) as (_, rows):
            return text.rows(rows)

    @asynccontextmanager
    async def transaction(self, *, shared_lock: int, deadline: float) -> AsyncIterator[DriverTransaction]:
        """As `Driver.transaction`."""
        del deadline
        begin = f"BEGIN; SELECT pg_advisory_xact_lock_shared({shared_lock})"
        async with self._connection(lambda it: it.execute(begin)) as (connection, _):
            yield _PostgresTransaction(connection)
            await connection.execute("COMMIT")

    async def close(self) -> None:
        """As `Driver.close`."""
        while self._idle:
            await self._idle.pop().close()


class _PostgresTransaction:
    """Writes of different tables wait, and are sent as one statement."""

    embedded = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._writes: dict[str, tuple[RowsText, Sequence[Members]]] = {}

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        await self.flush()
        text = statement.on_postgresql
        return text.rows(await self._connection.fetch(text.text, *text.arguments(members)))

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        if rows:
            text = statement.rows_on_postgresql
            if text.table in self._writes:
                await self.flush()
            self._writes[text.table] = text, rows

    async def flush(self) -> None:
        writes, self._writes = self._writes.values(), {}
        if writes:
            joined = join_writes(tuple(text.text for text, _ in writes))
            arrays = [array for text, rows in writes for array in text.arguments(rows)]
            await self._connection.execute(joined, *arrays)

    async def lock(self, keys: Iterable[int]) -> None:
        if ordered := sorted(set(keys)):
            texts = (f"SELECT pg_advisory_xact_lock({int(key)})" for key in ordered)
            await self._connection.execute(";".join(texts))
