"""The schema's revisions (Alembic): bring a database to the newest, or say that it is old.

An embedded database is migrated by whoever opens it; on PostgreSQL only `gateway migrate` changes the schema.
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from gateway.audit.baseline import take_baseline
from gateway.clock import Clock, SystemClock
from gateway.database import Database, Transaction
from gateway.errors.commands import SchemaOld, StateWrong

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
NEWEST = "0016"
"""The newest revision; a test holds it equal to the head of `migrations/`."""

_IN_EVIDENCE = "0016"
"""The first revision whose rows are in evidence (`audit/state.py`): what is older is taken over by a baseline."""

_ADVISORY_LOCK = 0x736368656D61  # "schema"


async def migrate(database: Database, clock: Clock | None = None) -> tuple[str | None, str | None]:
    """Bring the schema to the newest revision in one transaction; return the revision before and after.

    Rows of a store that is older than the state of evidence get their baseline in the same transaction.

    Raises:
        StateWrong: the schema is of another version of the gateway, such as a newer one.
    """
    async with database.read() as transaction:
        before = await transaction.run_sync(_current)
    if before == NEWEST:
        return before, before
    async with database.write() as transaction:
        if not database.embedded:
            await transaction.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = await transaction.run_sync(_current)
        await transaction.run_sync(_upgrade)
        if before is not None and before < _IN_EVIDENCE:
            await _take_over(transaction, now=(clock or SystemClock()).now())
        return before, await transaction.run_sync(_current)


async def _take_over(transaction: Transaction, *, now: datetime) -> None:
    from gateway.tables import all_tables  # noqa: PLC0415 - every room's store, which other commands need not load

    all_tables()
    await take_baseline(transaction, now=now)


async def require_current(database: Database) -> None:
    """Raise `SchemaOld` unless the schema is at the newest revision."""
    async with database.read() as transaction:
        current = await transaction.run_sync(_current)
    if current != NEWEST:
        raise SchemaOld(f"the database's schema is at {current or 'nothing'}: run `gateway migrate` first")


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: sa.Connection) -> None:
    # Alembic costs a third of a second to load, which a command on a current schema need not pay.
    from alembic import command  # noqa: PLC0415 - as said
    from alembic.config import Config  # noqa: PLC0415 - as said
    from alembic.util import CommandError  # noqa: PLC0415 - as said

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, NEWEST)
    except CommandError:
        raise StateWrong(
            f"the database's schema is at {_current(connection)}, which this version of the gateway doesn't "
            "know: install the version that made it"
        ) from None
