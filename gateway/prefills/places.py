"""A prefill's place in the budgets of answered enquiries, and what its records say about whose numbers they are.

The place is taken in the commit of the `intended` rows and used up or given back in that of the `answered` ones. A prefill
that asks nothing takes none.
"""

from collections.abc import Sequence
from datetime import timedelta

from gateway.audit.model import AuditEntry
from gateway.database import Transaction
from gateway.errors.registry import RegistryError
from gateway.parts import Parts
from gateway.prefills.act import Act
from gateway.profiles.model import Link
from gateway.registry.model import Found, NobodyFound
from gateway.verifications import budgets, persons, volume
from gateway.verifications.budgets_store import Reservation
from gateway.verifications.evidence import refusals_recorded
from gateway.verifications.sealed_claims import open_claim

Answer = Found | NobodyFound | RegistryError

_GRACE_S = 5


async def reserve_place(parts: Parts, act: Act, link: Link, intended: Sequence[AuditEntry]) -> None:
    """Take a place and record what will be asked, in one commit.

    Raises:
        EnquiryBudgetSpent, Overloaded: before anything was asked.
    """

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        now = parts.clock.now()
        wanted = Reservation(
            act=act.entry.act,
            profile=act.place.profile.value,
            client_id=act.verification.client_id,
            organisation=act.verification.organisation,
            subject="",
            claim_key="",
            ends_at=now + timedelta(milliseconds=link.connection.deadline_ms, seconds=_GRACE_S),
        )
        await budgets.reserve_prefill(transaction, wanted, act.place, now=now)
        return intended

    async with refusals_recorded(parts, act.entry):
        await parts.audit.commit(decide)


async def settle(transaction: Transaction, parts: Parts, act: Act, answers: Sequence[Answer]) -> None:
    """Give the place back; where the registry answered, use it up, and join the numbers that its records show."""
    await budgets.give_back(transaction, act.entry.act)
    if all(isinstance(answer, RegistryError) for answer in answers):
        return
    await volume.count_answered(transaction, parts, act.place, act.verification.client_id)
    claim = open_claim(act.place.keys, act.verification)
    for answer in answers:
        if isinstance(answer, Found):
            await persons.note_record(
                transaction, act.place.keys, act.verification.organisation, claim, answer.record
            )
