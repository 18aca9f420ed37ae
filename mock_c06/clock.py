"""The clock, which callers pass in. A run's own clock, which tests freeze, is in runs/run.py."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

# Vietnam has kept this offset since 1975; a named zone would be read from a file at import.
VIETNAM = timezone(timedelta(hours=7))


class Clock(Protocol):
    """What the mock needs of a clock."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the wall clock

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return time.monotonic()


def rfc3339(instant: datetime, *, timespec: str = "milliseconds") -> str:
    """Write an instant as RFC 3339 in UTC, by default with milliseconds, ending in `Z`."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
