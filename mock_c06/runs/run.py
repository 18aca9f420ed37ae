"""A test's own registry: world, clock, journal, faults and memory, reached under `/r/{run}`.

Accounts belong to all runs; a run's own hide those with the same name. A path without `/r/` means the run `default`;
dropping that run empties it. A test may freeze, advance or jump a run's clock; login timestamps always use the wall
clock.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mock_c06.accounts.model import Account
from mock_c06.accounts.register import Register
from mock_c06.clock import Clock
from mock_c06.errors import ClockOutOfRange, RunExists, RunNameInvalid, RunUnknown, TooManyRuns
from mock_c06.faults.plan import FaultPlan
from mock_c06.journal.journal import Journal, Tally
from mock_c06.login.memory import CallMemory
from mock_c06.people.index import PeopleIndex
from mock_c06.runs.recording import Recording
from mock_c06.runs.world import World

_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)


class RunClock:
    """The registry's time in this run: `ThoiDiemDuLieu` and the expiry of tokens follow it."""

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._frozen: datetime | None = None
        self._ahead = timedelta()
        self._tick = timedelta()

    def now(self) -> datetime:
        """Return the run's instant in UTC."""
        return (self._frozen or self._wall.now()) + self._ahead

    @property
    def is_frozen(self) -> bool:
        """Return whether the clock is frozen."""
        return self._frozen is not None

    def freeze(self, instant: datetime) -> None:
        """Freeze the clock at the instant; raises `ClockOutOfRange`, as `advance` and `jump` do."""
        self._require_a_day("freeze", instant)
        self._frozen, self._ahead = instant, timedelta()

    def advance(self, seconds: float) -> None:
        """Move the clock ahead, frozen or not."""
        try:
            ahead = self._ahead + timedelta(seconds=seconds)
            self._require_a_day("advance_s", (self._frozen or self._wall.now()) + ahead)
        except OverflowError as error:
            raise ClockOutOfRange("advance_s") from error
        self._ahead = ahead

    def jump(self, instant: datetime) -> None:
        """Set the clock to the instant, from which it runs on."""
        self._require_a_day("jump", instant)
        self._frozen, self._ahead = None, instant - self._wall.now()

    def tick_by(self, seconds: float) -> None:
        """Move the clock by so many seconds with each call at the registry faces; 0 ends it."""
        self._tick = timedelta(seconds=seconds)

    def tick(self) -> None:
        """Move the clock by one tick, if ticks are set."""
        self._ahead += self._tick

    def release(self) -> None:
        """Follow the wall clock again."""
        self._frozen, self._ahead, self._tick = None, timedelta(), timedelta()

    @staticmethod
    def _require_a_day(member: str, instant: datetime) -> None:
        if not _FIRST <= instant < _END:
            raise ClockOutOfRange(member)


class EventKind(StrEnum):
    """The kinds of life events."""

    DEATH = "death"
    MARRIAGE = "marriage"
    DIVORCE = "divorce"
    MOVE = "move"
    NAME_CORRECTION = "name_correction"
    RENUMBERED = "renumbered"
    CMND_TO_CCCD = "cmnd_to_cccd"
    BIRTH = "birth"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedEvent:
    """An event that a run has applied: the instant from which it holds, and the keys of all whose records it changed."""

    n: int
    kind: EventKind
    at: datetime
    keys: tuple[str, ...]


DEFAULT_RUN = "default"
MAX_RUNS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One isolated registry."""

    name: str
    world: World
    clock: RunClock
    journal: Journal = field(default_factory=Journal)
    faults: FaultPlan = field(default_factory=FaultPlan)
    memory: CallMemory = field(default_factory=CallMemory)
    switches: dict[str, bool] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[AppliedEvent] = field(default_factory=list)
    recording: Recording = field(default_factory=Recording)

    def accounts_of(self, register: Register) -> Register:
        """Return the accounts as this run has them: its own hide others of the name, its switches replace theirs."""
        return register.for_run(self.switches, self.accounts or None)


class Runs:
    """All runs of this mock."""

    def __init__(self, *, base: PeopleIndex, clock: Clock) -> None:
        self._base = base
        self._clock = clock
        self.tally = Tally()
        self._runs = {DEFAULT_RUN: self._new(DEFAULT_RUN)}

    def _new(self, name: str) -> Run:
        clock = RunClock(self._clock)
        journal = Journal(count=self.tally.add)
        return Run(name=name, world=World(self._base, clock.now), clock=clock, journal=journal)

    def create(self, name: str) -> Run:
        """Create an empty run; raises `RunExists`, `RunNameInvalid`, `TooManyRuns`."""
        if not _NAME.fullmatch(name):
            raise RunNameInvalid(name)
        if name in self._runs:
            raise RunExists(name)
        if len(self._runs) >= MAX_RUNS:
            raise TooManyRuns(name)
        run = self._runs[name] = self._new(name)
        return run

    def find(self, name: str) -> Run | None:
        """Return the run, or None."""
        return self._runs.get(name)

    def get(self, name: str) -> Run:
        """Return the run; raises `RunUnknown`."""
        run = self._runs.get(name)
        if run is None:
            raise RunUnknown(name)
        return run

    def drop(self, name: str) -> None:
        """Delete the run (`default` is created again, empty); raises `RunUnknown`."""
        self.get(name)
        del self._runs[name]
        if name == DEFAULT_RUN:
            self._runs[name] = self._new(name)

    def unlock(self, account: str) -> None:
        """Unlock an account in every run."""
        for run in self._runs.values():
            run.memory.unlock(account)

    def names(self) -> list[str]:
        """Return the runs' names, oldest first."""
        return list(self._runs)

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return self._clock.monotonic()


class DefaultRunClock:
    """The clock of the present run `default`, which also the desk uses, since it belongs to no run."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def now(self) -> datetime:
        """Return that run's instant in UTC."""
        return self._runs.get(DEFAULT_RUN).clock.now()

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return self._runs.monotonic()
