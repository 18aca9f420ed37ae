"""A preflight's packets are evidence like any other: `intended` before each leaves, `answered` once it has ended.

The rows of questions about the test identity carry that person's pseudonym, as an enquiry's do; of no organisation, since
it is the gateway's own operators who ask. The rows about the number that nobody has name nobody.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit.model import AuditEntry, Kind
from gateway.edge.problems import find_problem
from gateway.errors.commands import StateWrong
from gateway.errors.registry import RegistryError
from gateway.keys.model import PlaceKeys, Purpose
from gateway.parts import Parts
from gateway.registry.model import Claim
from gateway.registry.probe_model import Packet

ORIGIN = "preflight"
"""What such a question's row says of where it came from: no portal asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The pseudonym of the test identity, and the id of the key behind it."""

    citizen: str
    citizen_key: str


def subject_of(keys: PlaceKeys, claim: Claim) -> Subject:
    """Return what stands for a test identity in evidence."""
    number = claim.citizen_id or claim.id_card_number or ""
    return Subject(
        citizen=keys.pseudonym("citizen", "", number), citizen_key=keys.current(Purpose.PSEUDONYM).kid
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWitness:
    """Writes what is asked in one act, such as a change; `actor` is an operator, `gateway` by itself, or `local`.

    `spend` counts questions about the test identity, whose pseudonym `subject` is; without one nobody is asked about.
    """

    parts: Parts
    act: str
    actor: str
    spend: Callable[[int], Awaitable[None]] | None = None
    subject: Subject | None = None

    async def reserve(self, questions: int) -> None:
        """Count questions about the test identity; raises what the budget raises, `StateWrong` where there is none."""
        if self.spend is None or self.subject is None:
            raise StateWrong("this preflight asks about nobody")
        await self.spend(questions)

    async def announce(self, packet: Packet) -> None:
        """Record, durably before it returns, that a packet is about to leave. Raises `Overloaded`."""
        await self.parts.audit.record(self._entry(packet, Kind.INTENDED, None))

    async def conclude(self, packet: Packet, failure: RegistryError | None) -> None:
        """Record how a packet ended."""
        outcome = "answered" if failure is None else find_problem(failure).code
        await self.parts.audit.record(self._entry(packet, Kind.ANSWERED, outcome), owed=True)

    def _entry(self, packet: Packet, kind: Kind, outcome: str | None) -> AuditEntry:
        named = self.subject if packet.about_person else None
        return AuditEntry(
            at=self.parts.clock.now(),
            kind=kind,
            profile=packet.profile,
            act=self.act,
            procedure=packet.procedure,
            citizen=named.citizen if named else None,
            citizen_key=named.citizen_key if named else None,
            operation=packet.operation.value,
            request_code=packet.request_code,
            origin=ORIGIN,
            outcome=outcome,
            actor=self.actor,
        )
