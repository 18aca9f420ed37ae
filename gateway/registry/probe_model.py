"""What a probe asks with and what it brings: values, and the Protocol of who writes its packets down.

Nothing here holds a value of a person. The one claim is nobody's. See docs/decisions/0055.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from gateway.errors.registry import RegistryError
from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.registry.client import Transport
from gateway.registry.connection import Connection
from gateway.registry.model import Claim
from gateway.registry.probe_network import Resolve, resolve_by_system
from gateway.registry.readings import Seen

IMPOSSIBLE = Claim(citizen_id="000000000000", full_name="Kiểm Tra Kết Nối", birth_date=date(1900, 1, 1))
"""Nobody: neither a province nor a country has the code 000. The name tells C06's own log what was asked: a test."""


class Outcome(StrEnum):
    """How a question ended. `SOMEBODY` is also an answer about a person who is not the one asked for."""

    NOBODY = "nobody"
    SOMEBODY = "somebody"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A question that is about to leave, as evidence names it; `about_person` where it is not about nobody."""

    profile: Profile
    operation: Operation
    request_code: str
    procedure: str
    officer: str
    about_person: bool = False


class Witness(Protocol):
    """Writes down what a probe asks."""

    async def reserve(self, questions: int) -> None:
        """Count questions about a person before the first of them leaves; what it raises keeps them from leaving."""
        ...

    async def announce(self, packet: Packet) -> None:
        """Note, durably before it returns, that a packet is about to leave; what it raises keeps it from leaving."""
        ...

    async def conclude(self, packet: Packet, failure: RegistryError | None) -> None:
        """Note how an announced packet ended; without a failure it was answered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How a probe reaches outside: the transport of service, its resolver, and how one waits."""

    open_transport: Callable[[Connection], Transport]
    resolve: Resolve = resolve_by_system
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How one question ended.

    `sent` says that the question left, not only a call for the platform's token; `status` is the last answer's of
    whichever came last, None where none came.
    `fault` is where the answer leaves the schema, if it was held against it.
    """

    operation: Operation
    outcome: Outcome
    sent: bool
    failure: RegistryError | None = None
    status: int | None = None
    skew_seconds: float | None = None
    ms: int = 0
    held_to_schema: bool = False
    fault: str | None = None
    seen: tuple[Seen, ...] = field(default=(), repr=False)
