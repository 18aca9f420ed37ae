"""What the desk remembers within one run: packets, request codes, tokens, calls a second, wrong logins."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW_SECONDS = 300
LOCKED_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A platform's access token: whose, and until when by the run's clock."""

    account: str
    expires_at: datetime


@dataclass(slots=True)
class _WrongLogins:
    """An account's wrong logins in a row, and until when it is locked by them."""

    count: int = 0
    locked_until: datetime | None = None


@dataclass(slots=True)
class DeskMemory:
    """Mutable on purpose: it lives and dies with its run, on one event loop."""

    tokens: dict[str, IssuedToken] = field(default_factory=dict)
    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    _packets: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _logins: dict[str, _WrongLogins] = field(default_factory=lambda: defaultdict(_WrongLogins))

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

    def note_wrong_login(self, *, account: str, limit: int | None, now: datetime) -> None:
        """Count a wrong login; the last one of the limit locks the account for a while."""
        logins = self._logins[account]
        logins.count += 1
        if limit is not None and logins.count >= limit:
            logins.locked_until = now + timedelta(seconds=LOCKED_SECONDS)
            logins.count = 0

    def is_locked(self, *, account: str, now: datetime) -> bool:
        """Say whether the account is locked at this moment of the run."""
        logins = self._logins.get(account)
        return logins is not None and logins.locked_until is not None and now < logins.locked_until

    def unlock(self, account: str) -> None:
        """Forget the account's wrong logins: after a right one, or by the desk's hand."""
        self._logins.pop(account, None)
