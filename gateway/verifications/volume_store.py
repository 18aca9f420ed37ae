"""Answered enquiries at rest: a count an account and five minutes, so that a window is summed over 289 rows at most."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.places import Profile
from gateway.profiles.alarms_store import WINDOWS
from gateway.verifications.budgets_store import reservations

SPAN = timedelta(minutes=5)
"""Of how long one count is. A count is in a window until all of it is past: a window is never shorter than it says."""

enquiry_counts = sa.Table(
    "enquiry_counts",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("since", Instant, primary_key=True, index=True),
    sa.Column("answered", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What an account was answered in one budget's window, what it has in flight, and when the first of it is past."""

    answered: int
    in_flight: int
    frees_at: datetime | None

    @property
    def used(self) -> int:
        """Return how many places are taken."""
        return self.answered + self.in_flight


_ACCOUNT = ("profile", "client_id")
_HOUR = enquiry_counts.c.since > sa.bindparam("hour")
_OWN = [enquiry_counts.c[name] == sa.bindparam(name) for name in _ACCOUNT]
_IN_FLIGHT = (
    sa.select(sa.func.count())
    .select_from(reservations)
    .where(
        reservations.c.ends_at >= sa.bindparam("now"),
        *(reservations.c[name] == sa.bindparam(name) for name in _ACCOUNT),
    )
    .scalar_subquery()
)
# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_VOLUMES = sa.select(
    sa.func.coalesce(sa.func.sum(enquiry_counts.c.answered).filter(_HOUR), 0).label("confirmed_hour"),
    sa.func.coalesce(sa.func.sum(enquiry_counts.c.answered), 0).label("confirmed_day"),
    sa.func.min(enquiry_counts.c.since).filter(_HOUR).label("first_confirmed_hour"),
    sa.func.min(enquiry_counts.c.since).label("first_confirmed_day"),
    _IN_FLIGHT.label("in_flight"),
).where(*_OWN, enquiry_counts.c.since > sa.bindparam("day"))
_ADD = (
    sa.update(enquiry_counts)
    .where(*(enquiry_counts.c[name] == sa.bindparam(f"own_{name}") for name in (*_ACCOUNT, "since")))
    .values(answered=enquiry_counts.c.answered + 1)
)
_BEGIN = sa.insert(enquiry_counts)


async def read_volumes(
    connection: AsyncConnection, *, profile: Profile, client_id: str, now: datetime
) -> dict[str, Volume]:
    """Return what an account has used of each budget of answered enquiries."""
    windows = {"hour": WINDOWS["confirmed_hour"], "day": WINDOWS["confirmed_day"]}
    since = {name: now - window - SPAN for name, window in windows.items()}
    members = {"profile": profile.value, "client_id": client_id, "now": now} | since
    row = (await connection.execute(_VOLUMES, members)).one()._mapping  # noqa: SLF001 - SQLAlchemy's public name
    return {
        budget: Volume(
            answered=int(row[budget]),
            in_flight=int(row["in_flight"]),
            frees_at=None if row[f"first_{budget}"] is None else row[f"first_{budget}"] + SPAN + window,
        )
        for budget, window in WINDOWS.items()
    }


async def add_answered(
    connection: AsyncConnection, *, profile: Profile, client_id: str, now: datetime
) -> None:
    """Count one answered enquiry; nobody else writes meanwhile."""
    since = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % SPAN
    members = {"profile": profile.value, "client_id": client_id, "since": since}
    found = await connection.execute(_ADD, {f"own_{name}": value for name, value in members.items()})
    if not found.rowcount:
        await connection.execute(_BEGIN, members | {"answered": 1})


async def delete_past(connection: AsyncConnection, *, now: datetime) -> None:
    """Drop the counts that no window reaches any more."""
    before = now - max(WINDOWS.values()) - 2 * SPAN
    await connection.execute(sa.delete(enquiry_counts).where(enquiry_counts.c.since < before))
