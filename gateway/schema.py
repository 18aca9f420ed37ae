"""The schema's revisions (Alembic): bring a database to the newest, or say that it is old.

An embedded database is migrated by whoever opens it; on PostgreSQL only `gateway migrate` changes the schema.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.database import Database
from gateway.errors import SchemaOld

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_ADVISORY_LOCK = 0x736368656D61  # "schema"


async def migrate(database: Database) -> tuple[str | None, str | None]:
    """Bring the schema to the newest revision in one transaction; return the revision before and after."""
    async with database.write() as connection:
        if not database.embedded:
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = await connection.run_sync(_current)
        await connection.run_sync(_upgrade)
        return before, await connection.run_sync(_current)


async def require_current(database: Database) -> None:
    """Raise `SchemaOld` unless the schema is at the newest revision."""
    async with database.read() as connection:
        current = await connection.run_sync(_current)
    if current != _head():
        raise SchemaOld(f"the database's schema is at {current or 'nothing'}: run `gateway migrate` first")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: sa.Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
