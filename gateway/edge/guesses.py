"""Slow down whoever guesses secrets, without a lever for strangers to lock the right holder out.

Failures are counted for a name at an address, and for an address over all names; nothing is counted for a name over
all addresses, since that count would be the lever (docs/decisions/0033). A name is a client's at a profile, or an
operator's. Once its free failures are spent, a line lets one try in at a time, after a delay, before the secret is
looked at, so that guesses sent at once gain nothing. Few may wait; the others are refused unread. Per worker, in
memory, bounded.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import TypeAlias

import structlog

from gateway.clock import Clock

FREE_OF_PAIR = 5
FREE_OF_ADDRESS = 50
WAITING = 3
LONGEST_S = 2.0
FORGOTTEN_S = 900.0
KEPT = 10_000

Key: TypeAlias = tuple[str, ...]

_SHORTEST_S = 0.25
_log = structlog.get_logger(__name__)


class Unproven(Exception):
    """Whoever tried did not prove themselves: each door has a class of its own below this."""


class TooManyGuesses(Exception):
    """Refused before the secret was looked at: others already wait. `retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Line:
    """Who tries one thing. While nothing fails, `free` may try at once; each failure takes a place away, to one."""

    def __init__(self, free: int) -> None:
        self.free = free
        self._places = asyncio.Semaphore(free)
        self._present = 0
        self._waiting = 0
        self._lost = 0
        self.failures = 0
        self.failed_at = 0.0

    @property
    def idle(self) -> bool:
        """Nobody waits or tries."""
        return self._present == 0

    @property
    def delay(self) -> float:
        """What each further try must wait; 0 while free failures are left."""
        over = self.failures - self.free
        return 0.0 if over < 0 else min(_SHORTEST_S * 2.0 ** min(over, 8), LONGEST_S)

    async def enter(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Take a place and wait the delay; who entered must `leave`. Raises `TooManyGuesses`."""
        self._refuse_behind(self._waiting)
        self._present += 1
        self._waiting += 1
        try:
            await self._places.acquire()
        except BaseException:  # the caller left while waiting
            self._present -= 1
            raise
        finally:
            self._waiting -= 1
        try:
            # Looked at again: the failures may have come while this one, and many more, already waited.
            self._refuse_behind(self._waiting)
            if self.delay:
                await sleep(self.delay)
        except BaseException:  # refused after all, or the caller left
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place back, unless a failure took it."""
        self._present -= 1
        if self._lost:
            self._lost -= 1
        else:
            self._places.release()

    def fail(self, now: float) -> None:
        """Count a failure of one that is about to leave: its place is lost, but never the last one."""
        self.failures += 1
        self.failed_at = now
        self._lost += 1 if self.failures < self.free else 0

    def clear(self) -> None:
        """Forget the failures."""
        for _ in range(min(self.failures, self.free - 1)):
            self._places.release()
        self.failures = 0

    def _refuse_behind(self, waiting: int) -> None:
        if self.delay and waiting >= WAITING:
            raise TooManyGuesses(ceil(self.delay * (WAITING + 1)))


class Lines:
    """Lines by key, at most `kept` idle ones: the oldest failure is forgotten first."""

    def __init__(self, clock: Clock, free: int, kept: int) -> None:
        self._clock = clock
        self._free = free
        self._kept = kept
        self._lines: OrderedDict[Key, Line] = OrderedDict()

    def __len__(self) -> int:
        return len(self._lines)

    def find(self, key: Key) -> Line:
        """Return the line of a key, a new one where there is none or its failures are old."""
        line = self._lines.get(key)
        if line is not None and line.idle and self._clock.monotonic() - line.failed_at > FORGOTTEN_S:
            line.clear()
        if line is None:
            line = self._lines[key] = Line(self._free)
        return line

    def tidy(self, key: Key) -> None:
        """After a try: keep only what failed, and not more than the bound."""
        line = self._lines.get(key)
        if line is None:
            return
        if line.idle and not line.failures:
            del self._lines[key]
            return
        self._lines.move_to_end(key)
        if len(self._lines) > self._kept:
            oldest = next((found for found, other in self._lines.items() if other.idle), None)
            if oldest is not None:
                del self._lines[oldest]


class Guesses:
    """The lines of one worker. `waited` and `refused` count for the metrics."""

    def __init__(
        self, clock: Clock, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, kept: int = KEPT
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._kept = kept
        self._pairs = Lines(clock, FREE_OF_PAIR, kept)
        self._addresses = Lines(clock, FREE_OF_ADDRESS, kept)
        self._proven: OrderedDict[Key, None] = OrderedDict()
        self.waited = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._pairs) + len(self._addresses) + len(self._proven)

    @asynccontextmanager
    async def slowing(self, door: str, name: str, address: str) -> AsyncIterator[None]:
        """Let a secret be tried inside, in its turn: `Unproven` out of it is a failure, its end a success.

        `door` is where names stand for something: a profile, or `operators`. Who has proven themselves from this
        address answers for their own failures only, not for those of whoever else stands behind the address.

        Raises:
            TooManyGuesses
        """
        place = network_of(address)
        pair = (door, name, place)
        asked: list[tuple[Lines, Key]] = [(self._pairs, pair)]
        if pair not in self._proven:
            asked.append((self._addresses, (door, place)))
        entered: list[Line] = []
        try:
            for lines, key in asked:
                entered.append(await self._enter(lines.find(key)))
            yield
            entered[0].clear()
            self._remember(pair)
        except Unproven:
            self._fail(entered)
            raise
        finally:
            for line in entered:
                line.leave()
            for lines, key in asked:
                lines.tidy(key)

    async def _enter(self, line: Line) -> Line:
        try:
            await line.enter(self._sleep)
        except TooManyGuesses:
            self.refused += 1
            raise
        self.waited += 1 if line.delay else 0
        return line

    def _fail(self, entered: list[Line]) -> None:
        # One portal with a wrong secret in its settings counts at its address only until it is slowed itself.
        counted = entered[:1] if entered[0].delay else entered
        for line in counted:
            line.fail(self._clock.monotonic())
            if line.failures == line.free:
                _log.warning("secret_guesses_slowed")

    def _remember(self, pair: Key) -> None:
        self._proven[pair] = None
        self._proven.move_to_end(pair)
        if len(self._proven) > self._kept:
            self._proven.popitem(last=False)


def network_of(address: str) -> str:
    """Return what is counted for an address: itself, or an IPv6 one's /64, which is one subscriber's."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed) if parsed.version == 4 else parsed.exploded[:19]
