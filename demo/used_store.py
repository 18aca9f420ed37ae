"""A PostgreSQL that an earlier run used: its operators and connections are that run's, so this one plays beside them.

A profile's connection and its operators are made once in a store, and their secrets with the run that made them are
gone. The demo then makes a database of its own on the same server, and drops it at the end.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from demo.processes import StartFailed
from demo.store import URL, is_server

_MIGRATED = "SELECT to_regclass('revisions') IS NOT NULL"
_USED = "SELECT EXISTS (SELECT 1 FROM revisions)"


@contextmanager
def unused(store: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Give the store where nobody has played on it, else one beside it while the block runs.

    Raises:
        StartFailed: the server can't be reached, or makes no database for this user.
    """
    if not is_server(store) or not (_tell(store[URL], _MIGRATED) and _tell(store[URL], _USED)):
        yield store
        return
    name = f"dancu_demo_{secrets.token_hex(4)}"
    _tell(store[URL], f"CREATE DATABASE {name}")
    try:
        yield {**store, URL: urlunsplit(urlsplit(store[URL])._replace(path=f"/{name}"))}
    finally:
        _tell(store[URL], f"DROP DATABASE {name} WITH (FORCE)")


def _tell(url: str, statement: str) -> bool:
    """Run a statement and say whether it answered true."""

    async def work() -> bool:
        address = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        engine = create_async_engine(address, isolation_level="AUTOCOMMIT", hide_parameters=True)
        try:
            async with engine.connect() as connection:
                done = await connection.execute(sa.text(statement))
                return done.returns_rows and bool(done.scalar_one())
        finally:
            await engine.dispose()

    try:
        return asyncio.run(work())
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise StartFailed(
            f"PostgreSQL: {type(error).__name__}: give an empty database that can be reached"
        ) from None
