"""Wrong claims at rest: those counted by their verification, and those in flight by a reservation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.verifications.claim_keys import ClaimKeys
from gateway.verifications.store import WRONG, verifications

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
    """A place in the budgets, held until `ends_at` at the latest: a worker that died gives it back.

    A prefill makes no claim: its `subject` and `claim_key` are empty, and it counts among no wrong claims.
    """

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
    await connection.execute(_RESERVE, members)


async def delete_reservation(connection: AsyncConnection, act: str) -> None:
    """Drop an act's reservation, where it has one."""
    await connection.execute(_GIVE_BACK, {"own_act": act})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """How many distinct claims count in each budget, and whether the one in question is among them."""

    account: int
    in_account: bool
    subject: int
    in_subject: bool


async def read_spending(
    connection: AsyncConnection,
    wanted: Reservation,
    subjects: Iterable[str],
    *,
    hour: datetime,
    day: datetime,
    now: datetime,
) -> Spending:
    """Return what counts: an account's wrong claims since `hour`, those on `subjects` since `day`, and all in flight."""
    members: dict[str, object] = {name: getattr(wanted, name) for name in _ASKED}
    members["subjects"] = sorted(subjects)
    row = (await connection.execute(_SPENDING, members | {"hour": hour, "day": day, "now": now})).one()
    return Spending(
        account=row.account,
        in_account=bool(row.in_account),
        subject=row.subject,
        in_subject=bool(row.in_subject),
    )


async def count_wrong_claims_of_account(
    connection: AsyncConnection, *, profile: str, client_id: str, since: datetime
) -> int:
    """Return how many distinct claims of an account were wrong since then."""
    members = {"profile": profile, "client_id": client_id, "hour": since}
    return int((await connection.execute(_WRONG_OF_ACCOUNT, members)).scalar_one())


def _wrong(since: str, *columns: str) -> sa.Select[str]:
    return sa.select(verifications.c.claim_key).where(
        WRONG,
        verifications.c.verified_at > sa.bindparam(since),
        *(_is_asked(verifications, name) for name in columns),
    )


def _in_flight(*columns: str) -> sa.Select[str]:
    return sa.select(reservations.c.claim_key).where(
        reservations.c.ends_at >= sa.bindparam("now"),
        reservations.c.claim_key != sa.literal_column("''"),
        *(_is_asked(reservations, name) for name in columns),
    )


def _is_asked(table: sa.Table, name: str) -> sa.ColumnElement[bool]:
    if name == "subject":
        return table.c.subject.in_(sa.bindparam("subjects", expanding=True))
    return table.c[name] == sa.bindparam(name)


def _budget(name: str, since: str, *columns: str) -> sa.Subquery:
    """Return one row: how many distinct claims count in a budget, and whether `claim_key` is among them."""
    counted = sa.union_all(_wrong(since, *columns), _in_flight(*columns)).subquery()
    is_in = sa.case((counted.c.claim_key == sa.bindparam("claim_key"), 1), else_=0)
    return sa.select(
        sa.func.count(counted.c.claim_key.distinct()).label(name),
        sa.func.coalesce(sa.func.max(is_in), 0).label(f"in_{name}"),
    ).subquery()


# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_RESERVE = sa.insert(reservations)
_GIVE_BACK = sa.delete(reservations).where(reservations.c.act == sa.bindparam("own_act"))
_ASKED = ("profile", "client_id", "organisation", "claim_key")
_OF_ACCOUNT = ("profile", "client_id")
_WRONG_OF_ACCOUNT = sa.select(
    sa.func.count(_wrong("hour", *_OF_ACCOUNT).subquery().c.claim_key.distinct()).label("wrong")
)
_ACCOUNT = _budget("account", "hour", *_OF_ACCOUNT)
_SUBJECT = _budget("subject", "day", "profile", "organisation", "subject")
_SPENDING = sa.select(_ACCOUNT, _SUBJECT).select_from(_ACCOUNT.join(_SUBJECT, sa.true()))
