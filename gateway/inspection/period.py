"""A period of time that a command is about, as `--from` and `--to` give it."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from gateway.audit.model import month_of
from gateway.clock import vietnam

TOLERANCE = timedelta(minutes=5)
"""By how much the clocks of the two logs of a question may differ."""

_YEARS = range(1900, 2200)
"""The years of a period; near the years 1 and 9999 an instant has no day before or after it."""

MOST = 1_000
"""The most rows that a search returns at once."""


class Period:
    """From `start`, inclusive, to `end`, exclusive; without an end where either is None."""

    def __init__(self, start: datetime | None = None, end: datetime | None = None) -> None:
        if start is not None and end is not None and end <= start:
            raise ValueError("an instant after --from is expected")
        self.start, self.end = start, end

    def __contains__(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def months(self, *, around: timedelta = timedelta(0)) -> set[str] | None:
        """Return the audit's months that the period and `around` it touch; None without a start and an end."""
        if self.start is None or self.end is None:
            return None
        at, end, found = self.start - around, self.end + around, set[str]()
        while at < end:
            found.add(month_of(at))
            at += timedelta(days=1)
        return found | {month_of(end)}


def parse_instant(text: str) -> datetime:
    """Read a day of Asia/Ho_Chi_Minh as its beginning, `2022-05-14`, or an instant, `2022-05-14T01:00:00Z`.

    Raises:
        ValueError: it is neither, with what is expected.
    """
    with suppress(ValueError, OverflowError):
        if len(text) == len("2022-05-14"):
            found = datetime.combine(date.fromisoformat(text), time(), vietnam())
        else:
            found = datetime.fromisoformat(text)
        if found.tzinfo is not None and found.year in _YEARS:
            return found.astimezone(UTC)
    raise ValueError(
        "a day such as 2022-05-14, or an instant such as 2022-05-14T01:00:00Z, from 1900 to 2199"
    )
