"""Stop asking a registry that is out, and find out with one question at a time that it is back.

Opens after failures in a row, refuses for a cooling time, then admits one probe; its answer closes, its failure
opens anew. Counts only outage: who refuses us, or answers badly, is up. An admission says since when a question has
been on its way: what began before the last opening or closing tells nothing of now.
"""

from enum import StrEnum
from math import ceil

import structlog

from gateway.clock import Clock
from gateway.errors.registry import RegistryUnavailable
from gateway.places import Profile

FAILURES = 16
COOLING_S = 5.0

_log = structlog.get_logger(__name__)


class BreakerState(StrEnum):
    """Whether questions go out: all, none, or one that finds out."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Breaker:
    """One connection's breaker. Every admitted question must `leave`, whatever became of it."""

    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._admission = 0
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """Return the state of now."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.PROBING if self._probing else BreakerState.OPEN

    def admit(self) -> int:
        """Return a question's admission; raises `RegistryUnavailable` while open or while a probe is out."""
        if self._open_until is None:
            return self._admission
        left = self._open_until - self._clock.monotonic()
        if left > 0 or self._probing:
            raise RegistryUnavailable(max(ceil(left), 1))
        self._probing = True
        return self._admission

    def renew(self, admission: int) -> int:
        """Return an admission that is good now, to a question that had to wait; raises `RegistryUnavailable`."""
        return admission if admission == self._admission else self.admit()

    def answered(self, admission: int) -> None:
        """Note that the registry spoke."""
        if admission != self._admission:
            return
        self._failed = 0
        if self._open_until is not None:
            self._turn(None)
            _log.info("registry_back", profile=self._profile.value)

    def failed(self, admission: int) -> None:
        """Note that the registry can't be reached or keeps silent."""
        if admission != self._admission:
            return
        self._failed += 1
        if self._open_until is not None or self._failed >= FAILURES:
            self._turn(self._clock.monotonic() + COOLING_S)
            _log.warning("registry_out", profile=self._profile.value, seconds=COOLING_S)

    def leave(self, admission: int) -> None:
        """Let the next probe go where this one ended without word: withdrawn, or refused before it left."""
        if admission == self._admission:
            self._probing = False

    def _turn(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._admission += 1
        self._failed = 0
        self._probing = False
