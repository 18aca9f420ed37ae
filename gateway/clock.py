"""The clock as a dependency: wall time for evidence, a monotonic counter for durations.

Nothing is ordered by wall time: rows are ordered by their number (docs/decisions/0009).
"""

import time
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Protocol
from zoneinfo import ZoneInfo


@cache
def vietnam() -> ZoneInfo:
    """Return the time zone Asia/Ho_Chi_Minh."""
    return ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """Wall time and a monotonic counter."""

    def now(self) -> datetime:
        """Return the present time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease; only their differences have a meaning."""
        ...


class SystemClock:
    """The clock of this machine. Its members are Python's functions, since each request reads it a dozen times."""

    now = staticmethod(partial(datetime.now, UTC))  # noqa: TID251 - only this file reads the wall clock
    monotonic = staticmethod(time.monotonic)


def today(clock: Clock) -> date:
    """Return today's date in Asia/Ho_Chi_Minh, which birth dates and validity of codes are compared with."""
    return clock.now().astimezone(vietnam()).date()


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, whole seconds, ending in `Z`."""
    return f"{instant.astimezone(UTC).isoformat()[:19]}Z"
