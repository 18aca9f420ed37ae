"""A preflight's packets are evidence like any other: `intended` before each leaves, `answered` once it has ended."""

from dataclasses import dataclass

from gateway.audit.model import AuditEntry, Kind
from gateway.edge.problems import find_problem
from gateway.errors.registry import RegistryError
from gateway.parts import Parts
from gateway.registry.probe_model import Packet

ORIGIN = "preflight"
"""What such a question's row says of where it came from: nobody was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWitness:
    """Writes what is asked in one act, such as a change; `actor` is an operator, `gateway` by itself, or `local`."""

    parts: Parts
    act: str
    actor: str

    async def announce(self, packet: Packet) -> None:
        """Record, durably before it returns, that a packet is about to leave. Raises `Overloaded`."""
        await self.parts.audit.record(self._entry(packet, Kind.INTENDED, None))

    async def conclude(self, packet: Packet, failure: RegistryError | None) -> None:
        """Record how a packet ended."""
        outcome = "answered" if failure is None else find_problem(failure).code
        await self.parts.audit.record(self._entry(packet, Kind.ANSWERED, outcome), owed=True)

    def _entry(self, packet: Packet, kind: Kind, outcome: str | None) -> AuditEntry:
        return AuditEntry(
            at=self.parts.clock.now(),
            kind=kind,
            profile=packet.profile,
            act=self.act,
            procedure=packet.procedure,
            operation=packet.operation.value,
            request_code=packet.request_code,
            origin=ORIGIN,
            outcome=outcome,
            actor=self.actor,
        )
