"""The schema: every table, and its revisions (Alembic).

Opening a SQLite database migrates it; on PostgreSQL only `gateway migrate` changes the schema, while programs of the version
before serve on: a revision only adds, and indexes are built beside the writers (docs/decisions/0098).
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, SystemClock
from gateway.deployment import (
    deployment,
    find_oldest_program,
    is_filled,
    parse_entry_id,
    record_oldest_program,
)
from gateway.errors.operators import SchemaOld, StateWrong, StoreMissing
from gateway.errors.requests import StoreUnavailable
from gateway.storage.database import Database, find_store_file, metadata, open_database
from gateway.storage.outages import Cause

if TYPE_CHECKING:
    from gateway.settings import Settings

log = structlog.get_logger("gateway.schema")

T = TypeVar("T")

STORES = (
    "accounts.kept_store", "accounts.store", "applications.store", "audit.store", "changes.store",
    "enquiries.budget_store", "enquiries.idempotency_store", "enquiries.person_store", "enquiries.prefill_store",
    "enquiries.store", "keys.store", "oauth.store", "operators.store", "profiles.store",
)  # fmt: skip
"""The modules that define tables; a test compares them with all tables. A command on one table doesn't load the others."""


def all_tables() -> list[sa.Table]:
    """Return every table of the store, sorted by name."""
    assert deployment.metadata is metadata
    for name in STORES:
        importlib.import_module(f"gateway.{name}")
    return sorted(metadata.tables.values(), key=lambda table: table.name)


MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
NEWEST = "0028"
"""The newest revision; a test compares it with the head of `migrations/`."""

OLDEST_PROGRAM = "0027"
"""The newest revision of the oldest program that may run on this schema: what it reads and writes is as it knows it."""

_IN_EVIDENCE = "0016"
"""The first revision whose rows are in evidence (`audit/state.py`); a baseline adds older rows."""

_ADVISORY_LOCK = 0x736368656D61  # "schema"
_LOCK_PAUSE_S = 0.1
_TABLE_WAIT_MS, _TABLE_TRIES, _TABLE_PAUSE_S = 500, 48, 2.0
"""How long a migration on PostgreSQL waits for a table, how often it tries, and the pause between, in which requests go on."""


async def migrate(database: Database, clock: Clock | None = None) -> tuple[str | None, str | None]:
    """Bring the schema to the newest revision in one transaction; return the revision before and after.

    Rows from before the evidence of state get their baseline in the same transaction.

    Raises:
        StateWrong: another version of the gateway, such as a newer one, made the schema.
        StoreUnavailable: on PostgreSQL another program, such as a backup, reads a table that is to be altered, for minutes.
    """
    before = after = await read_revision(database)
    if before != NEWEST:
        before, after = await _try_again(database, partial(_upgrade_store, database, clock or SystemClock()))
    if not database.embedded:
        await _finish(database)
    return before, after


async def _try_again(database: Database, act: Callable[[], Awaitable[T]]) -> T:
    """Do what alters a table; on PostgreSQL, try again while another program reads it."""
    tries = 1
    while True:
        try:
            return await act()
        except StoreUnavailable as error:
            if database.embedded or error.cause != Cause.LOCKED or tries == _TABLE_TRIES:
                raise
        tries += 1
        await asyncio.sleep(_TABLE_PAUSE_S)


async def _upgrade_store(database: Database, clock: Clock) -> tuple[str | None, str | None]:
    """Run the revisions in one transaction.

    To alter a table, PostgreSQL waits for the programs that read it, and every other statement on it waits behind: so the wait
    is short, and the transaction then ends with `StoreUnavailable`.
    """
    async with database.write() as transaction:
        if not database.embedded:
            await _lock(transaction, "pg_try_advisory_xact_lock")
            await transaction.execute(sa.text(f"SET LOCAL lock_timeout = '{_TABLE_WAIT_MS}ms'"))
        before = await transaction.run_sync(_current)
        await transaction.run_sync(_upgrade)
        if before is not None and before < _IN_EVIDENCE:
            from gateway.audit.state_store import take_baseline  # noqa: PLC0415 - only old stores need it

            await take_baseline(transaction, now=clock.now())
        await record_oldest_program(transaction, OLDEST_PROGRAM)
        return before, await transaction.run_sync(_current)


async def _lock(connection: AsyncConnection, function: str) -> None:
    """Take the lock of migrations on PostgreSQL; try again while another one has it.

    A statement that waits for the lock would have a snapshot, which the other's CREATE INDEX CONCURRENTLY waits for: a deadlock.
    """
    take = sa.select(getattr(sa.func, function)(_ADVISORY_LOCK))
    while True:
        if (await connection.execute(take)).scalar_one():
            return
        await asyncio.sleep(_LOCK_PAUSE_S)


async def _finish(database: Database) -> None:
    """Do what a migration on PostgreSQL left for later, beside the writers; a migration that was ended early goes on here."""
    from gateway.audit.month_store import partition_entries  # noqa: PLC0415 - only PostgreSQL needs it

    await fill_columns(database)
    async with database.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await _lock(connection, "pg_try_advisory_lock")
        try:
            await _build_indexes(connection)
            await _try_again(database, partial(partition_entries, database))
        finally:
            await connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})


async def fill_columns(database: Database, *, at_once: int = 2_000) -> None:
    """Fill the columns that revision 0027 added to the audit's entries, on PostgreSQL; so many rows in each transaction.

    The mark in `deployment` is the id of the last row that has them; without a mark all rows do.
    """
    while True:
        async with database.write() as transaction:
            mark = (await transaction.execute(_FILLED)).scalar_one_or_none()
            if mark is None:
                return
            # A mark that is no number: from the first row.
            batch = {"mark": parse_entry_id(mark) or 0, "most": at_once}
            last = (await transaction.execute(_FILL, batch)).scalar_one()
            if last is None:
                await transaction.execute(_END_MARK)
            else:
                await transaction.execute(_MARK, {"last": str(last)})


_FILLED = sa.text("SELECT value FROM deployment WHERE name = 'filled_0027' FOR UPDATE")
_FILL = sa.text(
    "WITH batch AS (SELECT id FROM audit_entries WHERE id > :mark ORDER BY id LIMIT :most), "
    "filled AS (UPDATE audit_entries SET client_id = body::json->>'client_id', request_id = body::json->>'request_id' "
    "FROM batch WHERE audit_entries.id = batch.id RETURNING audit_entries.id) SELECT max(id) FROM filled"
)
_IS_MARK = deployment.c.name == "filled_0027"
_MARK = sa.update(deployment).where(_IS_MARK).values(value=sa.bindparam("last"))
_END_MARK = sa.delete(deployment).where(_IS_MARK)


async def _build_indexes(connection: AsyncConnection) -> None:
    """Build the indexes that PostgreSQL lacks, one after the other, while others write; an unfinished one is built anew.

    On a table with partitions it is built on each of them first; the table's own index then consists of these.
    """
    found = {str(row.relname): bool(row.indisvalid) for row in await connection.execute(_INDEXES)}
    for index in (index for table in all_tables() for index in table.indexes):
        name = str(index.name)
        if found.get(name):
            continue
        text = str(sa.schema.CreateIndex(index).compile(dialect=connection.dialect))
        assert index.table is not None
        table = index.table.name
        parts = list((await connection.execute(_PARTITIONS, {"table": table})).scalars())
        for built, on in [(f"{part}_{name}"[:63], part) for part in parts] or [(name, table)]:
            if found.get(built):
                continue
            if built in found:
                await connection.execute(sa.text(f'DROP INDEX CONCURRENTLY "{built}"'))
            own = text.replace(f"INDEX {name} ON {table}", f'INDEX CONCURRENTLY "{built}" ON {on}')
            await connection.execute(sa.text(own))
        if parts:
            await connection.execute(sa.text(text))


_PARTITIONS = sa.text(
    "SELECT CAST(relname AS text) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = to_regclass(:table)"
)
_INDEXES = sa.text(
    "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
    "WHERE pg_table_is_visible(pg_class.oid)"
)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Database]:
    """Open an existing store for the block, without its keys. Raises `StoreMissing`, `SchemaOld`."""
    file = find_store_file(settings.database_url)
    if file is not None:
        require_store(file)
    database = open_database(settings.database_url)
    try:
        await require_current(database)
        yield database
    finally:
        await database.close()


def require_store(path: Path) -> None:
    """Raise `StoreMissing` unless the file of an embedded store has a content."""
    try:
        if path.stat().st_size:
            return
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise StoreMissing(f"no store can be read at {path.absolute()} ({error.strerror})") from None
    raise StoreMissing(
        f"no store at {path.absolute()}: go to the gateway's folder, or set GATEWAY_DATABASE_URL; "
        "`gateway serve` and `gateway migrate` make a store"
    )


async def rehearse_migration(database: Database) -> tuple[str | None, str]:
    """Return the revision before and after a migration that is not run. Raises `StateWrong` as `migrate` does."""
    before = await read_revision(database)
    if before is not None and not any(MIGRATIONS.glob(f"versions/{before}_*.py")):
        raise _unknown(before)
    return before, NEWEST


def _unknown(revision: str | None) -> StateWrong:
    return StateWrong(
        f"the database's schema is at {revision}, which this version of the gateway doesn't know: "
        "install the version that made it"
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
        found = (
            "has no schema"
            if current is None
            else f"has the schema {current}, and this program needs {NEWEST}"
        )
        raise SchemaOld(f"the database {found}: run `gateway migrate` first")
    if current == NEWEST:
        async with database.read() as transaction:
            if not await is_filled(transaction):
                log.warning("schema_unfinished", remedy="gateway migrate")
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
        raise _unknown(_current(connection)) from None
