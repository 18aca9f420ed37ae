"""Idempotent requests at rest: who holds the lease, and the answer, sealed. All SQL of this room.

One statement decides each step, so that of two workers one wins: INSERT takes a free slot, a conditional UPDATE
one whose former row has had its time, and only the holder of the lease can keep an answer or give the slot up.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.idempotency.model import Held, Slot

idempotent_requests = sa.Table(
    "idempotent_requests",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), primary_key=True),
    sa.Column("route", sa.String(128), primary_key=True),
    sa.Column("key_digest", sa.String(64), primary_key=True),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("lease", sa.String(40), nullable=False),
    sa.Column("lease_ends_at", Instant, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("verification", sa.String(40)),
    sa.Column("answer_ends_at", Instant),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)

_rows = idempotent_requests.c
_HELD = (
    "body_digest", "lease", "lease_ends_at", "status", "sealed", "verification", "answer_ends_at", "expires_at",
)  # fmt: skip


async def find_held(connection: AsyncConnection, slot: Slot) -> Held | None:
    """Return what is stored of a request, whether its time is over or not."""
    query = sa.select(*(_rows[name] for name in _HELD)).where(*_at(slot))
    row = (await connection.execute(query)).first()
    return None if row is None else Held(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


async def take(connection: AsyncConnection, slot: Slot, held: Held, *, former: Held | None) -> bool:
    """Put a lease into a free slot, or in the place of `former`; False where another was first."""
    members = {name: getattr(held, name) for name in _HELD}
    if former is not None:
        return await _update(connection, slot, former.lease, members, status=former.status)
    row = {"profile": slot.profile.value, "client_id": slot.client_id, "route": slot.route}
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(idempotent_requests).values(row | {"key_digest": slot.key_digest} | members)
            )
    except IntegrityError:
        return False
    return True


async def keep(
    connection: AsyncConnection,
    slot: Slot,
    lease: str,
    *,
    status: int,
    sealed: bytes,
    verification: str | None,
    answer_ends_at: datetime,
) -> bool:
    """Keep the answer of a lease's holder; False where the lease is another's by now."""
    members = {
        "status": status,
        "sealed": sealed,
        "verification": verification,
        "answer_ends_at": answer_ends_at,
    }
    return await _update(connection, slot, lease, members, status=None)


async def give_up(connection: AsyncConnection, slot: Slot, lease: str) -> None:
    """Free the slot of a lease that brought no answer; another's stays."""
    await connection.execute(
        sa.delete(idempotent_requests).where(*_at(slot), _rows.lease == lease, _rows.status.is_(None))
    )


async def delete_ended(connection: AsyncConnection, *, now: datetime) -> int:
    """Delete the answers and the requests whose time is over; return how many answers there were."""
    answers = await connection.execute(
        sa.update(idempotent_requests)
        .where(_rows.answer_ends_at <= now, _rows.sealed.is_not(None))
        .values(sealed=None)
    )
    await connection.execute(sa.delete(idempotent_requests).where(_rows.expires_at <= now))
    return int(answers.rowcount)


async def _update(
    connection: AsyncConnection, slot: Slot, lease: str, members: dict[str, Any], **still: object
) -> bool:
    """Change a row while it is as it was seen: of the same lease, and `still` like this."""
    unchanged = (_rows[name].is_not_distinct_from(value) for name, value in still.items())
    result = await connection.execute(
        sa.update(idempotent_requests).where(*_at(slot), _rows.lease == lease, *unchanged).values(members)
    )
    return int(result.rowcount) == 1


def _at(slot: Slot) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _rows.profile == slot.profile.value,
        _rows.client_id == slot.client_id,
        _rows.route == slot.route,
        _rows.key_digest == slot.key_digest,
    )
