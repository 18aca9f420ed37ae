"""A run's own clock: frozen or set ahead by a test. Login timestamps never follow it (they follow the wall)."""

from datetime import datetime, timedelta

from mock_c06.clock import Clock


class RunClock:
    """What time the registry believes it is in this run: `ThoiDiemDuLieu` and the life of tokens follow it."""

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
        """Say whether the clock stands still."""
        return self._frozen is not None

    def freeze(self, instant: datetime) -> None:
        """Stand still at the instant."""
        self._frozen, self._ahead = instant, timedelta()

    def advance(self, seconds: float) -> None:
        """Jump ahead, frozen or not."""
        self._ahead += timedelta(seconds=seconds)

    def jump(self, instant: datetime) -> None:
        """Be at the instant and run on from there."""
        self._frozen, self._ahead = None, instant - self._wall.now()

    def tick_by(self, seconds: float) -> None:
        """Let each call at the registry's door move the clock; 0 ends it."""
        self._tick = timedelta(seconds=seconds)

    def tick(self) -> None:
        """Move by a tick, where there are ticks."""
        self._ahead += self._tick

    def release(self) -> None:
        """Go by the wall again."""
        self._frozen, self._ahead, self._tick = None, timedelta(), timedelta()
