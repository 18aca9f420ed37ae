"""Make the report of a week: the services by public sources, and the counts of the audit's entries."""

import asyncio
import math
from collections.abc import Iterator
from datetime import timedelta

from gateway.audit.model import month_of, parse_entry
from gateway.audit.store import stream_bodies
from gateway.clock import Clock
from gateway.database import Database
from gateway.reports.measure import WeekCount
from gateway.reports.model import Week, WeeklyReport
from gateway.reports.services import find_services

WEEKS = 8
"""The weeks of the chart, the reported one included."""

FRESH_S = 5
KEPT = 16


async def make_weekly_report(database: Database | None, week: Week) -> WeeklyReport:
    """Return the report; without a database nothing was measured."""
    weeks = [week.before(WEEKS - 1 - index) for index in range(WEEKS)]
    counts = {each: WeekCount() for each in weeks}
    if database is not None:
        async with database.walk() as connection:
            async for body in stream_bodies(connection, months=_months(weeks[0], week)):
                entry = parse_entry(body)
                found = next((each for each in weeks if each.start <= entry.at < each.end), None)
                if found is not None:
                    counts[found].add(entry)
    counted = tuple((each, count.result()) for each, count in counts.items())
    return WeeklyReport(week=week, services=find_services(week), measured=counted[-1][1], weeks=counted)


class KeptReports:
    """The reports that the page shows, made one at a time and kept for a while: each reads all entries of eight weeks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self._database = database
        self._kept: dict[Week, tuple[float, WeeklyReport]] = {}
        self._making = asyncio.Lock()

    async def find(self, week: Week) -> WeeklyReport:
        """Return the report of a week, at most `FRESH_S` old."""
        async with self._making:
            made_at, report = self._kept.pop(week, (-math.inf, None))
            if report is None or self.clock.monotonic() - made_at > FRESH_S:
                made_at, report = self.clock.monotonic(), await make_weekly_report(self._database, week)
            self._kept[week] = made_at, report
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
            return report


def _months(first: Week, last: Week) -> set[str]:
    """Return the months of the audit in which these weeks have days."""
    return set(_months_of_days(first, last))


def _months_of_days(first: Week, last: Week) -> Iterator[str]:
    at = first.start
    while at < last.end:
        yield month_of(at)
        at += timedelta(days=1)
    yield month_of(last.end)
