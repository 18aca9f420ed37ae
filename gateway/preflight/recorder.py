"""The network of a preflight, and the recorder of its questions: two audit rows a question, like an enquiry's.

`intended` is written before a question is sent, `answered` after it has ended. Rows about the test identity have that
person's pseudonym, for no organisation, since the gateway's own operators ask. Rows about the impossible number have no
pseudonym. No row has a value of a person. See docs/decisions/0055.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from gateway.audit.model import CONTENT, AuditEntry, Kind
from gateway.errors.operators import StateWrong
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryError,
    RegistryRefused,
    RegistryTimeout,
)
from gateway.keys.model import PlaceKeys, Purpose
from gateway.preflight.candidate import Resolve, resolve_by_system
from gateway.procedures.model import Operation
from gateway.profiles.model import Dependencies
from gateway.registry.client import Transport
from gateway.registry.connection import Connection
from gateway.registry.model import Claim, Question

if TYPE_CHECKING:
    from gateway.preflight.parity import Observation

ORIGIN = "preflight"
"""The origin in a question's audit rows: no portal asked."""

IMPOSSIBLE = Claim(citizen_id="000000000000", full_name="Kiểm Tra Kết Nối", birth_date=date(1900, 1, 1))
"""The impossible number: no province or country has the code 000. The name means "connection test", for C06's own log."""


class ProbeOutcome(StrEnum):
    """How a question ended. `SOMEBODY` is also an answer about a person who is not the one asked for."""

    NOBODY = "nobody"
    SOMEBODY = "somebody"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """How one question ended.

    `sent`: the question itself was sent, not only a request for the platform's token. `status` is the last answer's, None
    without one. `fault` is where the answer violates the schema, if it was checked.
    """

    operation: Operation
    outcome: ProbeOutcome
    sent: bool
    failure: RegistryError | None = None
    status: int | None = None
    skew_seconds: float | None = None
    ms: int = 0
    schema_checked: bool = False
    fault: str | None = None
    observations: tuple[Observation, ...] = field(default=(), repr=False)

    @property
    def code(self) -> str | None:
        """The registry's code of a refusal; None without a refusal."""
        return self.failure.registry_code if isinstance(self.failure, RegistryRefused) else None

    @property
    def failure_text(self) -> str:
        """How the question failed, with the HTTP status; without any text of the registry."""
        status = "" if self.status is None else f" (HTTP {self.status})"
        match self.failure:
            case RegistryCredentialsRejected():
                return f"refused{status}"
            case RegistryAnswerInvalid():
                return f"the answer can't be read: {self.failure.reason}{status}"
            case RegistryTimeout():
                return f"no answer within the deadline{status}"
            case RegistryRefused():
                return f"refused with {self.failure.registry_code}{status}"
        return f"the registry can't be reached or is down{status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightNetwork:
    """How a preflight reaches the network: its transport, its resolver, and `pause`, which waits a number of seconds."""

    open_transport: Callable[[Connection], Transport]
    resolve: Resolve = resolve_by_system
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class ProbeRecorder(Protocol):
    """Records what a probe asks. If `reserve` or `announce` raises, the question is not sent."""

    async def reserve(self, questions: int) -> None:
        """Count questions about a person before the first of them is sent."""
        ...

    async def announce(self, question: Question, body_sha256: str) -> None:
        """Record, durably before it returns, that a question is about to be sent."""
        ...

    async def conclude(self, question: Question, failure: RegistryError | None) -> None:
        """Record how an announced question ended; without a failure it was answered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecorder:
    """Records the questions of one audit id (`act`), such as a change's; `actor` is an operator, `gateway`, or `local`.

    `keys` make the HMAC of what is sent, and the test identity's pseudonym. `spend` counts questions about the test
    identity; without it only the impossible number may be asked about.
    """

    deps: Dependencies
    act: str
    actor: str
    keys: PlaceKeys
    spend: Callable[[int], Awaitable[None]] | None = None

    async def reserve(self, questions: int) -> None:
        """Count questions about the test identity; raises what the budget raises, `StateWrong` without a budget."""
        if self.spend is None:
            raise StateWrong("this preflight asks about no existing person")
        await self.spend(questions)

    async def announce(self, question: Question, body_sha256: str) -> None:
        """Record, durably before it returns, that a question is about to be sent. Raises `Overloaded`."""
        content = self.keys.pseudonym(CONTENT, "", body_sha256)
        await self.deps.audit.record(self._entry(question, Kind.INTENDED, None).copy_with(content=content))

    async def conclude(self, question: Question, failure: RegistryError | None) -> None:
        """Record how a question ended."""
        outcome = "answered" if failure is None else failure.code
        await self.deps.audit.record(self._entry(question, Kind.ANSWERED, outcome), mandatory=True)

    def _entry(self, question: Question, kind: Kind, outcome: str | None) -> AuditEntry:
        keys = None if question.claim == IMPOSSIBLE else self.keys
        return AuditEntry(
            at=self.deps.clock.now(),
            kind=kind,
            profile=question.profile,
            act=self.act,
            procedure=question.procedure,
            citizen=keys.pseudonym("citizen", "", question.claim.number) if keys else None,
            citizen_key=keys.current(Purpose.PSEUDONYM).kid if keys else None,
            operation=question.operation.value,
            request_code=question.request_code,
            origin=ORIGIN,
            outcome=outcome,
            actor=self.actor,
        )
