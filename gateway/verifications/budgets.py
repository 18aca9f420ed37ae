"""Budgets of wrong claims: per account and hour, and per number asked and organisation in a day.

A place is reserved with the `intended` row, in one transaction, so that a hundred claims at once can't pass
together; it is given back when the registry confirms or fails. A claim that was not confirmed before costs
nothing again, whichever account of the organisation made it where the number's budget is concerned. Whether
the number exists makes no difference. Source: the contract's budgets.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.errors import EnquiryBudgetSpent
from gateway.profiles.model import Policy
from gateway.verifications.model import Verdict
from gateway.verifications.store import lock_organisation, verifications

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

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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


async def reserve(connection: AsyncConnection, wanted: Reservation, policy: Policy, *, now: datetime) -> None:
    """Take a place in both budgets, inside a write transaction.

    Raises:
        EnquiryBudgetSpent: one of them is full and did not count this claim before.
    """
    await lock_organisation(connection, profile=wanted.profile, organisation=wanted.organisation)
    account = await _wrong_claims(connection, wanted, by_subject=False, now=now)
    if wanted.claim_key not in account and len(account) >= policy.budget_account_hour:
        raise EnquiryBudgetSpent(int(HOUR.total_seconds()))
    subject = await _wrong_claims(connection, wanted, by_subject=True, now=now)
    if wanted.claim_key not in subject and len(subject) >= policy.budget_subject_day:
        raise EnquiryBudgetSpent(int(DAY.total_seconds()))
    await connection.execute(
        sa.insert(reservations).values(
            act=wanted.act,
            profile=wanted.profile,
            client_id=wanted.client_id,
            organisation=wanted.organisation,
            subject=wanted.subject,
            claim_key=wanted.claim_key,
            ends_at=wanted.ends_at,
        )
    )


async def give_back(connection: AsyncConnection, act: str) -> None:
    """End a reservation: what was not confirmed counts by its verification from now on."""
    await connection.execute(sa.delete(reservations).where(reservations.c.act == act))


async def delete_ended(connection: AsyncConnection, *, now: datetime) -> None:
    """Drop what was never given back."""
    await connection.execute(sa.delete(reservations).where(reservations.c.ends_at < now))


async def count_account_hour(
    connection: AsyncConnection, *, profile: str, client_id: str, now: datetime
) -> int:
    """Return how many distinct wrong claims an account has made in the last hour."""
    query = sa.select(sa.func.count(verifications.c.claim_key.distinct())).where(
        verifications.c.profile == profile,
        verifications.c.client_id == client_id,
        verifications.c.verdict == Verdict.NOT_CONFIRMED.value,
        verifications.c.verified_at > now - HOUR,
    )
    return int((await connection.execute(query)).scalar_one())


async def _wrong_claims(
    connection: AsyncConnection, wanted: Reservation, *, by_subject: bool, now: datetime
) -> set[str]:
    """Return the distinct claims counted or in flight, by account in an hour or by number in a day."""
    found: set[str] = set()
    for table in (verifications, reservations):
        query = sa.select(table.c.claim_key).distinct().where(table.c.profile == wanted.profile)
        if by_subject:
            query = query.where(
                table.c.organisation == wanted.organisation, table.c.subject == wanted.subject
            )
        else:
            query = query.where(table.c.client_id == wanted.client_id)
        if table is verifications:
            since = now - (DAY if by_subject else HOUR)
            query = query.where(table.c.verdict == Verdict.NOT_CONFIRMED.value, table.c.verified_at > since)
        else:
            query = query.where(table.c.ends_at >= now)
        found |= set((await connection.execute(query)).scalars())
    return found
