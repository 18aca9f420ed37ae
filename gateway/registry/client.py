"""The client of one connection to the registry, with its bulkhead and its circuit breaker.

`open_registry` refuses a connection whose URL or credentials can't work, before any question. The bulkhead sends at most
`MAX_CONCURRENT` questions at once; the others wait, each within its own deadline, and accounts take turns. The breaker
opens after `FAILURES` failures in a row, refuses every question for `COOLING_S` seconds, then admits one probe: its
answer closes the breaker, its failure opens it again. Only outages count as failures: a refusal or an invalid answer
shows that the registry is up. The login lockout is in `session.py`.
"""

import asyncio
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from enum import StrEnum
from math import ceil
from typing import TypeAlias, TypeVar

import httpx
import structlog

from gateway.clock import Clock, today
from gateway.errors import GatewayError
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.identifiers import Profile, new_identifier
from gateway.registry import dialects
from gateway.registry.connection import Connection
from gateway.registry.egress import EgressPolicy
from gateway.registry.http_sender import HttpSender, unforeseen
from gateway.registry.model import Found, NobodyFound, Question
from gateway.registry.reader import Branch
from gateway.registry.records import read_answer, read_verdict
from gateway.registry.session import MAX_SKEW_S, RegistrySession, check_credentials
from gateway.registry.tls import check_client

FAILURES = 16
COOLING_S = 5.0
MAX_CONCURRENT = 64

Transport: TypeAlias = httpx.AsyncBaseTransport
"""Sends requests; an alias, so that other folders can pass it on without importing the HTTP library."""

Answered = TypeVar("Answered")

_log = structlog.get_logger(__name__)


class BreakerState(StrEnum):
    """The breaker admits all questions, admits none, or waits for the end of one probe."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Breaker:
    """The circuit breaker of one connection. Every admitted question must be released, however it ended.

    `admit` returns the number of the period between two changes of state. A question that was admitted in an earlier
    period says nothing about the present, so `answered`, `failed` and `release` ignore it.
    """

    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._period = 0
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """Return the state."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.PROBING if self._probing else BreakerState.OPEN

    def admit(self) -> int:
        """Return the present period; raises `RegistryUnavailable` while the breaker is open or a probe is under way."""
        if self._open_until is None:
            return self._period
        left = self._open_until - self._clock.monotonic()
        if left > 0 or self._probing:
            raise RegistryUnavailable(max(ceil(left), 1))
        self._probing = True
        return self._period

    def renew(self, period: int) -> int:
        """Admit a question again if the period has changed while it waited; raises `RegistryUnavailable`."""
        return period if period == self._period else self.admit()

    def answered(self, period: int) -> None:
        """Count an answer of the registry: it ends the failures in a row and closes the breaker."""
        if period != self._period:
            return
        self._failed = 0
        if self._open_until is not None:
            self._begin_period(None)
            _log.info("registry_back", profile=self._profile.value)

    def failed(self, period: int) -> None:
        """Count a failure: the registry can't be reached or doesn't answer."""
        if period != self._period:
            return
        self._failed += 1
        if self._open_until is not None or self._failed >= FAILURES:
            self._begin_period(self._clock.monotonic() + COOLING_S)
            _log.warning("registry_out", profile=self._profile.value, seconds=COOLING_S)

    def release(self, period: int) -> None:
        """End a question; after a probe without a result (cancelled, or refused before it was sent) admit another."""
        if period == self._period:
            self._probing = False

    def _begin_period(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._period += 1
        self._failed = 0
        self._probing = False


DURATION_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""


class Durations:
    """How long questions took: `counts` by the first of `DURATION_BOUNDS` that fits, the last for all longer ones.

    `seconds` is the sum.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count a question."""
        self.counts[bisect_left(DURATION_BOUNDS, seconds)] += 1
        self.seconds += seconds


class FairSemaphore:
    """The slots of a bulkhead: waiting owners get one in turn, and each owner's acquirers in their order.

    So the queue of one account doesn't delay the others. A rate of calls doesn't protect them: a registry that answers in a
    second fills 64 slots with 64 calls a second. See docs/decisions/0141.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # in the order of their turns

    async def acquire(self, owner: str, *, seconds: float) -> None:
        """Take a slot; wait for this owner's turn if none is free. Raises `RegistryTimeout` after these seconds."""
        if self._free:  # a slot is free only if nobody waits
            self._free -= 1
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(slot)
        try:
            async with asyncio.timeout(seconds):
                await slot
        except (TimeoutError, asyncio.CancelledError) as exc:
            if not slot.cancelled():  # it was given the slot at the same moment
                self.release()
            if isinstance(exc, TimeoutError):
                raise RegistryTimeout from exc
            raise

    def release(self) -> None:
        """Give a slot to the next owner that waits, or free it."""
        while self._waiting:
            owner = next(iter(self._waiting))
            queue = self._waiting.pop(owner)
            while queue and queue[0].done():
                queue.popleft()  # it waits no more
            if queue:
                queue.popleft().set_result(None)
                if queue:
                    self._waiting[owner] = queue  # behind the others
                return
        self._free += 1


class RegistryClient:
    """The client of one connection, with its counts.

    `counts` counts questions by operation and outcome: `answered`, or the code of the problem; `durations` are their
    durations by operation, with the wait for a slot; `under_way` is the number of questions under way. `id` is unique
    among all workers. `login_refused` is true from a refusal of the login until the next answer. `clock_skew` is by how
    many seconds the registry's clock was ahead at that refusal, if that is so much that the registry refuses every login;
    else None.
    """

    def __init__(self, session: RegistrySession, connection: Connection, clock: Clock) -> None:
        self.id = new_identifier("link")
        self.connection = connection
        self.counts: Counter[tuple[str, str]] = Counter()
        self.durations: defaultdict[str, Durations] = defaultdict(Durations)
        self.under_way = 0
        self.login_refused = False
        self.clock_skew: float | None = None
        self._session = session
        self._clock = clock
        self._breaker = Breaker(clock, connection.profile)
        self._slots = FairSemaphore(MAX_CONCURRENT)
        self._enough_time_s = connection.deadline_ms / 2000

    @property
    def breaker_state(self) -> BreakerState:
        """Return the state of the breaker."""
        return self._breaker.state

    async def confirm(self, question: Question) -> bool:
        """Ask yes or no; raises `RegistryError`."""
        return await self._ask(question, read_verdict)

    async def find_record(self, question: Question) -> Found | NobodyFound:
        """Ask for the part of a record that the operation returns; raises `RegistryError`."""
        return await self._ask(question, lambda body: read_answer(body, question.claim, today(self._clock)))

    async def aclose(self) -> None:
        """Close the session and its transport."""
        await self._session.aclose()

    async def _ask(self, question: Question, read: Callable[[Branch], Answered]) -> Answered:
        begun = self._clock.monotonic()
        self.under_way += 1
        try:
            answer = await self._wait_and_send(question, read)
        except GatewayError as error:
            self.counts[question.operation.value, error.code] += 1
            raise
        finally:
            self.under_way -= 1
            self.durations[question.operation.value].add(self._clock.monotonic() - begun)
        self.counts[question.operation.value, "answered"] += 1
        return answer

    def _note_refused_login(self) -> None:
        if self.login_refused:
            return
        skew = self._session.clock_skew()
        self.login_refused = True
        self.clock_skew = skew if skew is not None and abs(skew) > MAX_SKEW_S else None
        if self.clock_skew is not None:
            _log.error(
                "registry_clock_differs",
                profile=self.connection.profile.value,
                seconds_ahead=round(self.clock_skew),
            )

    async def _wait_and_send(self, question: Question, read: Callable[[Branch], Answered]) -> Answered:
        period = self._breaker.admit()
        try:
            seconds = question.deadline - self._clock.monotonic()
            await self._slots.acquire(question.account, seconds=seconds)
            try:
                period = self._breaker.renew(period)
                return await self._send(period, question, read)
            finally:
                self._slots.release()
        finally:
            self._breaker.release(period)

    async def _send(self, period: int, question: Question, read: Callable[[Branch], Answered]) -> Answered:
        # A timeout of a question that waited most of its time for a slot is no failure of the registry.
        had_time = question.deadline - self._clock.monotonic() >= self._enough_time_s
        try:
            answer = read(await dialects.ask(self._session, self.connection, question))
        except RegistryCredentialsRejected:
            self._note_refused_login()
            raise
        except (RegistryRefused, RegistryAnswerInvalid):
            self._breaker.answered(period)
            raise
        except RegistryUnavailable:
            self._breaker.failed(period)
            raise
        except RegistryTimeout:
            if had_time:
                self._breaker.failed(period)
            raise
        except GatewayError:
            raise
        except Exception as exc:  # an unforeseen form of answer: only this question fails
            self._breaker.answered(period)
            raise unforeseen(exc, "answer") from exc
        self._breaker.answered(period)
        self.login_refused = False
        return answer


def check_connection(connection: Connection) -> None:
    """Raise `SettingInvalid` where a connection's URL or credentials can't work; nothing is opened."""
    EgressPolicy(connection)
    check_credentials(connection)
    check_client(connection)


def open_registry(connection: Connection, *, transport: Transport, clock: Clock) -> RegistryClient:
    """Return a client of this connection; raises `SettingInvalid`. Its `aclose` closes the transport."""
    policy = EgressPolicy(connection)
    session = RegistrySession(connection, HttpSender(transport, policy), policy, clock)
    return RegistryClient(session, connection, clock)
