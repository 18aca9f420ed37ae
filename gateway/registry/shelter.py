"""A registry that can't drag the gateway down: so many questions at once, and none while it is out.

Stands around either implementation, so that it sees each answer read to the end. What it refuses costs no packet.
A question waits for its place within its own deadline; the login's latch is `session.py`'s.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.clock import Clock
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.identifiers import new_identifier
from gateway.places import Profile
from gateway.registry.breaker import Breaker, BreakerState
from gateway.registry.connection import Connection
from gateway.registry.model import Found, NobodyFound, Question, Registry
from gateway.registry.refusals import unforeseen

PLACES = 64
"""Questions of one connection that may be on their way at once; below the transport's connections."""

Answered = TypeVar("Answered")


class ShelteredRegistry:
    """The registry behind one profile, with a breaker and a bulkhead of its own.

    `tally` counts questions by operation and outcome: `answered`, or the code of the problem; `id` is this object's
    alone, among all workers. `login_refused` from a refusal of the login until the next answer.
    """

    def __init__(self, inner: Registry, connection: Connection, clock: Clock) -> None:
        self.id = new_identifier("link")
        self._inner = inner
        self._clock = clock
        self._breaker = Breaker(clock, connection.profile)
        self._places = asyncio.Semaphore(PLACES)
        self._fair_s = connection.deadline_ms / 2000
        self.tally: Counter[tuple[str, str]] = Counter()
        self.login_refused = False

    @property
    def profile(self) -> Profile:
        """The only profile whose questions may pass."""
        return self._inner.profile

    @property
    def breaker_state(self) -> BreakerState:
        """Return the breaker's state of now."""
        return self._breaker.state

    async def confirm(self, question: Question) -> bool:
        """Ask yes or no; raises `RegistryError`."""
        return await self._ask(question, self._inner.confirm)

    async def find_record(self, question: Question) -> Found | NobodyFound:
        """Ask for the part of a record that the operation brings; raises `RegistryError`."""
        return await self._ask(question, self._inner.find_record)

    async def aclose(self) -> None:
        """Close the registry inside."""
        await self._inner.aclose()

    async def _ask(self, question: Question, ask: Callable[[Question], Awaitable[Answered]]) -> Answered:
        try:
            answer = await self._ask_sheltered(question, ask)
        except GatewayError as error:
            self.tally[question.operation.value, find_problem(error).code] += 1
            raise
        self.tally[question.operation.value, "answered"] += 1
        return answer

    async def _ask_sheltered(
        self, question: Question, ask: Callable[[Question], Awaitable[Answered]]
    ) -> Answered:
        admission = self._breaker.admit()
        try:
            await self._take_place(question.deadline)
            try:
                admission = self._breaker.renew(admission)
                return await self._watched(admission, question, ask)
            finally:
                self._places.release()
        finally:
            self._breaker.leave(admission)

    async def _take_place(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline - self._clock.monotonic()):
                await self._places.acquire()
        except TimeoutError as exc:
            raise RegistryTimeout from exc

    async def _watched(
        self, admission: int, question: Question, ask: Callable[[Question], Awaitable[Answered]]
    ) -> Answered:
        # Who spent most of its time waiting for a place and then ran out of it says nothing of the registry.
        is_fair = question.deadline - self._clock.monotonic() >= self._fair_s
        try:
            answer = await ask(question)
        except RegistryCredentialsRejected:
            self.login_refused = True
            raise
        except (RegistryRefused, RegistryAnswerInvalid):
            self._breaker.answered(admission)
            raise
        except RegistryUnavailable:
            self._breaker.failed(admission)
            raise
        except RegistryTimeout:
            if is_fair:
                self._breaker.failed(admission)
            raise
        except GatewayError:
            raise
        except Exception as exc:  # no reader of ours foresaw the answer: one packet's failure
            self._breaker.answered(admission)
            raise unforeseen(exc, "answer") from exc
        self._breaker.answered(admission)
        self.login_refused = False
        return answer
