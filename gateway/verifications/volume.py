"""Budgets of answered enquiries: per account, hour and day, whatever the registry confirmed or filled in.

A place is held from the `intended` row on, with the places in `budgets.py`; it is used up by a confirmed verification and
by a prefill that the registry answered, and given back on `not_confirmed` and on failure. Reuse and replays ask nothing
and cost nothing. At four fifths an alarm is kept for the operators and logged, once a window. See docs/decisions/0073.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from gateway.database import Transaction
from gateway.errors.callers import EnquiryBudgetSpent
from gateway.parts import Parts
from gateway.profiles.alarms_store import EnquiryAlarm, put_alarm
from gateway.profiles.model import Place
from gateway.verifications import volume_store
from gateway.verifications.volume_store import Volume

ALARM_AT = 0.8
"""Which part of a budget raises the alarm."""

_IN_FLIGHT_S = 5
"""When to try again while all that is left is held by questions in flight."""

log = structlog.get_logger("gateway.verifications")


async def check_room(transaction: Transaction, place: Place, client_id: str, *, now: datetime) -> None:
    """Let one more enquiry pass, inside a record of the audit: nobody else decides meanwhile.

    Raises:
        EnquiryBudgetSpent: the hour's or the day's places are taken.
    """
    volumes = await volume_store.read_volumes(
        transaction, profile=place.profile, client_id=client_id, now=now
    )
    for budget, limit in place.policy.limits_of(client_id).items():
        if volumes[budget].used >= limit:
            raise EnquiryBudgetSpent(budget, _wait(volumes[budget], limit, now))


async def count_answered(transaction: Transaction, parts: Parts, place: Place, client_id: str) -> None:
    """Use up a place, in the commit of the answer, and raise the alarm where it is time."""
    now = parts.clock.now()
    await volume_store.add_answered(transaction, profile=place.profile, client_id=client_id, now=now)
    volumes = await volume_store.read_volumes(
        transaction, profile=place.profile, client_id=client_id, now=now
    )
    for budget, limit in place.policy.limits_of(client_id).items():
        used = volumes[budget].answered
        if used < math.ceil(limit * ALARM_AT):
            continue
        alarm = EnquiryAlarm(
            profile=place.profile, client_id=client_id, budget=budget, raised_at=now, used=used, most=limit
        )
        if await put_alarm(transaction, alarm):
            _tell(parts, alarm)


async def read_used(parts: Parts, place: Place, client_id: str) -> Mapping[str, int]:
    """Return how much of each budget an account has used, questions in flight included."""
    async with parts.database.read() as connection:
        volumes = await volume_store.read_volumes(
            connection, profile=place.profile, client_id=client_id, now=parts.clock.now()
        )
    return {budget: volume.used for budget, volume in volumes.items()}


def _wait(volume: Volume, limit: int, now: datetime) -> int:
    """Return after how many seconds a place is free, if nothing more is asked."""
    if volume.answered < limit or volume.frees_at is None:
        return _IN_FLIGHT_S
    return max(1, math.ceil((volume.frees_at - now) / timedelta(seconds=1)))


def _tell(parts: Parts, alarm: EnquiryAlarm) -> None:
    parts.alarms[alarm.profile.value, alarm.budget] += 1
    log.warning(
        "enquiry_budget_alarm",
        profile=alarm.profile.value,
        client_id=alarm.client_id,
        budget=alarm.budget,
        used=alarm.used,
        limit=alarm.most,
    )
