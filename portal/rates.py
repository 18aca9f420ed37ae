"""What bounds the acts of one person or one network: rates, turns and names of one use. In memory, of limited size.

A network is an IPv4 address or the /64 of an IPv6 one (`forwarded.py`). See docs/decisions/0102 and 0119.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from portal.clock import Clock
from portal.errors import TooOften

WAITING = 3
"""Acts that may wait for their turn under one name."""

_AGAIN_S = 10


class Rate:
    """At most so many acts a minute under one name; names are bounded in number."""

    def __init__(self, limit: int, clock: Clock, *, names: int = 10_000) -> None:
        self._limit, self._clock, self._names = limit, clock, names
        self._acts: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, name: str) -> None:
        """Count one act. Raises `TooOften`."""
        acts, now = self._find(name), self._clock.monotonic()
        if len(acts) >= self._limit:
            raise TooOften(int(60 - (now - acts[0])) + 1)
        acts.append(now)

    def take_back(self, name: str) -> None:
        """Forget the latest act that was counted."""
        if acts := self._find(name):
            acts.pop()

    def is_spent(self, name: str) -> bool:
        """Return whether the next act under this name would be one too many."""
        return len(self._find(name)) >= self._limit

    def _find(self, name: str) -> deque[float]:
        """Return the acts of the last minute."""
        acts = self._acts.setdefault(name, deque())
        self._acts.move_to_end(name)
        while len(self._acts) > self._names:
            self._acts.popitem(last=False)
        while acts and self._clock.monotonic() - acts[0] >= 60:
            acts.popleft()
        return acts


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Turns:
    """One act at a time under one name, and a few that wait; a name is kept only meanwhile."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def take(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn and keep it inside this block. Raises `TooOften` if `WAITING` others wait already."""
        queue = self._queues.setdefault(name, _Queue())
        if queue.length > WAITING:
            raise TooOften(_AGAIN_S)
        queue.length += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[name]


class UsedNames:
    """Names of one use; bounded, the oldest is forgotten first."""

    def __init__(self, clock: Clock, *, names: int = 10_000) -> None:
        self._clock, self._names = clock, names
        self._until: OrderedDict[str, int] = OrderedDict()

    def use(self, name: str, *, until: int) -> bool:
        """Return whether this is the first use; the name is remembered until a time in seconds."""
        now = int(self._clock.now().timestamp())
        while self._until and (len(self._until) >= self._names or next(iter(self._until.values())) < now):
            self._until.popitem(last=False)
        is_first = name not in self._until
        self._until.setdefault(name, until)
        return is_first
