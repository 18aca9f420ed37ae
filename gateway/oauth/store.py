"""Single-use ids and revoked tokens. A UNIQUE insert decides, so that two workers never both win."""

import hashlib
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata

spent_ids = sa.Table(
    "spent_ids",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("owner", sa.String(80), primary_key=True),
    sa.Column("jti", sa.String(128), primary_key=True),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
revoked_tokens = sa.Table(
    "revoked_tokens",
    metadata,
    sa.Column("jti", sa.String(40), primary_key=True),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
_FIND_SPENT = sa.select(spent_ids.c.jti).where(
    spent_ids.c.kind == sa.bindparam("kind"),
    spent_ids.c.owner == sa.bindparam("owner"),
    spent_ids.c.jti == sa.bindparam("jti"),
)
_FIND_REVOKED = sa.select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == sa.bindparam("jti"))


async def spend(
    connection: AsyncConnection, *, kind: str, owner: str, jti: str, expires_at: datetime
) -> bool:
    """Use up an id of this owner; False where it was used before.

    The caller chose the id, which could be a person's number: only its digest is kept, until it has expired.
    """
    digest = hashlib.sha256(f"{kind}|{owner}|{jti}".encode()).hexdigest()
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(spent_ids).values(kind=kind, owner=owner, jti=digest, expires_at=expires_at)
            )
    except IntegrityError:
        return False
    return True


async def is_spent(connection: AsyncConnection, *, kind: str, owner: str, jti: str) -> bool:
    """Say whether an id of this owner was used before; who uses it up is decided by `spend`."""
    found = await connection.execute(_FIND_SPENT, {"kind": kind, "owner": owner, "jti": jti})
    return found.first() is not None


async def insert_revoked(connection: AsyncConnection, *, jti: str, expires_at: datetime) -> None:
    """Remember a revoked token until it would have expired."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(revoked_tokens).values(jti=jti, expires_at=expires_at))
    except IntegrityError:
        return  # revoked already, perhaps by another worker just now


async def is_revoked(connection: AsyncConnection, jti: str) -> bool:
    """Say whether the token was revoked."""
    return (await connection.execute(_FIND_REVOKED, {"jti": jti})).first() is not None


async def delete_expired(connection: AsyncConnection, *, at: datetime) -> None:
    """Forget what can no longer be replayed."""
    for table in (spent_ids, revoked_tokens):
        await connection.execute(sa.delete(table).where(table.c.expires_at < at))
