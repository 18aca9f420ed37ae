"""Values of a deployment: its public address, its epoch, and two marks of the audit.

One mark says up to which audit entry every question has an answer, the other how many rows have no MAC (`audit/macs.py`).

The epoch counts changes that every running worker must apply without a restart, such as a rotated key: workers read keys
and profiles again when it has changed (`profiles/epochs.py`).
"""

import contextlib

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.database import Database, metadata
from gateway.storage.statements import HotStatement

deployment = sa.Table(
    "deployment",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(400), nullable=False),
)
_BASE, _SETTLED, _PROBE, _MARK = "base", "audit_settled", "probe", "audit_mark"
_OLDEST = "oldest_program"
EPOCH = "epoch"
_FIND = HotStatement(sa.select(deployment.c.value).where(deployment.c.name == sa.bindparam("name")))
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
    return await _find(connection, _OLDEST)


async def find_base(connection: AsyncConnection) -> str | None:
    """Return the address that was stored last."""
    return await _find(connection, _BASE)


async def advance_epoch(connection: AsyncConnection) -> None:
    """Increment the epoch, so that every worker refreshes. Call it inside an audit record: else two at once count as one."""
    await _record(connection, EPOCH, str(await read_epoch(connection) + 1))


async def read_epoch(connection: AsyncConnection) -> int:
    """Return the epoch, 0 before the first change, and if the stored one is not a number: the next change counts on from 0."""
    return parse_entry_id(await _find(connection, EPOCH) or "") or 0


async def fetch_epoch(database: Database) -> int:
    """Return the epoch, as `read_epoch`, by a hot statement."""
    rows = await database.fetch(_FIND, {"name": EPOCH})
    return parse_entry_id(rows[0][0] if rows else "") or 0


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
    return (await connection.execute(query)).scalar_one_or_none()
