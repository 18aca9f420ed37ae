"""A PostgreSQL of the suite's own: binaries on the PATH, a folder in /tmp, a free loopback port.

As root the server runs as `nobody`, since PostgreSQL refuses root. Durability is off: it dies with the suite.
"""

import asyncio
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
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine


class PostgresqlMissing(Exception):
    """No `initdb` and `postgres` on the PATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the server listens."""

    port: int

    def url(self, name: str) -> str:
        """Return a database's URL as settings take it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """Start a server and stop it at the end. Raises `PostgresqlMissing`."""
    initdb, postgres = shutil.which("initdb"), shutil.which("postgres")
    if initdb is None or postgres is None:
        raise PostgresqlMissing
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = str(folder / "data")
    subprocess.run(
        [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
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
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [postgres, "-D", data, *arguments], user=user, cwd=folder, stdout=log, stderr=log
    )
    try:
        _wait(port, process)
        yield Server(port=port)
    finally:
        process.terminate()
        process.wait(20)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


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
