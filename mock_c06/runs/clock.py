"""A run's own clock: frozen or set ahead by a test. Login timestamps never follow it (they follow the wall)."""

from datetime import UTC, datetime, timedelta

from mock_c06.clock import Clock
from mock_c06.errors import ClockOutOfRange

_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)


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
        """Stand still at the instant; raises `ClockOutOfRange`, as the next two do."""
        self._require_a_day("freeze", instant)
        self._frozen, self._ahead = instant, timedelta()

    def advance(self, seconds: float) -> None:
        """Jump ahead, frozen or not."""
        try:
            ahead = self._ahead + timedelta(seconds=seconds)
            self._require_a_day("advance_s", (self._frozen or self._wall.now()) + ahead)
        except OverflowError as error:
            raise ClockOutOfRange("advance_s") from error
        self._ahead = ahead

    def jump(self, instant: datetime) -> None:
        """Be at the instant and run on from there."""
        self._require_a_day("jump", instant)
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

    @staticmethod
    def _require_a_day(member: str, instant: datetime) -> None:
        if not _FIRST <= instant < _END:
            raise ClockOutOfRange(member)
