"""What the desk remembers within one run: packets seen, request codes used, tokens issued, calls per second."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime

WINDOW_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A platform's access token: whose, and until when by the run's clock."""

    account: str
    expires_at: datetime


@dataclass(slots=True)
class DeskMemory:
    """Mutable on purpose: it lives and dies with its run, on one event loop."""

    tokens: dict[str, IssuedToken] = field(default_factory=dict)
    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    _packets: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def is_replay(self, *, account: str, timestamp: str, body_sha256: str, monotonic: float) -> bool:
        """Say whether this very packet came within the window; if not, remember it."""
        # Oldest first, as they came: each is looked at once and dropped once.
        while self._packets and monotonic - next(iter(self._packets.values())) > WINDOW_SECONDS:
            del self._packets[next(iter(self._packets))]
        packet = (account, timestamp, body_sha256)
        if packet in self._packets:
            return True
        self._packets[packet] = monotonic
        return False

    def is_over_rate(self, *, account: str, per_second: int, monotonic: float) -> bool:
        """Say whether the account has made its calls of this second; if not, count one."""
        calls = self._calls[account]
        while calls and monotonic - calls[0] >= 1.0:
            calls.popleft()
        if len(calls) >= per_second:
            return True
        calls.append(monotonic)
        return False
