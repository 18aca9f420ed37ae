"""What a deployment remembers of itself: the address that the last `serve` listened on, its epoch, and how far the
audit's questions are known to have answers.

The epoch counts changes that every running worker must follow without a restart, such as a rotated key: workers
look at it five times a second and read anew what hangs on it when it has moved.
"""

import contextlib

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import metadata

deployment = sa.Table(
    "deployment",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(400), nullable=False),
)
_BASE, _EPOCH, _SETTLED = "base", "epoch", "audit_settled"
_MOST_DIGITS = 18
_OPERATORS = sa.table("operators")
_STANDINGS = sa.table("profile_standings", sa.column("two_people_since"))
"""By their names alone: whether there are operators is asked from below the rooms that these are of."""


async def record_base(connection: AsyncConnection, base: str) -> None:
    """Remember the public address, for commands that print an issuer."""
    await _record(connection, _BASE, base)


async def find_base(connection: AsyncConnection) -> str | None:
    """Return the address that was recorded last."""
    return await _find(connection, _BASE)


async def advance_epoch(connection: AsyncConnection) -> None:
    """Tell every worker to look again; inside a record of the audit, since two at once would count as one."""
    await _record(connection, _EPOCH, str(await read_epoch(connection) + 1))


async def read_epoch(connection: AsyncConnection) -> int:
    """Return the epoch, 0 before the first change."""
    return int(await _find(connection, _EPOCH) or 0)


async def record_settled(connection: AsyncConnection, row: int) -> None:
    """Remember up to which audit row every question has an answer; it never goes back."""
    await _record(connection, _SETTLED, str(max(row, await read_settled(connection))))


async def read_settled(connection: AsyncConnection) -> int:
    """Return up to which audit row every question is known to have an answer; 0 where the mark is no number."""
    return parse_row(await find_settled(connection) or "") or 0


def parse_row(mark: str) -> int | None:
    """Return the row number that a mark is; None for what no database counts to, or is no number."""
    return int(mark) if mark.isdecimal() and len(mark) <= _MOST_DIGITS else None


async def find_settled(connection: AsyncConnection) -> str | None:
    """Return the mark behind `read_settled` as it is stored, whatever it is."""
    return await _find(connection, _SETTLED)


async def has_operators(connection: AsyncConnection) -> bool:
    """Say whether there is, or was, any operator, whatever rows were lost: the host alone then only suspends on official."""
    kept = sa.select(sa.literal(1)).where(_STANDINGS.c.two_people_since.is_not(None))
    query = sa.union_all(sa.select(sa.literal(1)).select_from(_OPERATORS), kept).limit(1)
    return (await connection.execute(query)).first() is not None


async def _record(connection: AsyncConnection, name: str, value: str) -> None:
    change = sa.update(deployment).where(deployment.c.name == name).values(value=value)
    if (await connection.execute(change)).rowcount:
        return
    with contextlib.suppress(IntegrityError):  # another worker's first start was faster
        async with connection.begin_nested():
            await connection.execute(sa.insert(deployment).values(name=name, value=value))


async def _find(connection: AsyncConnection, name: str) -> str | None:
    query = sa.select(deployment.c.value).where(deployment.c.name == name)
    return (await connection.execute(query)).scalar_one_or_none()
