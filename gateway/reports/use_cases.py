"""The report of a week: the services by public sources (`data/services.toml`), and the counts of the audit's entries.

It counts portals' calls, not preflights. A question counts once, by the row of its answer; a field counts once for each
dossier and role, however often it is delivered, and not if the citizen disputed it in the same week. No entry has a
person's data.
"""

import asyncio
import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from gateway.accounts.store import list_names
from gateway.audit.model import AuditEntry, Kind, find_entry
from gateway.audit.store import stream_bodies
from gateway.clock import Clock, Week, month_of, parse_week
from gateway.identifiers import Profile
from gateway.procedures.model import Operation
from gateway.storage.database import Database

if TYPE_CHECKING:
    from gateway.profiles.model import Place

_CONFIRMED, _NOT_CONFIRMED = "confirmed", "not_confirmed"
_REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """What a source says of one service. Each member may be `unknown`."""

    slug: str
    due: str
    level: str
    provided: str
    connected: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of the latest week that a source reports; `as_of` is that week, `source` its main source."""

    as_of: Week
    states: tuple[ServiceState, ...]
    level_4_unnamed: int
    source: str
    sources: Mapping[str, Mapping[str, str]]
    """Each source's name by language."""

    def due_in(self, month: str) -> tuple[ServiceState, ...]:
        """Return the services due in a month, such as 2022-03."""
        return tuple(state for state in self.states if state.due == month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the audit says of one week. `latency_ms`: the registry's, None without an answer; `by`: the figures that are
    not 0 by service, portal (its account), profile and organisation."""

    asked: int
    confirmed: int
    not_confirmed: int
    failed: int
    reused: int
    prefills: int
    fields_spared: int
    connected: tuple[str, ...]
    tested: tuple[str, ...]
    failures: Mapping[str, int]
    latency_ms: Mapping[str, int | None]
    by: Mapping[str, Mapping[str, Mapping[str, int]]]

    @property
    def reuse_share(self) -> float:
        """The reuses among the enquiries that a question or a reuse answered; 0 without any."""
        return self.reused / max(1, self.asked + self.reused)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyReport:
    """The report of a week. `services` is None before the first week that a source reports; `weeks` has this one
    and those before it, oldest first. `names`: of the accounts and organisations, by id. `test_data`: the profiles of the week
    whose registry is a test."""

    week: Week
    services: Services | None
    measured: Measured
    weeks: tuple[tuple[Week, Measured], ...]
    names: Mapping[str, str]
    test_data: tuple[str, ...]


class GroupCount:
    """The counts of the whole week, or of one service, portal, profile or organisation."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.latencies: list[int] = []
        self._delivered: set[tuple[str | None, ...]] = set()
        self._disputed: set[tuple[str | None, ...]] = set()

    def add(self, entry: AuditEntry, took_ms: int | None) -> None:
        """Count an entry; `took_ms` is the registry's time to answer, None of an entry that is no answer."""
        if took_ms is not None:
            self.latencies.append(took_ms)
        match entry.kind:
            case Kind.INTENDED if entry.operation == Operation.AUTHENTICATE:
                self.counts["asked"] += 1
            case Kind.ANSWERED if entry.operation == Operation.AUTHENTICATE:
                verdict = entry.outcome if entry.outcome in {_CONFIRMED, _NOT_CONFIRMED} else None
                self.counts[verdict or "failed"] += 1
                if verdict is None:
                    self.failures[entry.outcome or "unknown"] += 1
            case Kind.REUSED:
                self.counts["reused"] += 1
            case Kind.DELIVERED:
                self.counts["prefills"] += 1
                self._delivered |= {(*_dossier(entry), field) for field in entry.fields}
            case Kind.FILED:
                self._disputed |= {(*_dossier(entry), field) for field in entry.fields}
            case _:
                pass

    @property
    def fields_spared(self) -> int:
        """The fields that were delivered and not disputed, each once for a dossier and role."""
        return len(self._delivered - self._disputed)

    def figures(self) -> dict[str, int]:
        """Return the figures that are not 0: counts, failures by problem code, fields spared, and the registry's time."""
        found = {name: self.counts[name] for name in _VERDICTS} | dict(sorted(self.failures.items()))
        found |= {name: self.counts[name] for name in ("reused", "prefills")} | {"fields": self.fields_spared}
        times = {f"latency_{name}_ms": value for name, value in _percentiles(self.latencies).items()}
        return {name: n for name, n in found.items() if n} | {
            name: value for name, value in times.items() if value is not None
        }


class WeekCount:
    """The counts of one week, entry by entry."""

    def __init__(self) -> None:
        self._all = GroupCount()
        self._succeeded: dict[Profile, set[str]] = defaultdict(set)
        self._asked_at: dict[str, datetime] = {}
        self._by: dict[str, dict[str, GroupCount]] = {
            name: defaultdict(GroupCount) for name in ("service", "portal", "profile", "organisation")
        }

    def add(self, entry: AuditEntry) -> None:
        """Count an entry of the week."""
        if entry.client_id is None or (entry.kind is Kind.DELIVERED and entry.origin == _REPLAY):
            return
        took_ms = None
        if entry.kind in {Kind.INTENDED, Kind.ANSWERED}:
            if entry.request_code is None:
                return
            took_ms = self._time(entry, entry.request_code)
        for group in self._groups(entry):
            group.add(entry, took_ms)
        self._note_success(entry)

    def _time(self, entry: AuditEntry, request_code: str) -> int | None:
        """Note when a question was asked, or return how many milliseconds its answer took."""
        if entry.kind is Kind.INTENDED:
            self._asked_at[request_code] = entry.at
            return None
        asked_at = self._asked_at.pop(request_code, None)
        return None if asked_at is None else round((entry.at - asked_at).total_seconds() * 1000)

    def _groups(self, entry: AuditEntry) -> Iterator[GroupCount]:
        """Return the groups to which an entry belongs."""
        yield self._all
        keys = (entry.procedure, entry.client_id, entry.profile and entry.profile.value, entry.organisation)
        for groups, key in zip(self._by.values(), keys, strict=True):
            if key is not None and entry.kind in _ENQUIRIES:
                yield groups[key]

    def _note_success(self, entry: AuditEntry) -> None:
        asked = entry.kind is Kind.ANSWERED and entry.operation == Operation.AUTHENTICATE
        if not (asked or entry.kind is Kind.REUSED) or entry.outcome != _CONFIRMED:
            return
        if entry.profile is not None and entry.procedure is not None:
            self._succeeded[entry.profile].add(entry.procedure)

    def result(self) -> Measured:
        """Return the figures."""
        return Measured(
            **{name: self._all.counts[name] for name in (*_VERDICTS, "reused", "prefills")},
            fields_spared=self._all.fields_spared,
            connected=tuple(sorted(self._succeeded[Profile.OFFICIAL])),
            tested=tuple(sorted(self._succeeded[Profile.SANDBOX])),
            failures=dict(sorted(self._all.failures.items())),
            latency_ms=_percentiles(self._all.latencies),
            by={
                name: {key: group.figures() for key, group in sorted(groups.items())}
                for name, groups in self._by.items()
            },
        )


_ENQUIRIES = {Kind.INTENDED, Kind.ANSWERED, Kind.REUSED, Kind.DELIVERED, Kind.FILED}
_VERDICTS = ("asked", "confirmed", "not_confirmed", "failed")


def _dossier(entry: AuditEntry) -> tuple[str | None, ...]:
    return entry.client_id, entry.procedure, entry.dossier, entry.subject_role


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


async def make_weekly_report(
    database: Database | None, week: Week, places: Mapping[Profile, "Place"] | None = None
) -> WeeklyReport:
    """Return the report; without a database nothing was measured. `places` say now whether official has test data."""
    weeks = [week.before(WEEKS - 1 - index) for index in range(WEEKS)]
    counts = {each: WeekCount() for each in weeks}
    names: dict[str, str] = {}
    if database is not None:
        async with database.walk() as connection:
            names = await list_names(connection)
            async for body in stream_bodies(connection, months=_months(weeks[0], week)):
                entry = find_entry(body)
                if entry is None:  # somebody changed it: `audit verify` names it
                    continue
                found = next((each for each in weeks if each.start <= entry.at < each.end), None)
                if found is not None:
                    counts[found].add(entry)
    counted = tuple((each, count.result()) for each, count in counts.items())
    test_data = [Profile.SANDBOX, *(profile for profile, place in (places or {}).items() if place.test_data)]
    measured = counted[-1][1]
    return WeeklyReport(
        week=week,
        services=find_services(week),
        measured=measured,
        weeks=counted,
        names=names,
        test_data=tuple(profile for profile in measured.by["profile"] if profile in test_data),
    )


class KeptReports:
    """The reports that the page shows, made one at a time and kept for a while: each reads all entries of eight weeks."""

    def __init__(self, database: Database, clock: Clock, places: Mapping[Profile, "Place"]) -> None:
        self.clock = clock
        self._database = database
        self._places = places
        self._kept: dict[Week, tuple[float, WeeklyReport]] = {}
        self._making = asyncio.Lock()

    async def find(self, week: Week) -> WeeklyReport:
        """Return the report of a week, at most `FRESH_S` old."""
        async with self._making:
            made_at, report = self._kept.pop(week, (-math.inf, None))
            if report is None or self.clock.monotonic() - made_at > FRESH_S:
                made_at = self.clock.monotonic()
                report = await make_weekly_report(self._database, week, self._places)
            self._kept[week] = made_at, report
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
            return report


def _months(first: Week, last: Week) -> set[str]:
    """Return the months of the audit in which these weeks have days."""
    days = (last.end - first.start).days
    return {month_of(first.start + timedelta(days=day)) for day in range(days + 1)}
