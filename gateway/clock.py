"""Time: the clock as a dependency, and the days, weeks, months and periods that instants belong to.

A clock has wall time for evidence and a monotonic counter for durations. Nothing is ordered by wall time: rows are
ordered by their number (docs/decisions/0009).
"""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Protocol
from zoneinfo import ZoneInfo

AHEAD = timedelta(minutes=5)
"""What is dated from further ahead is by a clock that was set back since (docs/decisions/0142). The clocks of two hosts differ by
less, and the lease of a question is shorter."""

TOLERANCE = timedelta(minutes=5)
"""By how much the clocks of the two logs of a question may differ."""

_YEARS = range(1900, 2200)
"""The years of a period; near the years 1 and 9999 an instant has no day before or after it."""

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


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


def in_z(written: str) -> str:
    """Return a written instant in UTC with `Z` at its end; older rows of the audit have `+00:00` there."""
    return written.replace("+00:00", "Z")


def in_minutes(written: str) -> str:
    """Return an instant of `rfc3339` as a table for people shows it, `2022-05-14 01:00`, below a heading that says UTC."""
    return written[:16].replace("T", " ")


def month_of(at: datetime) -> str:
    """Return the month (UTC, `2026-11`) of an instant."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """An ISO week: Monday to Sunday."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04d}-W{self.number:02d}"

    @property
    def monday(self) -> date:
        """The first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return datetime.combine(self.monday, datetime.min.time(), vietnam()).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the week, in UTC."""
        return self.start + timedelta(days=7)

    def before(self, weeks: int) -> "Week":
        """Return the week so many weeks earlier."""
        year, number, _ = (self.monday - timedelta(weeks=weeks)).isocalendar()
        return Week(year, number)


def parse_week(text: str) -> Week:
    """Read `2022-W17`; raises `ValueError` for anything that is no week between the years 1900 and 2199."""
    found = _WEEK.fullmatch(text)
    if found is None or int(found[1]) not in _YEARS:
        raise ValueError("write a week as 2022-W17")
    week = Week(int(found[1]), int(found[2]))
    try:
        week.monday  # noqa: B018 - raises for a week that the year does not have
    except ValueError:
        raise ValueError(f"the year {week.year} has no week {week.number}") from None
    return week


def this_week(clock: Clock) -> Week:
    """Return the present week."""
    year, number, _ = today(clock).isocalendar()
    return Week(year, number)


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
            found = datetime.combine(date.fromisoformat(text), datetime.min.time(), vietnam())
        else:
            found = datetime.fromisoformat(text)
        if found.tzinfo is not None and found.year in _YEARS:
            return found.astimezone(UTC)
    raise ValueError(
        "a day such as 2022-05-14, or an instant such as 2022-05-14T01:00:00Z, from 1900 to 2199"
    )
