"""Wrong claims at rest: those counted by their verification, and those in flight by a reservation."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.verifications.claim_keys import ClaimKeys
from gateway.verifications.model import Verdict
from gateway.verifications.store import verifications

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("act", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("client_id", sa.String(40), nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("claim_key", sa.String(64), nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A place in both budgets, held until `ends_at` at the latest: a worker that died gives it back."""

    act: str
    profile: str
    client_id: str
    organisation: str
    subject: str
    claim_key: str
    ends_at: datetime


async def insert_reservation(connection: AsyncConnection, reservation: Reservation) -> None:
    """Add a reservation."""
    members = {column.name: getattr(reservation, column.name) for column in reservations.columns}
    await connection.execute(sa.insert(reservations).values(members))


async def delete_reservation(connection: AsyncConnection, act: str) -> None:
    """Drop an act's reservation, where it has one."""
    await connection.execute(sa.delete(reservations).where(reservations.c.act == act))


async def unite_claim(connection: AsyncConnection, claim: ClaimKeys) -> None:
    """Bring an organisation's reservations of one claim, made under other look-up keys, under the serving one."""
    await connection.execute(
        sa.update(reservations)
        .where(
            reservations.c.profile == claim.profile.value,
            reservations.c.organisation == claim.organisation,
            reservations.c.subject == claim.subject,
            reservations.c.claim_key.in_(claim.others),
        )
        .values(claim_key=claim.current)
    )


async def delete_ended(connection: AsyncConnection, *, now: datetime) -> None:
    """Drop what was never given back."""
    await connection.execute(sa.delete(reservations).where(reservations.c.ends_at < now))


async def list_claims_of_account(
    connection: AsyncConnection, *, profile: str, client_id: str, since: datetime, now: datetime
) -> set[str]:
    """Return an account's distinct claims that were wrong since then, or are in flight."""
    return await _list_claims(
        connection,
        _wrong(since).where(verifications.c.profile == profile, verifications.c.client_id == client_id),
        _in_flight(now).where(reservations.c.profile == profile, reservations.c.client_id == client_id),
    )


async def list_claims_on_subject(
    connection: AsyncConnection,
    *,
    profile: str,
    organisation: str,
    subject: str,
    since: datetime,
    now: datetime,
) -> set[str]:
    """Return an organisation's distinct claims on one number that were wrong since then, or are in flight."""
    return await _list_claims(
        connection,
        _wrong(since).where(
            verifications.c.profile == profile,
            verifications.c.organisation == organisation,
            verifications.c.subject == subject,
        ),
        _in_flight(now).where(
            reservations.c.profile == profile,
            reservations.c.organisation == organisation,
            reservations.c.subject == subject,
        ),
    )


async def count_wrong_claims_of_account(
    connection: AsyncConnection, *, profile: str, client_id: str, since: datetime
) -> int:
    """Return how many distinct claims of an account were wrong since then."""
    wrong = _wrong(since).where(verifications.c.profile == profile, verifications.c.client_id == client_id)
    return int(
        (await connection.execute(sa.select(sa.func.count()).select_from(wrong.subquery()))).scalar_one()
    )


def _wrong(since: datetime) -> sa.Select[str]:
    return (
        sa.select(verifications.c.claim_key)
        .distinct()
        .where(
            verifications.c.verdict == Verdict.NOT_CONFIRMED.value,
            verifications.c.verified_at > since,
        )
    )


def _in_flight(now: datetime) -> sa.Select[str]:
    return sa.select(reservations.c.claim_key).distinct().where(reservations.c.ends_at >= now)


async def _list_claims(connection: AsyncConnection, *queries: sa.Select[str]) -> set[str]:
    found: set[str] = set()
    for query in queries:
        found |= set((await connection.execute(query)).scalars())
    return found
