"""Keep a wrong login from being tried until C06 locks the account.

While a login has not been seen to work, one question at a time tries it and the others wait: if it is refused, so
are they, and that was one try. After three refused tries in a row none is made for a minute, then one. Refusals of
questions that were sent together count once. An outage says nothing of a login.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

import structlog

from gateway.clock import Clock
from gateway.errors.registry import RegistryCredentialsRejected
from gateway.places import Profile

TRIES = 3
COOLING_S = 60.0

_log = structlog.get_logger(__name__)

Answered = TypeVar("Answered")


class LoginLatch:
    """One connection's latch, whichever of its layers refuses."""

    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._alone = asyncio.Lock()
        self._works = False
        self._wave = 0
        self._refused = 0
        self._shut_until = -inf

    async def run(self, attempt: Callable[[], Awaitable[Answered]]) -> Answered:
        """Return what an attempt brings; raises `RegistryCredentialsRejected` without one while shut."""
        if self._clock.monotonic() < self._shut_until:
            raise RegistryCredentialsRejected
        wave = self._wave
        if not self._works:
            async with self._alone:
                if wave != self._wave:  # the one that went first was refused, for all who waited
                    raise RegistryCredentialsRejected
                if not self._works:
                    return await self._try(attempt, wave)
        return await self._try(attempt, wave)

    async def _try(self, attempt: Callable[[], Awaitable[Answered]], wave: int) -> Answered:
        try:
            answer = await attempt()
        except RegistryCredentialsRejected:
            self._note_refusal(wave)
            raise
        if wave == self._wave:
            self._works = True
            self._refused = 0
        return answer

    def _note_refusal(self, wave: int) -> None:
        if wave != self._wave:
            return
        self._wave += 1
        self._works = False
        self._refused += 1
        if self._refused >= TRIES:
            self._shut_until = self._clock.monotonic() + COOLING_S
            _log.error("registry_login_latched", profile=self._profile.value, seconds=COOLING_S)
