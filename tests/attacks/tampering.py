"""Whoever has the database, and what `gateway audit verify --state` says of it afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.audit.use_cases import verify_state
from gateway.database import Database, Transaction
from gateway.errors.commands import AuditBroken
from tests.gateway.disposable import opened
from tests.gateway.scene import Scene


@asynccontextmanager
async def somebody_with_the_database(scene: Scene) -> AsyncIterator[Transaction]:
    """Write as nobody of the gateway would: unwatched, and without foreign keys."""
    async with opened(scene.settings.database_url) as database:
        # Instead of BEGIN, since within a transaction SQLite leaves foreign keys as they are.
        engine = database.engine.execution_options(sqlite_begin="PRAGMA foreign_keys=OFF")
        async with engine.connect() as connection:
            if not database.embedded:
                await connection.exec_driver_sql("SET session_replication_role = replica")
            yield connection
            await connection.commit()


def store_of(scene: Scene) -> Database:
    return scene.gateway.parts.database


async def find_broken(scene: Scene) -> str:
    """Return what `--state` says of a store that was tampered with, an empty text of one that it finds clean."""
    try:
        await verify_state(store_of(scene))
    except AuditBroken as error:
        return str(error)
    return ""
