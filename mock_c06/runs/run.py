"""A test's own registry: world, clock, journal, faults and memory, reached under `/r/{run}`.

Accounts belong to all runs; a run's own hide those with the same name. A path without `/r/` means the run `default`;
dropping that run empties it. A test may freeze, advance or jump a run's clock; login timestamps always use the wall
clock.

A recording keeps the answers of a run as bytes, for a replay elsewhere; it may, because all data are synthetic. A run with
more calls or bytes than the limits cannot be recorded, and its calls are dropped.
"""

import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mock_c06.accounts.model import Account
from mock_c06.accounts.register import Register
from mock_c06.clock import Clock
from mock_c06.errors import ClockOutOfRange, RunExists, RunNameInvalid, RunUnknown, TooManyRuns
from mock_c06.faults.plan import FaultPlan
from mock_c06.journal import Entry, Journal, Tally
from mock_c06.login.admission import CallMemory
from mock_c06.runs.world import PeopleIndex, World
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.reply import Cut

MAX_CALLS = 20_000
MAX_BYTES = 64 * 1024 * 1024
_SMALL = 64 * 1024
_PLAIN, _DEFLATED = b"p", b"z"


@unfrozen
class RecordedCall:
    """One answered call: the digest of the request, and the answer with its delays. `packed` is the answer's body
    (see `pack`), `request` the request's in the same form; `caller` the scheme and the user or token."""

    key: str
    environment: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    packed: bytes = field(repr=False)
    caller: str = ""
    request: bytes = field(default=b"", repr=False)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    cut: Cut | None = None
    entry: Entry


@dataclass(slots=True)
class Recording:
    """The calls of a run in their order; `is_whole` is false once a limit was passed."""

    calls: list[RecordedCall] = field(default_factory=list)
    is_whole: bool = True
    _bytes: int = 0

    def keep(self, call: RecordedCall) -> None:
        """Keep a call, or drop all calls if there are too many."""
        if not self.is_whole:
            return
        self._bytes += len(call.packed) + len(call.request)
        if len(self.calls) >= MAX_CALLS or self._bytes > MAX_BYTES:
            self.calls.clear()
            self.is_whole = False
            return
        self.calls.append(call)

    def clear(self) -> None:
        """Drop all calls and start again."""
        self.calls.clear()
        self.is_whole, self._bytes = True, 0


def pack(body: bytes) -> bytes:
    """Return the body with a mark before it; a large one is compressed (small ones are not, for speed)."""
    return _DEFLATED + zlib.compress(body, 1) if len(body) > _SMALL else _PLAIN + body


def unpack(packed: bytes) -> bytes:
    """Return the original body; raises `zlib.error`, also for one of more than `MAX_BYTES`, which a small file can hold."""
    if packed[:1] != _DEFLATED:
        return packed[1:]
    reader = zlib.decompressobj()
    body = reader.decompress(packed[1:], MAX_BYTES)
    if not reader.eof:
        raise zlib.error
    return body


_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)


def is_in_years(instant: datetime) -> bool:
    """Return whether a run's clock and its events may be at an instant."""
    return _FIRST <= instant < _END


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
        if not is_in_years(instant):
            raise ClockOutOfRange(member)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedEvent:
    """An event that a run has applied: the instant from which it holds, and the keys of all whose records it changed."""

    n: int
    kind: str
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
