"""SQLite without a thread between: a statement runs where it is asked for, only what may wait is handed to a thread.

A statement of the embedded store takes microseconds; aiosqlite hands each to its own thread and back, which costs many
times that under load. What waits for the disk or for another process (the begin of a writer, a commit, a pragma such as
a checkpoint) stays in the thread, so that the event loop never waits. See docs/decisions/0060.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiosqlite

BEGIN_WRITING = "BEGIN IMMEDIATE"
_MAY_WAIT = (BEGIN_WRITING, "PRAGMA")
_ROWS_AT_ONCE = 64

T = TypeVar("T")


class EmbeddedConnection(aiosqlite.Connection):
    """aiosqlite's connection, whose statements run on the caller's own thread unless they may wait."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        # As SQLAlchemy does: a connection that was never closed doesn't keep the program from ending.
        self._thread.daemon = True

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a function of the connection, whose first argument is the statement if it takes one."""
        if args and isinstance(args[0], str) and args[0].startswith(_MAY_WAIT):
            return await self._in_thread(fn, *args, **kwargs)
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        return fn(*args, **kwargs)

    async def _in_thread(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        done: T = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # aiosqlite's own
        return done

    async def commit(self) -> None:
        """Commit in the thread: it waits for the disk."""
        await self._in_thread(self._conn.commit)


def connect_embedded(database: str, **options: Any) -> EmbeddedConnection:
    """Make a connection to a file, to be awaited before it is used; `options` are those of `sqlite3.connect`.

    SQLAlchemy asks that `check_same_thread` is off, and SQLite itself keeps two threads apart (it is built "serialized").
    """
    return EmbeddedConnection(partial(sqlite3.connect, database, **options))
