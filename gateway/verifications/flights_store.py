"""Questions on their way, whichever worker asks: a leased row a claim, kept a while after it landed. All its SQL."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.verifications.budgets_store import reservations

flights = sa.Table(
    "flights",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("act", sa.String(40), nullable=False),
    sa.Column("lease_ends_at", Instant, nullable=False, index=True),
    sa.Column("landed_at", Instant),
    sa.Column("verification", sa.String(40)),
    sa.Column("failure", sa.String(64)),
    sa.Column("registry_code", sa.String(64)),
)


# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_FIND = sa.select(flights).where(flights.c.key == sa.bindparam("key"))
_INSERT = sa.insert(flights)
_REPLACE = sa.update(flights).where(flights.c.key == sa.bindparam("old_key"))
_LAND = sa.update(flights).where(
    flights.c.key == sa.bindparam("own_key"), flights.c.act == sa.bindparam("own_act")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One question of `act`, on its way until it lands or its lease ends.

    It landed with a verification, or with a failure: a problem's code, and the registry's own where it gave one.
    """

    key: str
    act: str
    lease_ends_at: datetime
    landed_at: datetime | None = None
    verification: str | None = None
    failure: str | None = None
    registry_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """How a flight ended: with a verification, or with a failure as in `Flight`."""

    at: datetime
    verification: str | None = None
    failure: str | None = None
    registry_code: str | None = None


async def find_flight(connection: AsyncConnection, key: str) -> Flight | None:
    """Return what is known of a claim's last question."""
    row = (await connection.execute(_FIND, {"key": key})).first()
    return None if row is None else Flight(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


async def put_flight(connection: AsyncConnection, flight: Flight, *, former: Flight | None) -> None:
    """Start a flight, in the place of a former one; nobody else writes meanwhile."""
    members: dict[str, Any] = {column.name: getattr(flight, column.name) for column in flights.columns}
    if former is None:
        await connection.execute(_INSERT, members)
    else:
        await connection.execute(_REPLACE, members | {"old_key": former.key})


async def land(connection: AsyncConnection, act: str, landing: Landing, *, key: str) -> bool:
    """Say how an act's flight ended; False for one that lost its lease or was withdrawn, which says nothing."""
    how = {
        "landed_at": landing.at,
        "verification": landing.verification,
        "failure": landing.failure,
        "registry_code": landing.registry_code,
    }
    result = await connection.execute(_LAND, how | {"own_key": key, "own_act": act})
    return bool(result.rowcount)


async def withdraw(
    connection: AsyncConnection, *, profile: str, client_id: str, claim_keys: Collection[str]
) -> None:
    """Forget an account's flights of a claim that are on their way: what they bring is not kept, nor shared."""
    on_their_way = sa.select(reservations.c.act).where(
        reservations.c.profile == profile,
        reservations.c.client_id == client_id,
        reservations.c.claim_key.in_(claim_keys),
    )
    await connection.execute(
        sa.delete(flights).where(flights.c.landed_at.is_(None), flights.c.act.in_(on_their_way))
    )


async def delete_landed(connection: AsyncConnection, *, before: datetime) -> None:
    """Forget the flights whose lease ended before then."""
    await connection.execute(sa.delete(flights).where(flights.c.lease_ends_at < before))
