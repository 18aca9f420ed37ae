"""Values of a deployment: its public address, its epoch, two marks of the audit, and one of a migration.

One mark says up to which audit entry every question has an answer, the other how many rows have no MAC (`audit/model.py`).

The epoch counts changes that every running worker must apply without a restart, such as a rotated key: workers read keys
and profiles again when it has changed (`profiles/places.py`).
"""

import contextlib

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors.operators import SchemaOld
from gateway.storage.database import metadata
from gateway.storage.driver import ConnectionTransaction, Reader, fetch_plain
from gateway.storage.statements import HotStatement

deployment = sa.Table(
    "deployment",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(400), nullable=False),
)
_BASE, _SETTLED, _PROBE, _MARK = "base", "audit_settled", "probe", "audit_mark"
_OLDEST, _FILLED = "oldest_program", "filled_0027"
EPOCH = "epoch"
_IS_EPOCH = deployment.c.name == EPOCH
# In hexadecimal: SQLite may have text that is no UTF-8 there, and the driver reads no row with such a text.
_FIND_EPOCH = HotStatement(
    sa.select(sa.func.hex(deployment.c.value)).where(_IS_EPOCH),
    postgresql=sa.select(
        sa.func.encode(sa.func.convert_to(deployment.c.value, sa.text("'UTF8'")), sa.text("'hex'"))
    ).where(_IS_EPOCH),
)
_MAX_DIGITS = 18
_OPERATORS = sa.table("operators")
_PROFILE_STATES = sa.table("profile_standings", sa.column("two_people_since"))
"""Repeated here, since this file must not import the files that define these tables (import contract)."""


async def record_base(connection: AsyncConnection, base: str) -> None:
    """Store the public address, for commands that print an issuer."""
    await _record(connection, _BASE, base)


async def record_probe(connection: AsyncConnection, mark: str) -> None:
    """Store a mark that nobody reads, to find out whether the store can be written."""
    await _record(connection, _PROBE, mark)


async def record_oldest_program(connection: AsyncConnection, revision: str) -> None:
    """Store the newest revision of the oldest program that may run on the present schema."""
    await _record(connection, _OLDEST, revision)


async def find_oldest_program(connection: AsyncConnection) -> str | None:
    """Return what `record_oldest_program` stored."""
    found = await _find(connection, _OLDEST)
    return None if found is None else str(found)  # SQLite may have bytes there


async def is_filled(connection: AsyncConnection) -> bool:
    """Return whether every audit entry has the columns of revision 0027, which `gateway migrate` fills after its transaction."""
    return await _find(connection, _FILLED) is None


async def require_filled(connection: AsyncConnection) -> None:
    """Raise `SchemaOld` unless `is_filled`: old entries are then not found by account or by request."""
    if not await is_filled(connection):
        raise SchemaOld(
            "the migration is not complete, and old audit entries lack columns: wait for `gateway migrate`, or run it again"
        )


async def find_base(connection: AsyncConnection) -> str | None:
    """Return the address that was stored last; None if it is no text that can be printed."""
    found = await _find(connection, _BASE)
    return found if isinstance(found, str) and found.isprintable() else None


async def advance_epoch(connection: AsyncConnection) -> None:
    """Increment the epoch, so that every worker refreshes. Call it inside an audit record: else two at once count as one."""
    await _record(connection, EPOCH, str(await read_epoch(connection) + 1))


async def read_epoch(connection: AsyncConnection) -> int:
    """Return the epoch, 0 before the first change, and if the stored one is not a number: the next change counts on from 0."""
    return await fetch_epoch(ConnectionTransaction(connection))


async def fetch_epoch(reader: Reader) -> int:
    """Return the epoch, as `read_epoch`, by a hot statement."""
    rows = await reader.fetch(_FIND_EPOCH, {})
    stored = bytes.fromhex(rows[0][0]) if rows else b""
    return parse_entry_id(stored.decode(errors="replace")) or 0


async def record_settled(connection: AsyncConnection, entry: int) -> None:
    """Store up to which audit entry every question has an answer; it never decreases."""
    await _record(connection, _SETTLED, str(max(entry, await read_settled(connection))))


async def read_settled(connection: AsyncConnection) -> int:
    """Return up to which audit entry every question has an answer; 0 if the stored mark is not a number."""
    return parse_entry_id(await find_settled(connection) or "") or 0


def parse_entry_id(mark: str) -> int | None:
    """Return a mark as the id of an entry; None if it is not a number, or too large for one."""
    text = str(mark)  # SQLite may have bytes there
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


async def find_settled(connection: AsyncConnection) -> str | None:
    """Return the stored mark of `read_settled`, unparsed."""
    return await _find(connection, _SETTLED)


async def record_mark(connection: AsyncConnection, mark: str) -> None:
    """Store the mark of the rows without a MAC."""
    await _record(connection, _MARK, mark)


async def find_mark(connection: AsyncConnection) -> str | None:
    """Return the stored mark of the rows without a MAC."""
    return await _find(connection, _MARK)


async def has_operators(connection: AsyncConnection) -> bool:
    """Return whether there is or was an operator, even if its row was lost: then only a sign-in may change official."""
    kept = sa.select(sa.literal(1)).where(_PROFILE_STATES.c.two_people_since.is_not(None))
    query = sa.union_all(sa.select(sa.literal(1)).select_from(_OPERATORS), kept).limit(1)
    return (await connection.execute(query)).first() is not None


async def _record(connection: AsyncConnection, name: str, value: str) -> None:
    change = sa.update(deployment).where(deployment.c.name == name).values(value=value)
    if (await connection.execute(change)).rowcount:
        return
    with contextlib.suppress(IntegrityError):  # another worker's first start inserted it
        async with connection.begin_nested():
            await connection.execute(sa.insert(deployment).values(name=name, value=value))


async def _find(connection: AsyncConnection, name: str) -> str | None:
    query = sa.select(deployment.c.value).where(deployment.c.name == name)
    found = await fetch_plain(connection, query)
    return found[0][0] if found else None
