"""Slow down whoever guesses secrets, without a lever for strangers to keep the right holder waiting (threat 51).

A proof is judged first: a right one passes at once, whatever others do. A wrong one is counted for its name at its
address, and for the address over all names; beyond the free ones its answer waits, one after the other, and where some
wait already it is refused without a wait. Nothing is counted for a name over all addresses, but for one whose password
somebody knows who lacks the code. A name is a client's at a profile, or an operator's. Per worker, in memory, bounded.
See docs/decisions/0071.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import ceil
from typing import TypeAlias

import structlog

from gateway.clock import Clock
from gateway.edge.forwarded import parse_address

FREE_OF_PAIR = 5
FREE_OF_ADDRESS = 50
WAITING = 3
LONGEST_S = 2.0
FORGOTTEN_S = 900.0
WARNED_S = 60.0
KEPT = 10_000

Key: TypeAlias = tuple[str, ...]

_SHORTEST_S = 0.25
_log = structlog.get_logger(__name__)


class Unproven(Exception):
    """Whoever tried did not prove themselves: each door has a class of its own below this."""


class TooManyGuesses(Exception):
    """A wrong try while others wait for their answer already. `retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Line:
    """Wrong tries of one thing; those beyond `free` wait for their answer, one at a time."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.failures = 0
        self.failed_at = 0.0
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def idle(self) -> bool:
        """Nobody waits."""
        return self._waiting == 0

    @property
    def delay(self) -> float:
        """What each further try must wait; 0 while free failures are left."""
        over = self.failures - self.free
        return 0.0 if over < 0 else min(_SHORTEST_S * 2.0 ** min(over, 8), LONGEST_S)

    async def wait(self, delay: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait so long, after those who wait already. Raises `TooManyGuesses` where they are many."""
        if self._waiting >= WAITING:
            raise TooManyGuesses(ceil(delay * (WAITING + 1)))
        self._waiting += 1
        try:
            async with self._turn:
                await sleep(delay)
        finally:
            self._waiting -= 1

    def fail(self, now: float) -> None:
        """Count a failure."""
        self.failures += 1
        self.failed_at = now


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
            line.failures = 0
        if line is None:
            line = self._lines[key] = Line(self._free)
        return line

    def forget(self, key: Key) -> None:
        """Forget the failures of a key."""
        if key in self._lines:
            self._lines[key].failures = 0
            if self._lines[key].idle:
                del self._lines[key]

    def tidy(self, key: Key) -> None:
        """After a failure: keep not more than the bound."""
        if key in self._lines:
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
        self._pairs = Lines(clock, FREE_OF_PAIR, kept)
        self._addresses = Lines(clock, FREE_OF_ADDRESS, kept)
        self._leaked = Lines(clock, FREE_OF_PAIR, kept)
        self._warned_at = -FORGOTTEN_S
        self.waited = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._pairs) + len(self._addresses) + len(self._leaked)

    @asynccontextmanager
    async def slowing(self, door: str, name: str, address: str) -> AsyncIterator[None]:
        """Judge a proof inside: `Unproven` out of it is slowed before it is raised again, its end is a success.

        `door` is where names stand for something: a profile, or `operators`. A wait only follows a wrong proof.

        Raises:
            TooManyGuesses: the proof was wrong, and others wait for such an answer already.
        """
        place = network_of(address)
        pair = (door, name, place)
        try:
            yield
        except Unproven:
            await self._slow(pair, (door, place))
            raise
        self._pairs.forget(pair)

    async def pace(self, door: str, name: str) -> None:
        """Wait before a name's proof is judged, where somebody tried codes with its password. Raises `TooManyGuesses`.

        Whoever doesn't know the password can't cause it.
        """
        line = self._leaked.find((door, name))
        await self._wait(line, line.delay)
        if not line.failures:
            self._leaked.forget((door, name))

    def note_leak(self, door: str, name: str) -> None:
        """Count a try with a name's right password and a wrong code."""
        line = self._leaked.find((door, name))
        line.fail(self._clock.monotonic())
        self._leaked.tidy((door, name))
        if line.failures == line.free:
            _log.warning("password_known_without_code", door=door)

    async def _slow(self, pair: Key, place: Key) -> None:
        own = self._pairs.find(pair)
        counted = [(self._pairs, pair, own)]
        if not own.delay:
            # One portal with a wrong secret in its settings counts at its address only until it is slowed itself.
            counted.append((self._addresses, place, self._addresses.find(place)))
        delays = [line.delay for _, _, line in counted]
        for _, _, line in counted:
            line.fail(self._clock.monotonic())
            if line.failures == line.free:
                self._warn()
        try:
            for (_, _, line), delay in zip(counted, delays, strict=True):
                await self._wait(line, delay)
        finally:
            for lines, key, _ in counted:
                lines.tidy(key)

    async def _wait(self, line: Line, delay: float) -> None:
        if not delay:
            return
        try:
            await line.wait(delay, self._sleep)
        except TooManyGuesses:
            self.refused += 1
            raise
        self.waited += 1

    def _warn(self) -> None:
        """Log that guesses are slowed, once a minute however many there are."""
        now = self._clock.monotonic()
        if now - self._warned_at >= WARNED_S:
            self._warned_at = now
            _log.warning("secret_guesses_slowed")


def network_of(address: str) -> str:
    """Return what is counted for an address: itself, or an IPv6 one's /64, which is one subscriber's."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    return str(parsed) if parsed.version == 4 else parsed.exploded[:19]
