"""The portal's clock, which callers pass in, and how it writes times."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

VIETNAM = timezone(timedelta(hours=7))
"""Vietnam has kept this offset since 1975."""


class Clock(Protocol):
    """What the portal needs of a clock."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the wall clock

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return time.monotonic()


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, to the second, ending in `Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def today(clock: Clock) -> date:
    """Return the day in Vietnam."""
    return clock.now().astimezone(VIETNAM).date()
