"""Login throttle and rate limits: per worker, in memory, of limited size (docs/decisions/0034, 0071).

The throttle slows guesses of secrets, and never delays the right holder (threat 51). A proof is checked first: a right
one passes at once. A wrong one is counted for its name at its address, and for the address over all names. After some
free failures each answer waits, one after the other; if several wait already, a wrong proof is refused without a wait.
Failures of a name over all addresses are counted only if the password was right and the code was wrong. A name is a
client's of a profile, or an operator's.

A rate limit is a token bucket for each account; a second limit bounds its calls under way. Only ids and numbers are
stored, nothing of a request.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TypeAlias

import structlog

from gateway.clock import Clock
from gateway.edge.forwarded import parse_address
from gateway.errors.requests import RateLimited

FREE_OF_PAIR = 5
"""Wrong proofs of one name at one address before answers wait."""
FREE_OF_ADDRESS = 50
CODES_A_MINUTE = 30
"""Wrong codes of one name, after which a right one counts as wrong for the rest of the minute if somebody has the password."""
WAITING = 3
"""Answers that may wait at once for one key."""
MAX_WAIT_S = 2.0
FORGET_AFTER_S = 900.0
WARN_INTERVAL_S = 60.0
MAX_KEYS = 10_000
BURST_SECONDS = 4
"""A full bucket has the calls of this many seconds."""

AT_ONCE = 512
"""Calls of one account that may be under way at one worker: half of the records that the audit's queue takes."""

_RATE = (
    "the account calls faster than its rate, which RateLimit-Policy states",
    "tài khoản gọi nhanh hơn mức được phép, nêu trong RateLimit-Policy",
)
_CALLS_UNDER_WAY = (
    f"{AT_ONCE} calls of the account are under way at this worker, whatever its rate: wait until some are answered",
    f"tài khoản đang có {AT_ONCE} cuộc gọi chưa được trả lời tại tiến trình này, dù tốc độ gọi thế nào: chờ đến khi có trả lời",
)

Key: TypeAlias = tuple[str, ...]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

_MIN_WAIT_S = 0.25
_MINUTE_S = 60
_log = structlog.get_logger(__name__)


class NotAuthenticated(Exception):
    """A wrong proof; each kind of login has its own subclass."""


class TooManyAttempts(Exception):
    """A wrong proof, while several others already wait for their answer. `retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class _Failures:
    """Wrong proofs of one key; beyond `free` each answer waits, one at a time."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.count = 0
        self.last_at = 0.0
        self.waiting = 0
        self._turn = asyncio.Lock()

    @property
    def delay(self) -> float:
        """Return how long the next answer must wait, in seconds."""
        over = self.count - self.free
        return 0.0 if over < 0 else min(_MIN_WAIT_S * 2.0 ** min(over, 8), MAX_WAIT_S)

    async def wait(self, delay: float, sleep: Sleep) -> None:
        """Wait after those that already wait. Raises `TooManyAttempts` if too many wait."""
        if self.waiting >= WAITING:
            raise TooManyAttempts(ceil(delay * (WAITING + 1)))
        self.waiting += 1
        try:
            async with self._turn:
                await sleep(delay)
        finally:
            self.waiting -= 1


class _FailureTable:
    """Failures by key. At most `kept` keys without a waiting answer; the one with the oldest failure is dropped first."""

    def __init__(self, clock: Clock, free: int, kept: int) -> None:
        self._clock = clock
        self._free = free
        self._kept = kept
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def find(self, key: Key) -> _Failures:
        """Return the failures of a key, without old ones."""
        found = self._failures.setdefault(key, _Failures(self._free))
        if not found.waiting and self._clock.monotonic() - found.last_at > FORGET_AFTER_S:
            found.count = 0
        return found

    def add(self, failures: _Failures) -> bool:
        """Count a failure; return whether it was the last free one."""
        failures.count += 1
        failures.last_at = self._clock.monotonic()
        return failures.count == failures.free

    def forget(self, key: Key) -> None:
        """Delete the failures of a key."""
        if key in self._failures:
            self._failures[key].count = 0
            if not self._failures[key].waiting:
                del self._failures[key]

    def evict(self, key: Key) -> None:
        """After a failure of this key, drop keys above the limit."""
        if key in self._failures:
            self._failures.move_to_end(key)
        if len(self._failures) > self._kept:
            oldest = next((found for found, other in self._failures.items() if not other.waiting), None)
            if oldest is not None:
                del self._failures[oldest]


class LoginThrottle:
    """The failures of one worker. `waited` and `refused` are for the metrics."""

    def __init__(self, clock: Clock, *, sleep: Sleep = asyncio.sleep, kept: int = MAX_KEYS) -> None:
        self._clock = clock
        self._sleep = sleep
        self._pairs = _FailureTable(clock, FREE_OF_PAIR, kept)
        self._addresses = _FailureTable(clock, FREE_OF_ADDRESS, kept)
        self._leaked = _FailureTable(clock, FREE_OF_PAIR, kept)
        self._codes: dict[Key, tuple[int, int]] = {}
        self._warned_at = -FORGET_AFTER_S
        self.waited = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return how many keys are kept."""
        return len(self._pairs) + len(self._addresses) + len(self._leaked)

    @asynccontextmanager
    async def attempt(self, namespace: str, name: str, address: str) -> AsyncIterator[None]:
        """Check a proof inside this block: `NotAuthenticated` waits before it is raised again; without an error it was right.

        `namespace` is what the name belongs to: a profile, or `operators`.

        Raises:
            TooManyAttempts: the proof was wrong, and several others already wait for their answer.
        """
        network = network_key(address)
        pair = (namespace, name, network)
        try:
            yield
        except NotAuthenticated:
            await self._slow(pair, (namespace, network))
            raise
        self._pairs.forget(pair)

    async def delay_attempt(self, namespace: str, name: str) -> None:
        """Before a proof is checked, wait if somebody tried codes with this name's right password.

        Only somebody with the password can cause this wait. Raises `TooManyAttempts`.
        """
        failures = self._leaked.find((namespace, name))
        await self._wait(failures, failures.delay)
        if not failures.count:
            self._leaked.forget((namespace, name))

    def is_guessed(self, namespace: str, name: str) -> bool:
        """Return whether a right code may be one of many guesses: somebody has the password, and this minute had too many codes."""
        is_known = self._leaked.find((namespace, name)).delay > 0
        return is_known and self._count_codes((namespace, name)) > CODES_A_MINUTE

    def count_code(self, namespace: str, name: str) -> None:
        """Count a wrong code, with any password, of a name that exists."""
        key = (namespace, name)
        self._codes[key] = self._minute(), self._count_codes(key) + 1

    def _count_codes(self, key: Key) -> int:
        minute, count = self._codes.get(key, (0, 0))
        return count if minute == self._minute() else 0

    def _minute(self) -> int:
        return int(self._clock.monotonic()) // _MINUTE_S

    def count_wrong_code(self, namespace: str, name: str) -> None:
        """Count an attempt with a name's right password and a wrong code."""
        is_last_free = self._leaked.add(self._leaked.find((namespace, name)))
        self._leaked.evict((namespace, name))
        if is_last_free:
            _log.warning("password_known_without_code", door=namespace)

    async def _slow(self, pair: Key, network: Key) -> None:
        counted = [(self._pairs, pair, self._pairs.find(pair))]
        if not counted[0][2].delay:
            # Until it is slowed itself, a portal with a wrong secret in its settings also counts for its address.
            counted.append((self._addresses, network, self._addresses.find(network)))
        delays = [failures.delay for _, _, failures in counted]
        for table, _, failures in counted:
            if table.add(failures):
                self._warn()
        try:
            for (_, _, failures), delay in zip(counted, delays, strict=True):
                await self._wait(failures, delay)
        finally:
            for table, key, _ in counted:
                table.evict(key)

    async def _wait(self, failures: _Failures, delay: float) -> None:
        if not delay:
            return
        try:
            await failures.wait(delay, self._sleep)
        except TooManyAttempts:
            self.refused += 1
            raise
        self.waited += 1

    def _warn(self) -> None:
        """Log that guesses are slowed, at most once a minute."""
        now = self._clock.monotonic()
        if now - self._warned_at >= WARN_INTERVAL_S:
            self._warned_at = now
            _log.warning("secret_guesses_slowed")


def network_key(address: str) -> str:
    """Return the network that is counted for an address: itself, or the /64 of an IPv6 one, which is one subscriber's."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    return str(parsed) if parsed.version == 4 else parsed.exploded[:19]


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at: float


class RateLimits:
    """The token buckets of one worker. `refused` is for the metrics."""

    def __init__(self, clock: Clock, *, kept: int = MAX_KEYS) -> None:
        self._clock = clock
        self._kept = kept
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._under_way: Counter[tuple[str, str]] = Counter()
        self.refused: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many accounts have a bucket."""
        return len(self._buckets)

    def spend(self, profile: str, client_id: str, *, per_second: int) -> None:
        """Take one call out of an account's bucket. Raises `RateLimited` if it is empty."""
        now = self._clock.monotonic()
        full = float(per_second * BURST_SECONDS)
        bucket = self._buckets.setdefault((profile, client_id), _Bucket(full, now))
        self._buckets.move_to_end((profile, client_id))
        bucket.calls = min(full, bucket.calls + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)  # unused for the longest time, so most likely full again
        if bucket.calls < 1:
            self.refused[profile] = self.refused.get(profile, 0) + 1
            raise RateLimited(1, *_RATE)  # the rate is one call a second or more
        bucket.calls -= 1

    def begin(self, profile: str, client_id: str) -> Callable[[], None]:
        """Count a call that is under way, and return what ends it. Raises `RateLimited` if the account has too many."""
        caller = profile, client_id
        if self._under_way[caller] >= AT_ONCE:
            self.refused[profile] = self.refused.get(profile, 0) + 1
            raise RateLimited(1, *_CALLS_UNDER_WAY)
        self._under_way[caller] += 1
        return partial(self._end, caller)

    def _end(self, caller: tuple[str, str]) -> None:
        self._under_way[caller] -= 1
        if not self._under_way[caller]:
            del self._under_way[caller]

    def headers_of(self, profile: str, client_id: str, *, per_second: int) -> list[tuple[bytes, bytes]]:
        """Return the headers on what is left in an account's bucket (draft-ietf-httpapi-ratelimit-headers-10).

        `r` calls are left of `q` in a window of `w` seconds; in `t` seconds the bucket is full again.
        """
        full = per_second * BURST_SECONDS
        left = self._buckets[(profile, client_id)].calls
        full_in = ceil((full - left) / per_second)
        return [
            (b"ratelimit-policy", f'"account";q={full};w={BURST_SECONDS}'.encode()),
            (b"ratelimit", f'"account";r={int(left)};t={full_in}'.encode()),
        ]
