"""A store that a test opens by its URL and that is closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.database import Database, open_database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Open a store without migrating it."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()
