"""Make the report of a week: the services by public sources (`data/services.toml`), and the counts of the audit's entries.

It counts portals' calls, not preflights. A question counts once, by the row of its answer; a field counts once for each
dossier and role, however often it is delivered, and not if the citizen disputed it in the same week. No entry has a
person's data.
"""

import asyncio
import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from statistics import quantiles
from typing import Any

from gateway.audit.model import AuditEntry, Kind, month_of, parse_entry
from gateway.audit.store import stream_bodies
from gateway.clock import Clock
from gateway.identifiers import Profile
from gateway.procedures.fields import Operation
from gateway.reports.model import Measured, Services, ServiceState, Week, WeeklyReport, parse_week
from gateway.storage.database import Database

_CONFIRMED, _NOT_CONFIRMED = "confirmed", "not_confirmed"
_REPLAY = "replay"


class WeekCount:
    """The counts of one week, entry by entry."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._succeeded: dict[Profile, set[str]] = defaultdict(set)
        self._asked_at: dict[str, datetime] = {}
        self._latencies: list[int] = []
        self._delivered: set[tuple[str | None, ...]] = set()
        self._disputed: set[tuple[str | None, ...]] = set()
        self._by: dict[str, dict[str, Counter[str]]] = {
            name: defaultdict(Counter) for name in ("service", "profile", "organisation")
        }

    def add(self, entry: AuditEntry) -> None:
        """Count an entry of the week."""
        if entry.client_id is None:
            return
        match entry.kind:
            case Kind.INTENDED if entry.request_code is not None:
                self._asked_at[entry.request_code] = entry.at
                if entry.operation == Operation.AUTHENTICATE:
                    self._count(entry, "asked")
            case Kind.ANSWERED if entry.request_code is not None:
                self._add_answer(entry)
            case Kind.REUSED:
                self._count(entry, "reused")
                self._note_success(entry)
            case Kind.DELIVERED if entry.origin != _REPLAY:
                self._count(entry, "prefills")
                self._delivered |= {(*_dossier(entry), field) for field in entry.fields}
            case Kind.FILED:
                self._disputed |= {(*_dossier(entry), field) for field in entry.fields}
            case _:
                pass

    def _add_answer(self, entry: AuditEntry) -> None:
        asked_at = self._asked_at.pop(entry.request_code or "", None)
        if asked_at is not None:
            self._latencies.append(round((entry.at - asked_at).total_seconds() * 1000))
        if entry.operation != Operation.AUTHENTICATE:
            return
        if entry.outcome in {_CONFIRMED, _NOT_CONFIRMED}:
            self._count(entry, entry.outcome)
            self._note_success(entry)
        else:
            self._count(entry, "failed")
            self._failures[entry.outcome or "unknown"] += 1

    def _count(self, entry: AuditEntry, what: str) -> None:
        self._counts[what] += 1
        keys = (entry.procedure, entry.profile and entry.profile.value, entry.organisation)
        for counters, key in zip(self._by.values(), keys, strict=True):
            if key is not None:
                counters[key][what] += 1

    def _note_success(self, entry: AuditEntry) -> None:
        if entry.outcome == _CONFIRMED and entry.profile is not None and entry.procedure is not None:
            self._succeeded[entry.profile].add(entry.procedure)

    def result(self) -> Measured:
        """Return the figures."""
        return Measured(
            **{name: self._counts[name] for name in (*_VERDICTS, "reused", "prefills")},
            fields_spared=len(self._delivered - self._disputed),
            connected=tuple(sorted(self._succeeded[Profile.OFFICIAL])),
            tested=tuple(sorted(self._succeeded[Profile.SANDBOX])),
            failures=dict(sorted(self._failures.items())),
            latency_ms=_percentiles(self._latencies),
            by={name: _plain(counters) for name, counters in self._by.items()},
        )


_VERDICTS = ("asked", "confirmed", "not_confirmed", "failed")


def _dossier(entry: AuditEntry) -> tuple[str | None, ...]:
    return entry.client_id, entry.procedure, entry.dossier, entry.subject_role


def _plain(counters: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {key: dict(sorted(counts.items())) for key, counts in sorted(counters.items())}


def _percentiles(latencies: list[int]) -> dict[str, int | None]:
    if len(latencies) < 2:
        only = latencies[0] if latencies else None
        return {"p50": only, "p95": only}
    cuts = quantiles(latencies, n=20, method="inclusive")
    return {"p50": round(cuts[9]), "p95": round(cuts[18])}


def find_services(week: Week) -> Services | None:
    """Return the figures of the latest reported week up to this one, None before the first."""
    data = _read()
    reported = sorted(parse_week(text) for text in data["weeks"])
    known = [each for each in reported if each <= week]
    if not known:
        return None
    as_of = data["weeks"][str(known[-1])]
    return Services(
        as_of=known[-1],
        states=tuple(_state(slug, row, known) for slug, row in data["services"].items()),
        level_4_unnamed=as_of["level_4_unnamed"],
        source=as_of["source"],
        sources=data["sources"],
    )


def _state(slug: str, row: dict[str, Any], known: list[Week]) -> ServiceState:
    state = next(row["weeks"][str(week)] for week in reversed(known) if str(week) in row["weeks"])
    return ServiceState(slug=slug, due=row["due"], **state)


@cache
def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("data/services.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


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
    days = (last.end - first.start).days
    return {month_of(first.start + timedelta(days=day)) for day in range(days + 1)}
