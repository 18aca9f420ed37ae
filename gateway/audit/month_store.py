"""On PostgreSQL, the audit's entries in partitions by month (docs/decisions/0143).

The ids of a month's entries begin at `first_id`. So a partition is a range of ids, and a statement that names ids reads only their
partitions. Entries from before the partitions are themselves one partition, `audit_entries_before`. Every statement names the table
`audit_entries`, as without partitions, so programs of the version before can run at the same time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.store import audit_entries
from gateway.errors.operators import StateWrong
from gateway.storage.database import Database, Transaction

LOCK_WAIT_MS = 500
"""How long the change of a table waits for its lock; other statements on the table wait behind it."""

_BEFORE = "audit_entries_before"
_ADVISORY_LOCK = 0x6D6F6E746873  # "months"
_MONTH = re.compile(r"audit_entries_(\d{4})_(\d\d)")
_STATE = sa.text(
    "SELECT CAST(now() AT TIME ZONE 'UTC' AS date) AS today, relkind = 'p' AS partitioned, "
    "pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE') AS owned, "
    "ARRAY(SELECT CAST(relname AS text) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
    "WHERE inhparent = to_regclass('audit_entries')) AS names "
    "FROM pg_class WHERE oid = to_regclass('audit_entries')"
)
_OWNER = sa.text(
    "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = to_regclass('audit_entries')"
)
_IS_TAKEN = sa.text("SELECT to_regclass(format('%I.%I', current_schema(), CAST(:name AS text))) IS NOT NULL")
_LAST_ID = sa.text("SELECT last_value FROM audit_entry_ids")
_MOVE = sa.text("SELECT setval('audit_entry_ids', :first)")

log = structlog.get_logger("gateway.schema")


def first_id(month: date) -> int:
    """Return the id at which the entries of a month begin. A month has room for 2^36 entries, 25,000 a second."""
    return ((month.year - 1970) * 12 + month.month - 1) << 36


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """The table of entries: its partitions, whether this user may change it, and the database's present month."""

    month: date
    partitioned: bool
    owned: bool
    names: Sequence[str]

    def missing(self) -> list[date]:
        """Return which of the present and the next month have no partition; none that is before the first month with one."""
        first = min((name for name in self.names if _MONTH.fullmatch(name)), default="")
        wanted = (self.month, _next(self.month))
        return [each for each in wanted if _name(each) not in self.names and _name(each) > first]


async def _read_state(connection: AsyncConnection, today: date | None) -> _State:
    found = (await connection.execute(_STATE)).one()
    month = (today or found.today).replace(day=1)
    return _State(month=month, partitioned=found.partitioned, owned=found.owned, names=found.names)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _name(month: date) -> str:
    return f"audit_entries_{month:%Y_%m}"


async def open_months(database: Database, *, today: date | None = None) -> None:
    """Make the partitions of the present and the next month, and let new entries go into the present one's.

    By the database's clock, unless `today` is given. Does nothing on SQLite, without partitions, and for a user who doesn't
    own the table: entries then go where they went before.

    Raises:
        StateWrong: another table has a partition's name. The other month is opened; without the present one's, entries go where
            they went before.
        StoreUnavailable: as every statement.
    """
    if database.embedded:
        return
    async with database.read() as connection:
        state = await _read_state(connection, today)
        if not (state.partitioned and state.owned):
            return
        is_open = (await connection.execute(_LAST_ID)).scalar_one() >= first_id(state.month)
    if is_open and not state.missing():
        return
    async with database.write() as transaction:
        await transaction.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        missing = (await _read_state(transaction, today)).missing()
        taken = await _find_taken(transaction, *map(_name, missing))
        for month in (each for each in missing if _name(each) not in taken):
            await _add(transaction, month)
        last = (await transaction.execute(_LAST_ID)).scalar_one()
        if last < first_id(state.month) and _name(state.month) not in taken:
            await transaction.execute(_MOVE, {"first": first_id(state.month)})
    _refuse(taken)


async def _find_taken(connection: AsyncConnection, *names: str) -> list[str]:
    """Return which names of partitions something else has, such as a table that a user made, or a detached partition."""
    return [name for name in names if (await connection.execute(_IS_TAKEN, {"name": name})).scalar_one()]


def _refuse(taken: Sequence[str]) -> None:
    if taken:
        raise StateWrong(
            f"{taken[0]} has the name of a partition of audit_entries and is none: rename it, or attach it again if it was "
            "detached; then run gateway migrate"
        )


async def _add(transaction: Transaction, month: date) -> None:
    """Add the partition of a month. It is attached, since `CREATE TABLE ... PARTITION OF` would wait for every reader."""
    name, first, end = _name(month), first_id(month), first_id(_next(month))
    await _run(
        transaction,
        f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'",
        f"CREATE TABLE {name} (LIKE audit_entries INCLUDING ALL)",
        f"ALTER TABLE {name} OWNER TO {await _find_owner(transaction)}",
        f"ALTER TABLE audit_entries ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
    )


async def _find_owner(transaction: Transaction) -> str:
    """Return the owner of the table, for statements. Who runs them may be another user, such as `postgres`."""
    return str((await transaction.execute(_OWNER)).scalar_one())


async def _run(transaction: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await transaction.execute(sa.text(statement))


async def partition_entries(database: Database) -> None:
    """Partition the table of entries of a PostgreSQL store while others write, and open the present month.

    The table becomes the first partition; no entry is copied. PostgreSQL checks first, while others write, that all its ids are
    below those of the present month. If one is not, which no gateway wrote, the table stays as it is, and the log says so.

    Raises:
        StateWrong: another table has a partition's name.
        StoreUnavailable: another program reads or writes the table; the call may be repeated.
    """
    async with database.read() as connection:
        state = await _read_state(connection, None)
    if not state.partitioned and state.owned and not await _partition(database, state.month):
        log.warning("entries_unpartitioned", remedy="gateway audit verify")
        return
    await open_months(database)


async def _partition(database: Database, month: date) -> bool:
    """Make the table the partition before a month; False if an entry's id is not before it."""
    first = first_id(month)
    wait, check = f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'", f"{_BEFORE}_months"
    drop = f"ALTER TABLE audit_entries DROP CONSTRAINT IF EXISTS {check}"
    add = f"ALTER TABLE audit_entries ADD CONSTRAINT {check} CHECK (id < {first}) NOT VALID"
    async with database.write() as transaction:
        _refuse(await _find_taken(transaction, _BEFORE, _name(month)))
        await _run(transaction, wait, drop, add)
    try:
        async with database.write() as transaction:
            await _run(
                transaction,
                "SET LOCAL statement_timeout = 0",
                f"ALTER TABLE audit_entries VALIDATE CONSTRAINT {check}",
            )
    except IntegrityError:
        async with database.write() as transaction:
            await _run(transaction, wait, drop)
        return False
    async with database.write() as transaction:
        await _run(transaction, wait, "LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE")
        await _swap(transaction, first)
        await _run(transaction, f"ALTER TABLE {_BEFORE} DROP CONSTRAINT {check}")
        await _add(transaction, month)
    return True


async def _swap(transaction: Transaction, first: int) -> None:
    found = await transaction.execute(
        sa.text(
            "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid "
            "WHERE indrelid = to_regclass('audit_entries')"
        )
    )
    names, owner = found.scalars().all(), await _find_owner(transaction)
    await _run(
        transaction,
        f"ALTER TABLE audit_entries RENAME TO {_BEFORE}",
        *(f'ALTER INDEX "{name}" RENAME TO "{name}_before"' for name in names),
        f"CREATE TABLE audit_entries (LIKE {_BEFORE} INCLUDING DEFAULTS) PARTITION BY RANGE (id)",
        f"ALTER TABLE audit_entries OWNER TO {owner}",
        "ALTER TABLE audit_entries ADD CONSTRAINT pk_audit_entries PRIMARY KEY (id, month)",
    )
    for index in sorted(audit_entries.indexes, key=lambda each: str(each.name)):
        await transaction.execute(sa.schema.CreateIndex(index))
    await transaction.execute(_GRANT)
    await _run(
        transaction,
        f"ALTER TABLE audit_entries ATTACH PARTITION {_BEFORE} FOR VALUES FROM (MINVALUE) TO ({first})",
    )


# A partition needs no rights of its own: whoever may use the table may use its partitions through it.
_GRANT = sa.text(
    "DO $$ DECLARE each record; BEGIN FOR each IN "
    "SELECT privilege, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee "
    "FROM pg_class, LATERAL (SELECT privilege_type AS privilege, grantee FROM aclexplode(relacl) UNION ALL "
    "SELECT format('%s (%I)', privilege_type, attname), grantee FROM pg_attribute, aclexplode(attacl) WHERE attrelid = oid) "
    "AS rights WHERE oid = to_regclass('audit_entries_before') AND grantee <> relowner "
    "LOOP EXECUTE format('GRANT %s ON audit_entries TO %s', each.privilege, each.grantee); END LOOP; END $$"
)


async def list_older(connection: AsyncConnection, *, before: str, erased: int) -> list[str]:
    """Return the tables that may have entries from before a month (`2026-12`): those of earlier months, and the first one.

    `erased` is the highest id that was erased just now, 0 if none was; its table and earlier ones are returned too. It can be in a
    later month: the database's clock chooses the partition, and the gateway's clock the month of an entry.
    """
    state = await _read_state(connection, None)
    if not state.partitioned:
        return ["audit_entries"]
    end = max(first_id(date.fromisoformat(f"{before}-01")), erased + 1)
    months = {name: _MONTH.fullmatch(name) for name in state.names}
    firsts = {name: first_id(date(int(each[1]), int(each[2]), 1)) for name, each in months.items() if each}
    return sorted(name for name in state.names if firsts.get(name, end - 1) < end)
