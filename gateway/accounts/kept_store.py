"""The values about callers that a worker keeps between requests, each under the version of callers at which it was read.

Each commit that changes accounts, credentials, officers, organisations or revoked tokens increments the version
(triggers of migration 0018, so SQL by hand counts too). A value that was kept under another version is not used. On
SQLite the version is read at each call, once for all calls of a turn of the event loop. On PostgreSQL it is read again
after each notification, after each commit of this worker that changed one of these tables, and at the latest after
`MAX_AGE_S`; while the listening connection is down, nothing is kept. docs/performance.md lists each kept value, what
ends it, how soon, and the test. See docs/decisions/0091.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from gateway.background import start_task
from gateway.deployment import EPOCH, deployment
from gateway.storage.database import Database, metadata
from gateway.storage.driver import connect_postgres
from gateway.storage.statements import HotStatement, Row

MAX_KEPT = 8192
"""Limit of the kept values; those that were not used for the longest time are dropped first."""

MAX_AGE_S = 0.3
"""How many seconds old the version of a worker on PostgreSQL may be, if a notification was lost."""

POLL_S = 0.2
"""Seconds between two reads of the epoch where nothing notifies."""

_PING_S = 5.0
"""Seconds between two checks of an idle worker on PostgreSQL that its listening connection is alive."""

_READ_S = 2.0
"""Seconds in which the listening connection must open, and answer."""

_RETRY_S = 0.5
_CHANNEL = "gateway"
_TRIES = 3
_TABLES = frozenset(
    {"accounts", "account_keys", "account_officers", "account_secrets", "organisations", "revoked_tokens"}
)
callers_version = sa.Table(
    "callers_version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
_EPOCH = sa.select(deployment.c.value).where(deployment.c.name == EPOCH).scalar_subquery()
_READ = HotStatement(sa.select(callers_version.c.version))
_READ_BOTH = HotStatement(sa.select(callers_version.c.version, _EPOCH))

log = structlog.get_logger("gateway.accounts")


class Versions(Protocol):
    """Where a worker gets the version from."""

    async def read(self) -> int | None:
        """Return the version; None if nothing may be kept now. Raises `Overloaded`."""

    async def wait(self) -> None:
        """Wait until the epoch may have changed."""
        await asyncio.sleep(POLL_S)

    async def aclose(self) -> None:
        """Stop listening."""


class Kept:
    """The kept values of one worker, by kind and key."""

    def __init__(self, versions: Versions) -> None:
        self.versions = versions
        self._version: int | None = None
        self._values: OrderedDict[tuple[str, object], Any] = OrderedDict()

    async def version(self) -> int | None:
        """Return the version under which values may be used and kept during this call; None for none."""
        version = await self.versions.read()
        if version != self._version:
            self._values.clear()
            self._version = version
        return version

    def find(self, version: int | None, kind: str, key: object) -> Any:
        """Return what is kept under this version, else None."""
        if version is None or version != self._version or (kind, key) not in self._values:
            return None
        self._values.move_to_end((kind, key))
        return self._values[kind, key]

    def keep(self, version: int | None, kind: str, key: object, value: Any) -> None:
        """Keep a value that was read after this version was, unless the version has changed meanwhile."""
        if version is None or version != self._version:
            return
        self._values[kind, key] = value
        if len(self._values) > MAX_KEPT:
            self._values.popitem(last=False)


def open_kept(database: Database) -> Kept:
    """Return the empty store of kept values for a database."""
    return Kept(SqliteVersions(database) if database.embedded else PostgresVersions(database))


class SqliteVersions(Versions):
    """Reads the version once for all calls in a turn of the event loop: no caller in it can know of a later change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: Sequence[Row] | None = None

    async def read(self) -> int | None:
        """As `Versions.read`."""
        if self._rows is None:
            self._rows = await self._database.fetch(_READ, {})
            asyncio.get_running_loop().call_soon(self._forget)
        return self._rows[0][0] if self._rows else None

    def _forget(self) -> None:
        self._rows = None

    async def aclose(self) -> None:
        """As `Versions.aclose`."""


class PostgresVersions:
    """Keeps the version while a connection of its own listens; opens that connection at the first use."""

    def __init__(self, database: Database) -> None:
        url = database.engine.url.set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._connection: Any = None
        self._following: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._found: tuple[int | None, str | None] = None, None
        self._fresh_until = 0.0
        self._notes = 0
        self._changed = asyncio.Event()
        _note_commits(database, self.note)

    def note(self, *_: object) -> None:
        """Read the version again before its next use."""
        self._notes += 1
        self._fresh_until = 0.0
        self._changed.set()

    async def read(self) -> int | None:
        """As `Versions.read`."""
        loop = asyncio.get_running_loop()
        for _ in range(_TRIES):
            if self._connection is None:
                self._start()
                return None
            if loop.time() < self._fresh_until:
                return self._found[0]
            if self._reading is None or self._reading.done():
                self._reading = start_task(self._read_now())
            await asyncio.shield(self._reading)
        return None

    async def wait(self) -> None:
        """As `Versions.wait`."""
        self._start()
        if self._connection is None:
            await asyncio.sleep(POLL_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PING_S):
                await self._changed.wait()
        self._changed.clear()

    async def aclose(self) -> None:
        """As `Versions.aclose`."""
        tasks = [task for task in (self._following, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self) -> None:
        if self._following is None:
            self._following = start_task(self._follow())

    async def _read_now(self) -> None:
        """Read the version on the listening connection: an answer shows that it is alive."""
        connection, notes, began = self._connection, self._notes, asyncio.get_running_loop().time()
        if connection is None:
            return
        text = _READ_BOTH.on_postgresql
        try:
            rows = await connection.fetch(text.text, *text.arguments({}), timeout=_READ_S)
        except Exception as error:  # noqa: BLE001 - of any kind: nothing is kept until it listens again
            log.warning("versions_unread", reason=type(error).__name__)
            connection.terminate()
            self._connection = None
            return
        if notes == self._notes and connection is self._connection:
            (_, former), self._found = self._found, tuple(rows[0]) if rows else (None, None)
            self._fresh_until = began + MAX_AGE_S
            if former != self._found[1]:
                self._changed.set()

    async def _follow(self) -> None:
        """Listen until cancelled; connect again after a loss."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - of any kind: nothing is kept until it listens again
                log.warning("versions_not_followed", reason=type(error).__name__)
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        lost = asyncio.Event()
        connection = await connect_postgres(self._dsn, wait_seconds=_READ_S)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(_CHANNEL, self.note)
            self._connection = connection
            self.note()
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PING_S):
                        await lost.wait()
                if not lost.is_set():
                    await self.read()
        finally:
            self._connection = None
            connection.terminate()
            self.note()


def _note_commits(database: Database, note: Callable[[], None]) -> None:
    """Call `note` when a connection that wrote one of the tables returns to this worker's pool, committed or not."""

    def mark(
        connection: sa.Connection, statement: Any, rows: object, parameters: object, options: object
    ) -> None:
        del rows, parameters, options
        if getattr(statement, "is_dml", False) and statement.table.name in _TABLES:
            connection.info[_CHANNEL] = True

    def look(dbapi_connection: object, record: Any) -> None:
        del dbapi_connection
        if record.info.pop(_CHANNEL, False):
            note()

    sa.event.listen(database.engine.sync_engine, "before_execute", mark)
    sa.event.listen(database.engine.sync_engine, "checkin", look)
