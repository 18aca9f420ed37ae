"""A week, the services' figures by public sources, and the figures of the gateway's own audit. Weeks are Vietnam's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from gateway.clock import Clock, today, vietnam

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


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
    if found is None or not 1900 <= int(found[1]) < 2200:
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
    sources: Mapping[str, str]

    def due_in(self, month: str) -> tuple[ServiceState, ...]:
        """Return the services due in a month, such as 2022-03."""
        return tuple(state for state in self.states if state.due == month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the audit says of one week. `latency_ms`: the registry's, None without an answer; `by`: counts of the
    enquiries by service, by profile and by organisation."""

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
    and those before it, oldest first."""

    week: Week
    services: Services | None
    measured: Measured
    weeks: tuple[tuple[Week, Measured], ...]
