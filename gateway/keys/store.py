"""Keys at rest: each sealed under the master key, bound to its row. All SQL of this room."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.keys.model import Key, Purpose
from gateway.keys.sealing import seal, unseal
from gateway.places import Profile

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("kid", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("serves_from", Instant, nullable=False),
    sa.UniqueConstraint("profile", "purpose", "serial"),
)


async def insert_or_skip(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Add a key; where another worker was first with this serial, theirs stays."""
    sealed = seal(master, key.material, place=_place(key.kid, key.profile, key.purpose))
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(keys).values(
                    kid=key.kid,
                    profile=key.profile.value,
                    purpose=key.purpose.value,
                    serial=key.serial,
                    sealed=sealed,
                    created_at=key.created_at,
                    serves_from=key.serves_from,
                )
            )
    except IntegrityError:
        return


async def list_keys(connection: AsyncConnection, *, master: bytes) -> Sequence[Key]:
    """Return every key, unsealed. Raises `SealBroken` under a wrong master key."""
    rows = await connection.execute(sa.select(keys).order_by(keys.c.profile, keys.c.purpose, keys.c.serial))
    return [_key(row, master) for row in rows]


def _key(row: sa.Row[tuple[object, ...]], master: bytes) -> Key:
    profile, purpose = Profile(row.profile), Purpose(row.purpose)
    return Key(
        kid=row.kid,
        profile=profile,
        purpose=purpose,
        serial=row.serial,
        material=unseal(master, row.sealed, place=_place(row.kid, profile, purpose)),
        created_at=row.created_at,
        serves_from=row.serves_from,
    )


def _place(kid: str, profile: Profile, purpose: Purpose) -> str:
    return f"key/{profile.value}/{purpose.value}/{kid}"
