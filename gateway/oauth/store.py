"""Used ids and revoked tokens. A UNIQUE insert decides, so that only one of two workers succeeds."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.model import Account
from gateway.accounts.store import account_of, accounts
from gateway.audit.log import HotChange, HotRecord
from gateway.storage.database import Database, Instant, metadata
from gateway.storage.driver import DriverTransaction, lock_key
from gateway.storage.statements import HotStatement

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
_FIND_SPENT = HotStatement(
    sa.select(spent_ids.c.jti).where(
        spent_ids.c.kind == sa.bindparam("kind"),
        spent_ids.c.owner == sa.bindparam("owner"),
        spent_ids.c.jti == sa.bindparam("jti"),
    )
)
_SPEND = HotStatement(
    from_insert=lambda insert: insert(spent_ids).on_conflict_do_nothing().returning(spent_ids.c.jti)
)
_FIND_REVOKED = sa.select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == sa.bindparam("jti"))
_FIND_HOLDER = sa.select(accounts).where(
    accounts.c.client_id == sa.bindparam("client_id"), ~_FIND_REVOKED.exists()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleUse:
    """An id that its owner uses once. The owner chose it: only a digest is stored, until it has expired."""

    kind: str
    owner: str
    jti: str
    expires_at: datetime


async def _apply_single_uses(transaction: DriverTransaction, records: Sequence[HotRecord[SingleUse]]) -> None:
    """Use up ids. The result of each is False if it was used before."""
    for record in records:
        value = record.value
        members = {"kind": value.kind, "owner": value.owner, "expires_at": value.expires_at}
        digest = _digest(value.kind, value.owner, value.jti)
        record.result = bool(await transaction.fetch(_SPEND, members | {"jti": digest}))


async def _find_locks(_: DriverTransaction, records: Sequence[HotRecord[SingleUse]]) -> Iterable[int]:
    return [lock_key("id", each.value.kind, each.value.owner, each.value.jti) for each in records]


SINGLE_USES = HotChange(apply=_apply_single_uses, find_locks=_find_locks)


async def is_spent(database: Database, *, kind: str, owner: str, jti: str) -> bool:
    """Return whether an id of this owner was used before; only a `SingleUse` decides finally."""
    members = {"kind": kind, "owner": owner, "jti": _digest(kind, owner, jti)}
    return bool(await database.fetch(_FIND_SPENT, members))


def _digest(kind: str, owner: str, jti: str) -> str:
    return hashlib.sha256(f"{kind}|{owner}|{jti}".encode()).hexdigest()


async def insert_revoked(connection: AsyncConnection, *, jti: str, expires_at: datetime) -> None:
    """Store a revoked token until its expiry."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(revoked_tokens).values(jti=jti, expires_at=expires_at))
    except IntegrityError:
        return  # revoked already, perhaps by another worker


async def is_revoked(connection: AsyncConnection, jti: str) -> bool:
    """Return whether the token was revoked."""
    return (await connection.execute(_FIND_REVOKED, {"jti": jti})).first() is not None


async def find_holder(connection: AsyncConnection, client_id: str, jti: str) -> Account | None:
    """Return the account that a token is for, whatever its profile and state; None for a revoked token too."""
    row = (await connection.execute(_FIND_HOLDER, {"client_id": client_id, "jti": jti})).first()
    return account_of(row) if row else None


async def delete_expired(connection: AsyncConnection, *, at: datetime) -> None:
    """Delete ids and tokens that have expired and can't be replayed."""
    for table in (spent_ids, revoked_tokens):
        await connection.execute(sa.delete(table).where(table.c.expires_at < at))
