"""A test's own registry: world, clock, journal, faults and memory, reached under `/r/{run}`.

Accounts are of all runs, but for those that a run has put over them. The run `default` is what a path without `/r/`
means; dropping it empties it.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from mock_c06.clock import Clock
from mock_c06.desk.accounts import Account
from mock_c06.desk.memory import DeskMemory
from mock_c06.errors import RunExists, RunNameInvalid, RunUnknown
from mock_c06.population.world_index import WorldIndex
from mock_c06.runs.clock import RunClock
from mock_c06.runs.journal import Journal
from mock_c06.runs.life import Happened
from mock_c06.runs.plan import FaultPlan
from mock_c06.runs.recording import Recording
from mock_c06.runs.world import World

DEFAULT_RUN = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One isolated registry."""

    name: str
    world: World
    clock: RunClock
    journal: Journal = field(default_factory=Journal)
    faults: FaultPlan = field(default_factory=FaultPlan)
    memory: DeskMemory = field(default_factory=DeskMemory)
    switches: dict[str, bool] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[Happened] = field(default_factory=list)
    recording: Recording = field(default_factory=Recording)


class Runs:
    """All runs of this mock."""

    def __init__(self, *, base: WorldIndex, clock: Clock) -> None:
        self._base = base
        self._clock = clock
        self._runs = {DEFAULT_RUN: self._new(DEFAULT_RUN)}

    def _new(self, name: str) -> Run:
        clock = RunClock(self._clock)
        return Run(name=name, world=World(self._base, clock.now), clock=clock)

    def create(self, name: str) -> Run:
        """Make a fresh run; raises `RunExists`, `RunNameInvalid`."""
        if not _NAME.fullmatch(name):
            raise RunNameInvalid(name)
        if name in self._runs:
            raise RunExists(name)
        run = self._runs[name] = self._new(name)
        return run

    def find(self, name: str) -> Run | None:
        """Give the run, or None."""
        return self._runs.get(name)

    def get(self, name: str) -> Run:
        """Give the run; raises `RunUnknown`."""
        run = self._runs.get(name)
        if run is None:
            raise RunUnknown(name)
        return run

    def drop(self, name: str) -> None:
        """Forget the run and all it holds (`default` is made anew); raises `RunUnknown`."""
        self.get(name)
        del self._runs[name]
        if name == DEFAULT_RUN:
            self._runs[name] = self._new(name)

    def unlock(self, account: str) -> None:
        """Free an account in every run."""
        for run in self._runs.values():
            run.memory.unlock(account)

    def names(self) -> list[str]:
        """Give the runs' names, oldest first."""
        return list(self._runs)

    def monotonic(self) -> float:
        """Give the machine's monotonic counter in seconds."""
        return self._clock.monotonic()


class DefaultRunClock:
    """The clock of the run `default`, whichever run that is now: what belongs to no run goes by it, such as the desk."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def now(self) -> datetime:
        """Return that run's instant in UTC."""
        return self._runs.get(DEFAULT_RUN).clock.now()

    def monotonic(self) -> float:
        """Return the machine's monotonic counter in seconds."""
        return self._runs.monotonic()
