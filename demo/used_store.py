"""The caller's store: the demo uses no named SQLite file, and no PostgreSQL database that an earlier run has used.

A store gets its connections and operators once, and the secrets of an earlier run are lost. So the demo has a file of
its own in its folder, or creates a database of its own on the server and drops it at the end.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from demo.processes import Programs, StartFailed
from demo.store import KEY, KEY_FILE, SQLITE, URL, is_file, is_server

CONNECT_SECONDS = 10.0
_MIGRATED = "SELECT to_regclass('revisions') IS NOT NULL"
_USED = "SELECT EXISTS (SELECT 1 FROM revisions)"
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"


@contextmanager
def unused(store: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Yield the store if it is a server's that no run has used, else a temporary one: a database there, or a file.

    Raises:
        StartFailed: the server can't be reached, or this user may create no database.
    """
    if is_file(store):
        yield {name: value for name, value in store.items() if name != URL}
        return
    if is_server(store) and not _tell(store[URL], _MAY_CREATE):
        raise StartFailed(
            "PostgreSQL: this user may create no database, and the demo makes a copy of its own for the last step: "
            "ALTER ROLE its name CREATEDB"
        )
    if not is_server(store) or not (_tell(store[URL], _MIGRATED) and _tell(store[URL], _USED)):
        yield store
        return
    name = f"dancu_demo_{secrets.token_hex(4)}"
    _tell(store[URL], f"CREATE DATABASE {name}")
    try:
        yield {**store, URL: urlunsplit(urlsplit(store[URL])._replace(path=f"/{name}"))}
    finally:
        _tell(store[URL], f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def copied(programs: Programs) -> Iterator[Mapping[str, str]]:
    """Yield the settings of a copy of the gateway's store, with its keys, as its operator could make one.

    PostgreSQL copies a database that nobody uses: the gateway is stopped meanwhile.
    """
    settings = programs.gateway_settings
    url = settings.get(URL, f"{SQLITE}var/gateway.db")
    if not is_server({URL: url}):
        (programs.folder / "copy").mkdir(mode=0o700)
        programs.gateway("backup", "copy/gateway.db")
        beside = (programs.folder / url.removeprefix(SQLITE)).with_name("master.key")
        keys = {} if KEY in settings or KEY_FILE in settings else {KEY_FILE: str(beside)}
        yield {URL: f"{SQLITE}{programs.folder / 'copy' / 'gateway.db'}", **keys}
        return
    name, former = f"dancu_demo_{secrets.token_hex(4)}", urlsplit(url).path.removeprefix("/")
    server = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with programs.gateway_stopped():
        _tell(server, f'CREATE DATABASE {name} TEMPLATE "{former}"')
    try:
        yield {URL: urlunsplit(urlsplit(url)._replace(path=f"/{name}"))}
    finally:
        _tell(server, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(url: str, statement: str) -> bool:
    """Run a statement and return whether its result is true. The driver reads libpq's parameters of the URL."""

    async def work() -> bool:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            return bool(await connection.fetchval(statement))
        finally:
            await connection.close()

    try:
        return asyncio.run(work())
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StartFailed(
            f"PostgreSQL: {type(error).__name__}: an empty database that can be reached is expected"
        ) from None
