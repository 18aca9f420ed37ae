"""What a deployment remembers of itself: the address that the last `serve` listened on."""

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
_BASE = "base"


async def record_base(connection: AsyncConnection, base: str) -> None:
    """Remember the public address, for commands that print an issuer."""
    change = sa.update(deployment).where(deployment.c.name == _BASE).values(value=base)
    if (await connection.execute(change)).rowcount:
        return
    with contextlib.suppress(IntegrityError):  # another worker's first start was faster
        async with connection.begin_nested():
            await connection.execute(sa.insert(deployment).values(name=_BASE, value=base))


async def find_base(connection: AsyncConnection) -> str | None:
    """Return the address that was recorded last."""
    query = sa.select(deployment.c.value).where(deployment.c.name == _BASE)
    return (await connection.execute(query)).scalar_one_or_none()
