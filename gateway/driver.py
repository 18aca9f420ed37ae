"""Hot statements, run on the database's own driver: sqlite3 or asyncpg.

SQLAlchemy writes the text of a statement once; each run then costs no pool, no greenlet and no compilation. A whole group
of records is one statement: a list is one parameter (`is_one_of`), rows are written by `run`. See docs/decisions/0077.

SQLite's statements run in the event loop's thread, since each takes microseconds; the commit waits for the disk in its own.
PostgreSQL has a few connections per worker, without a ping; a lost one is replaced when it fails.
"""

import asyncio
import hashlib
import importlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.dialects import registry
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles

Row = Sequence[Any]
"""The columns of one row, in the statement's order."""

Members = Mapping[str, Any]
"""The parameters of one run, by name."""


class _Texts(sa.TypeDecorator[Any]):
    """A list of texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type on a database."""
        return sa.ARRAY(sa.String()) if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Write the list, where SQLAlchemy runs the statement."""
        return list(value) if dialect.name == "postgresql" else _write_texts(value)


class is_one_of(sa.ColumnElement[bool]):  # noqa: N801 - it reads as SQLAlchemy's own functions do
    """The condition that a text column has one of the texts of a list parameter."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[str], name: str) -> None:
        self.column = column
        self.texts: sa.BindParameter[Any] = sa.bindparam(name, type_=_Texts())

    def self_group(self, against: Any = None) -> Any:
        """Return itself: SQLAlchemy would write `… = 1` for SQLite, which no index answers."""
        del against
        return self


@compiles(is_one_of, "sqlite")
def _on_sqlite(element: is_one_of, compiler: Any, **options: Any) -> str:
    column, texts = compiler.process(element.column, **options), compiler.process(element.texts, **options)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - both texts are the compiler's own


@compiles(is_one_of, "postgresql")
def _on_postgresql(element: is_one_of, compiler: Any, **options: Any) -> str:
    column, texts = compiler.process(element.column, **options), compiler.process(element.texts, **options)
    return f"{column} = ANY({texts})"


def _write_instant(value: datetime | None) -> str | None:
    """Return an instant as SQLAlchemy stores it in SQLite, without an offset."""
    return None if value is None else value.astimezone(UTC).isoformat(" ", "microseconds")[:-6]


def _read_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_instant(type_: object) -> bool:
    return isinstance(type_, sa.TypeDecorator) and isinstance(type_.impl_instance, sa.DateTime)


def _write_texts(value: Iterable[str]) -> str:
    return to_json(list(value)).decode()


class _Text:
    """A statement's text for one database, and how its parameters and columns are converted."""

    def __init__(self, clause: Any, dialect: sa.Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        self.text, self._order = str(compiled), compiled.positiontup
        self._defaults = {name: value for name, value in compiled.params.items() if value is not None}
        on_sqlite = dialect.name == "sqlite"
        writers = ((name, self._writer(bind.type, on_sqlite)) for name, bind in compiled.binds.items())
        self._writers = [(name, write) for name, write in writers if write is not None]
        columns = list(getattr(clause, "selected_columns", ())) or list(getattr(clause, "_returning", ()))
        self._instants = [
            place for place, column in enumerate(columns) if on_sqlite and _is_instant(column.type)
        ]

    @staticmethod
    def _writer(type_: object, on_sqlite: bool) -> Callable[[Any], Any] | None:
        if isinstance(type_, _Texts):
            return _write_texts if on_sqlite else list
        if isinstance(type_, sa.JSON):
            return json.dumps
        return _write_instant if on_sqlite and _is_instant(type_) else None

    def arguments(self, members: Members) -> list[Any]:
        """Return the parameters in the text's order, each converted once. Raises `KeyError` for a missing one."""
        values = {**self._defaults, **members}
        for name, write in self._writers:
            values[name] = write(values[name])
        return [values[name] for name in self._order]

    def rows(self, found: Sequence[Row]) -> Sequence[Row]:
        """Return rows with their instants read."""
        if not self._instants or not found:
            return found
        rows = [list(row) for row in found]
        for place in self._instants:
            for row in rows:
                row[place] = _read_instant(row[place])
        return rows


def insert_of(dialect: str) -> Any:
    """Return the `insert` of a database, which has ON CONFLICT; PostgreSQL's dialect is loaded where it is used."""
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert


class HotStatement:
    """A statement whose text SQLAlchemy writes once per database, at its first run.

    `postgresql` is PostgreSQL's own form of it, where the two have no common one; `from_insert` makes it from `insert_of`.
    """

    def __init__(self, clause: Any = None, *, postgresql: Any = None, from_insert: Any = None) -> None:
        self._clauses = {"sqlite": clause, "postgresql": clause if postgresql is None else postgresql}
        self._from_insert = from_insert

    def clause(self, dialect: str) -> Any:
        """Return the clause for a database, which SQLAlchemy runs too."""
        if self._from_insert is not None and self._clauses[dialect] is None:
            self._clauses[dialect] = self._from_insert(insert_of(dialect))
        return self._clauses[dialect]

    @cached_property
    def on_sqlite(self) -> _Text:
        """Return the text for SQLite."""
        return _Text(self.clause("sqlite"), registry.load("sqlite")(paramstyle="qmark"))

    @cached_property
    def on_postgresql(self) -> _Text:
        """Return the text for PostgreSQL."""
        return _Text(self.clause("postgresql"), registry.load("postgresql.asyncpg")())


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
        """Run a statement once for each of these parameters, in order, as one message."""

    async def lock(self, keys: Iterable[int]) -> None:
        """Take advisory locks until the transaction ends, in one order for all callers; SQLite has one writer anyway.

        To be called once in a transaction: a second call could take locks in another order.
        """


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

    async def lock(self, keys: Iterable[int]) -> None:
        """Take none: a cold change runs alone."""


class Driver(Reader, Protocol):
    """The driver's connections of one worker."""

    def transaction(self, *, shared_lock: int) -> Any:
        """Open a write transaction that commits when the block ends; with an advisory lock that others share."""

    async def close(self) -> None:
        """Close the connections."""


BEGIN_WRITING = "BEGIN IMMEDIATE"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
"""FULL: a commit is on the disk before an answer is sent. secure_delete: deleted keys are overwritten."""
_BUSY_POLL_S = 0.002


class SqliteDriver:
    """Two connections to a file: one reads, one writes."""

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self._path, self._wait = path, wait_seconds
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
        return _fetch(self._reader, statement.on_sqlite, members)

    @asynccontextmanager
    async def transaction(self, *, shared_lock: int) -> AsyncIterator[DriverTransaction]:
        """As `Driver.transaction`; the caller lets one writer work at a time."""
        del shared_lock
        self._path.stat()
        connection = self._writer = self._writer or self._open()
        await self._begin(connection)
        try:
            yield _SqliteTransaction(connection)
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.commit)
        except BaseException:  # of any kind, also a cancellation
            # In the thread, after a commit that it may still run.
            self._thread.submit(connection.rollback).result()
            raise

    async def _begin(self, connection: sqlite3.Connection) -> None:
        """Begin, or wait for another process that writes. Raises `sqlite3.OperationalError` after the limit."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._wait
        while True:
            try:
                connection.execute(BEGIN_WRITING)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or loop.time() > ends:
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
        return _fetch(self._connection, statement.on_sqlite, members)

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        text = statement.on_sqlite
        if rows:
            self._connection.executemany(text.text, [text.arguments(row) for row in rows])

    async def lock(self, keys: Iterable[int]) -> None:
        del keys


def _fetch(connection: sqlite3.Connection, text: _Text, members: Members) -> Sequence[Row]:
    return text.rows(connection.execute(text.text, text.arguments(members)).fetchall())


async def connect_postgres(dsn: str, *, wait_seconds: float, statement_seconds: float | None = None) -> Any:
    """Open a connection to PostgreSQL; `statement_seconds` is the limit of one statement, None for no limit."""
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - only where PostgreSQL is used

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
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            async with asyncio.timeout(self._wait if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError:
            raise sa.exc.TimeoutError("no connection was free") from None  # not the server's fault
        try:
            connection = self._take_idle() or await self._connect()
            try:
                yield connection
            except BaseException:  # of any kind, also a cancellation
                connection.terminate()  # it may be lost, or in the middle of a statement
                raise
            self._idle.append(connection)
        finally:
            self._free.release()

    def _take_idle(self) -> Any | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():  # the driver notices a connection that the server closed
                return connection
        return None

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        """As `Driver.fetch`."""
        text = statement.on_postgresql
        async with self._connection() as connection:
            return text.rows(await connection.fetch(text.text, *text.arguments(members)))

    @asynccontextmanager
    async def transaction(self, *, shared_lock: int) -> AsyncIterator[DriverTransaction]:
        """As `Driver.transaction`."""
        async with self._connection() as connection:
            await connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock_shared({shared_lock})")
            yield _PostgresTransaction(connection)
            await connection.execute("COMMIT")

    async def close(self) -> None:
        """As `Driver.close`."""
        while self._idle:
            await self._idle.pop().close()


class _PostgresTransaction:
    embedded = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, statement: HotStatement, members: Members) -> Sequence[Row]:
        text = statement.on_postgresql
        return text.rows(await self._connection.fetch(text.text, *text.arguments(members)))

    async def run(self, statement: HotStatement, rows: Sequence[Members]) -> None:
        text = statement.on_postgresql
        if rows:
            await self._connection.executemany(text.text, [text.arguments(row) for row in rows])

    async def lock(self, keys: Iterable[int]) -> None:
        if ordered := sorted(set(keys)):
            texts = (f"SELECT pg_advisory_xact_lock({int(key)})" for key in ordered)
            await self._connection.execute(";".join(texts))
