"""Who may stay connected: whoever waits longest makes room, strangers first; who was answered before keeps its place.

A connection waits while its request is not whole. Too slow a request and an unread answer end it too (threat 36).
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

MOST = 4096
"""Connections of one server at most."""

WAIT_SECONDS = 20.0
"""How long the rest of a request may be waited for; a whole head begins it anew, and its body has 15 seconds."""

UNREAD_SECONDS = 30.0
"""How long an answer may lie unread."""

log = structlog.get_logger("gateway.edge")


class Occupant(Protocol):
    """A connection, as the room sees it."""

    was_answered: bool

    def unread_since(self, now: float) -> float:
        """Say since when an answer has lain unread; `now` where none does. Looked at again and again."""

    def cut(self, reason: str) -> None:
        """End at once, and leave the room."""


class Room:
    """The connections of one server that wait for a request, or for the rest of one, longest first.

    `note` hears why each was ended: a problem's code, `evicted`, `request_slow` or `answer_unread`.
    """

    def __init__(
        self,
        *,
        base: str,
        note: Callable[[str], None],
        most: int = MOST,
        wait_seconds: float = WAIT_SECONDS,
        unread_seconds: float = UNREAD_SECONDS,
    ) -> None:
        self.base = base
        self.most = most
        self._note = note
        self._ended: Counter[str] = Counter()
        self._wait_seconds = wait_seconds
        self._unread_seconds = unread_seconds
        self._all: set[Occupant] = set()
        self._strangers: dict[Occupant, float] = {}
        self._known: dict[Occupant, float] = {}

    def enter(self, connection: Occupant, *, now: float) -> bool:
        """Take one more, in the place of who waits longest if need be; False where all have work in hand."""
        if len(self._all) >= self.most and not self._evict():
            return False
        self._all.add(connection)
        self.wait(connection, now=now)
        return True

    def wait(self, connection: Occupant, *, now: float) -> None:
        """Count from now how long this one waits."""
        self.be_busy(connection)
        (self._known if connection.was_answered else self._strangers)[connection] = now

    def be_busy(self, connection: Occupant) -> None:
        """Its request is whole: it waits for nothing."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def leave(self, connection: Occupant) -> None:
        """Give up its place."""
        self._all.discard(connection)
        self.be_busy(connection)

    def _evict(self) -> bool:
        for waiting in (self._strangers, self._known):
            for connection in waiting:
                connection.cut("evicted")
                return True
        return False

    def note(self, reason: str) -> None:
        """Count why a connection was ended."""
        self._ended[reason] += 1
        self._note(reason)

    def sweep(self, *, now: float) -> None:
        """End those that have waited too long, and those that don't read their answer."""
        for waiting in (self._strangers, self._known):
            for connection, since in list(waiting.items()):
                if now - since < self._wait_seconds:
                    break
                connection.cut("request_slow")
        for connection in list(self._all):
            if now - connection.unread_since(now) > self._unread_seconds:
                connection.cut("answer_unread")
        self.tell()

    def tell(self) -> None:
        """Log how many were ended and why since the last time: one line, however many there were."""
        if self._ended:
            log.warning("connections_ended", **self._ended)
            self._ended.clear()
