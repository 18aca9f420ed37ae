"""Time as a part that is handed in: the wall for evidence, the monotonic counter for durations.

Nothing here trusts the wall clock for order: rows are ordered by their number (docs/decisions/0009).
"""

import time
from datetime import UTC, date, datetime
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo


@cache
def vietnam() -> ZoneInfo:
    """Return Asia/Ho_Chi_Minh."""
    return ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """What the gateway asks of time."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the wall clock

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return time.monotonic()


def today(clock: Clock) -> date:
    """Return the calendar day in Asia/Ho_Chi_Minh, by which birth dates and code validity are judged."""
    return clock.now().astimezone(vietnam()).date()


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, whole seconds, ending in `Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
