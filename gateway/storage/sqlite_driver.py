"""SQLite without a second thread: inside a transaction a statement runs in the caller's thread, on SQLite's own cursor.

A statement of the embedded store takes microseconds; aiosqlite hands each to its own thread and back, which costs many times
that under load. Statements that wait for the disk or for another process (the begin of a writer, a commit, a pragma such
as a checkpoint) stay in that thread, so that the event loop never waits. See docs/decisions/0060.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from gateway.storage.driver import BUSY_DEADLINE, PRAGMAS

_ROWS_AT_ONCE = 64

T = TypeVar("T")


class SqliteConnection(aiosqlite.Connection):
    """aiosqlite's connection. Inside a transaction only the commit goes to its thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        # As SQLAlchemy does: a connection that was never closed doesn't prevent the program's end.
        self._thread.daemon = True
        self._sent = self._ran = 0

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a function of the connection: in the thread, unless it is a statement (`args`) inside a transaction.

        While the thread still runs what a cancelled caller has left, everything goes to the thread: to close a connection, or
        to roll it back, beside a statement that runs ends the process.
        """
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        if (args and not self._connection.in_transaction) or self._ran < self._sent:
            return await self._in_thread(fn, *args, **kwargs)
        return fn(*args, **kwargs)

    async def _in_thread(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        def run() -> T:
            try:
                return fn(*args, **kwargs)
            finally:
                self._ran += 1

        self._sent += 1
        done: T = await super()._execute(run)  # type: ignore[no-untyped-call]  # aiosqlite's own
        return done

    async def commit(self) -> None:
        """Commit in the thread: it waits for the disk."""
        await self._in_thread(self._conn.commit)


class _Cursor(sqlite3.Cursor):
    """SQLite's own cursor, with the two members that SQLAlchemy expects of an asynchronous one."""

    server_side = False

    async def _async_soft_close(self) -> None:
        """Keep the rows: they are read later, and nothing waits."""


class _Adapted(AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's view of the connection: inside a transaction its cursors are SQLite's own."""

    __slots__ = ("_done",)

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._done = asyncio.get_running_loop().create_future()
        self._done.set_result(None)

    def cursor(self, server_side: bool = False) -> Any:
        held: sqlite3.Connection | None = self._connection._connection  # noqa: SLF001 - aiosqlite has no public name
        if held is None or not held.in_transaction or server_side:
            return super().cursor(server_side)
        await_only(self._done)  # SQLAlchemy refuses a driver that never awaits
        return held.cursor(_Cursor)


def use_sqlite_driver(engine: sa.Engine, *, wait_seconds: float) -> None:
    """Let the engine's pool connect to its file by `SqliteConnection`, with the store's pragmas and begins."""

    def connect(dialect: Dialect, record: object, arguments: list[str], options: object) -> Any:
        """Return a connection as SQLAlchemy's pool takes it; SQLite itself keeps two threads apart."""
        del record, options
        connector = partial(sqlite3.connect, arguments[0], timeout=wait_seconds, check_same_thread=False)
        opened: Any = await_only(SqliteConnection(connector))
        return _Adapted(dialect.dbapi, opened)

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", lambda connection: _begin(connection, wait_seconds))


def _prepare(dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001 - the event's signature
    dbapi_connection.isolation_level = None  # the driver must not begin by itself
    cursor = dbapi_connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection, wait_seconds: float) -> None:
    statement = connection.get_execution_options().get("sqlite_begin")
    deadline = connection.info.pop(BUSY_DEADLINE, None)
    seconds = wait_seconds if deadline is None else max(0.0, deadline - time.monotonic())
    driver: Any = connection.connection.driver_connection
    driver._conn.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")  # noqa: SLF001 - aiosqlite has no public name
    if statement is None:  # a deferred transaction: its begin waits for nothing
        driver._conn.execute("BEGIN")  # noqa: SLF001 - as above
    else:
        connection.exec_driver_sql(statement)
