"""The clocks that tests pass to the programs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic


class HandClock:
    """The machine's time: `advance` shifts the wall clock; the monotonic counter runs as usual."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift  # noqa: TID251 - the clock that tests pass to the programs

    def monotonic(self) -> float:
        return monotonic()

    def advance(self, seconds: float) -> None:
        self._shift += timedelta(seconds=seconds)


class CounterClock(HandClock):
    """The machine's time with a monotonic counter that only a test moves."""

    counter = 1_000.0

    def monotonic(self) -> float:
        return self.counter


@dataclass
class StillClock:
    """Only a test moves wall clock and counter; `advance` moves both."""

    instant: datetime = field(default_factory=lambda: datetime(2022, 4, 27, 1, 0, 0, tzinfo=UTC))
    seconds: float = 1_000.0

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)
        self.seconds += seconds
