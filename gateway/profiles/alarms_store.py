"""Alarms of accounts that near the end of a budget, at rest: the latest for each account and budget."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.database import Instant, Transaction, metadata
from gateway.places import Profile

WINDOWS = {"confirmed_hour": timedelta(hours=1), "confirmed_day": timedelta(days=1)}
"""The budgets of answered enquiries, and over how long each counts: so long an alarm is shown, and not raised anew."""

enquiry_alarms = sa.Table(
    "enquiry_alarms",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("budget", sa.String(32), primary_key=True),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("most", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquiryAlarm:
    """That an account had used four fifths of a budget: `used` of `most` when it was raised."""

    profile: Profile
    client_id: str
    budget: str
    raised_at: datetime
    used: int
    most: int


async def put_alarm(transaction: Transaction, alarm: EnquiryAlarm) -> bool:
    """Keep an alarm in the place of an older one; say whether it is new: within its window, or since the limit is another."""
    key = {"profile": alarm.profile.value, "client_id": alarm.client_id, "budget": alarm.budget}
    same = [enquiry_alarms.c[name] == value for name, value in key.items()]
    query = sa.select(enquiry_alarms.c.raised_at, enquiry_alarms.c.most).where(*same)
    former = (await transaction.execute(query)).first()
    begins = alarm.raised_at - WINDOWS[alarm.budget]
    if former is not None and former.most == alarm.most and former.raised_at > begins:
        return False
    await transaction.execute(sa.delete(enquiry_alarms).where(*same))
    await transaction.execute(sa.insert(enquiry_alarms).values(asdict(alarm) | key))
    return True


async def list_alarms(transaction: Transaction, *, now: datetime) -> Sequence[EnquiryAlarm]:
    """Return the alarms of now, of every profile, by account."""
    recent = [
        sa.and_(enquiry_alarms.c.budget == budget, enquiry_alarms.c.raised_at > now - window)
        for budget, window in WINDOWS.items()
    ]
    query = (
        sa.select(enquiry_alarms)
        .where(sa.or_(*recent))
        .order_by(enquiry_alarms.c.profile, enquiry_alarms.c.client_id, enquiry_alarms.c.budget)
    )
    rows = await transaction.execute(query)
    return [
        EnquiryAlarm(**dict(row._mapping) | {"profile": Profile(row.profile)})  # noqa: SLF001 - SQLAlchemy's public name
        for row in rows
    ]
