"""Keys at rest: each sealed under the master key, bound to its row. All SQL of this room."""

import contextlib
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.keys.model import Key, Purpose
from gateway.keys.sealing import SealBroken, seal, unseal
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
    sa.Column("accepted_until", Instant),
    sa.UniqueConstraint("profile", "purpose", "serial"),
)
_INSERT = sa.insert(keys)


async def insert_or_skip(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Add a key; where another worker was first with this serial, theirs stays."""
    first = _INSERT.execution_options(
        unrecorded="a first start has no audit yet; the seal shows who made a key"
    )
    with contextlib.suppress(IntegrityError):
        async with connection.begin_nested():
            await connection.execute(first, _row(key, master))


async def insert_key(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Add a key, sealed."""
    await connection.execute(_INSERT, _row(key, master))


async def end_key(connection: AsyncConnection, kid: str, *, at: datetime) -> None:
    """Say until when a key is accepted."""
    await connection.execute(sa.update(keys).where(keys.c.kid == kid).values(accepted_until=at))


async def opens_keys(connection: AsyncConnection, *, master: bytes) -> bool:
    """Say whether a master key opens every key that is there."""
    try:
        await list_keys(connection, master=master)
    except SealBroken:
        return False
    return True


async def reseal_keys(transaction: AsyncConnection, *, former: bytes, master: bytes) -> int:
    """Seal every key under another master key; return how many. Raises `SealBroken` where the former opens none."""
    if transaction.dialect.name == "postgresql":
        # A first start elsewhere, which holds the former key, must add none meanwhile: it would be lost.
        await transaction.execute(sa.text("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE"))
    found = await list_keys(transaction, master=former)
    for key in found:
        change = sa.update(keys).where(keys.c.kid == key.kid).values(sealed=_seal(key, master))
        await transaction.execute(change)
    return len(found)


async def list_keys(connection: AsyncConnection, *, master: bytes) -> Sequence[Key]:
    """Return every key, unsealed. Raises `SealBroken` under a wrong master key."""
    rows = await connection.execute(sa.select(keys).order_by(keys.c.profile, keys.c.purpose, keys.c.serial))
    return [_key(row, master) for row in rows]


def _row(key: Key, master: bytes) -> dict[str, object]:
    return {
        "kid": key.kid,
        "profile": key.profile.value,
        "purpose": key.purpose.value,
        "serial": key.serial,
        "sealed": _seal(key, master),
        "created_at": key.created_at,
        "serves_from": key.serves_from,
        "accepted_until": key.accepted_until,
    }


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
        accepted_until=row.accepted_until,
    )


def _seal(key: Key, master: bytes) -> bytes:
    return seal(master, key.material, place=_place(key.kid, key.profile, key.purpose))


def _place(kid: str, profile: Profile, purpose: Purpose) -> str:
    return f"key/{profile.value}/{purpose.value}/{kid}"
