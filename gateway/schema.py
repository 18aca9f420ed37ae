"""The schema: every table, and its revisions (Alembic).

Opening a SQLite database migrates it; on PostgreSQL only `gateway migrate` changes the schema, while programs of the version
before serve on: a revision only adds, and indexes are built beside the writers (docs/decisions/0098).
"""

from pathlib import Path

import sqlalchemy as sa
import structlog

from gateway.accounts import kept_store
from gateway.accounts import store as accounts
from gateway.applications import store as applications
from gateway.audit import store as audit
from gateway.audit.use_cases import take_baseline
from gateway.changes import store as changes
from gateway.clock import Clock, SystemClock
from gateway.database import Database, metadata
from gateway.deployment import deployment, find_oldest_program, record_oldest_program
from gateway.enquiries import budget_store, person_store
from gateway.enquiries import idempotency_store as idempotency
from gateway.enquiries import prefill_store as prefills
from gateway.enquiries import store as verifications
from gateway.errors.operators import SchemaOld, StateWrong
from gateway.keys import store as keys
from gateway.oauth import store as oauth
from gateway.operators import store as operators
from gateway.profiles import store as profiles

log = structlog.get_logger("gateway.schema")

STORES = (
    accounts, applications, audit, budget_store, changes, idempotency, kept_store, keys, oauth, operators,
    person_store, prefills, profiles, verifications,
)  # fmt: skip
"""The modules that define tables; a test compares them with all tables."""


def all_tables() -> list[sa.Table]:
    """Return every table of the store, sorted by name."""
    assert deployment.metadata is metadata
    return sorted(metadata.tables.values(), key=lambda table: table.name)


MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
NEWEST = "0028"
"""The newest revision; a test compares it with the head of `migrations/`."""

OLDEST_PROGRAM = "0027"
"""The newest revision of the oldest program that may run on this schema: what it reads and writes is as it knows it."""

_IN_EVIDENCE = "0016"
"""The first revision whose rows are in evidence (`audit/state.py`); a baseline adds older rows."""

_ADVISORY_LOCK = 0x736368656D61  # "schema"


async def migrate(database: Database, clock: Clock | None = None) -> tuple[str | None, str | None]:
    """Bring the schema to the newest revision in one transaction; return the revision before and after.

    Rows from before the evidence of state get their baseline in the same transaction.

    Raises:
        StateWrong: another version of the gateway, such as a newer one, made the schema.
    """
    before = await read_revision(database)
    if before == NEWEST:
        await _build_indexes(database)
        return before, before
    async with database.write() as transaction:
        if not database.embedded:
            await transaction.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = await transaction.run_sync(_current)
        await transaction.run_sync(_upgrade)
        if before is not None and before < _IN_EVIDENCE:
            await take_baseline(transaction, now=(clock or SystemClock()).now())
        await record_oldest_program(transaction, OLDEST_PROGRAM)
        after = await transaction.run_sync(_current)
    await _build_indexes(database)
    return before, after


async def _build_indexes(database: Database) -> None:
    """Build the indexes that PostgreSQL lacks, one after the other, while others write; an unfinished one is built anew."""
    if database.embedded:
        return
    async with database.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            found = {str(row.relname): bool(row.indisvalid) for row in await connection.execute(_INDEXES)}
            for index in (index for table in all_tables() for index in table.indexes):
                name = str(index.name)
                if found.get(name):
                    continue
                if name in found:
                    await connection.execute(sa.text(f'DROP INDEX CONCURRENTLY "{name}"'))
                text = str(sa.schema.CreateIndex(index).compile(dialect=connection.dialect))
                await connection.execute(sa.text(text.replace("INDEX ", "INDEX CONCURRENTLY ", 1)))
        finally:
            await connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})


_INDEXES = sa.text(
    "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
    "WHERE pg_table_is_visible(pg_class.oid)"
)


async def read_revision(database: Database) -> str | None:
    """Return the revision of the schema; None of an empty database."""
    async with database.read() as transaction:
        return await transaction.run_sync(_current)


async def require_current(database: Database) -> None:
    """Return if this program may run on the schema: it is its own, or a newer one that says so.

    Raises:
        SchemaOld: an older one, or none.
        StateWrong: a newer one that this program can't use.
    """
    current = await read_revision(database)
    if current is None or current < NEWEST:
        raise SchemaOld(f"the database's schema is at {current or 'nothing'}: run `gateway migrate` first")
    if current == NEWEST:
        return
    async with database.read() as transaction:
        oldest = await find_oldest_program(transaction)
    if oldest is None or oldest > NEWEST:
        raise StateWrong(
            f"the database's schema is at {current}, newer than this program, which knows {NEWEST}: "
            "start the program that migrated it"
        )
    log.warning("schema_newer", schema=current, known=NEWEST, remedy="start the program that migrated it")


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: sa.Connection) -> None:
    # Loading Alembic takes a third of a second, and a command on a current schema doesn't need it.
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
