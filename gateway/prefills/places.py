"""A prefill's place in the budgets of answered enquiries, and what its records say about whose numbers they are.

The place is taken in the commit of the `intended` rows and used up or given back in that of the `answered` ones. A prefill
that asks nothing takes none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.database import Transaction
from gateway.errors import GatewayError
from gateway.parts import Parts
from gateway.prefills.act import Act
from gateway.prefills.model import Answer, Brought
from gateway.profiles.model import Link
from gateway.verifications import budgets, persons, volume
from gateway.verifications.budgets_store import Reservation
from gateway.verifications.sealed_claims import open_claim

_GRACE_S = 5


async def reserve_place(transaction: Transaction, act: Act, link: Link, *, now: datetime) -> None:
    """Take a place, in the commit of the `intended` rows. Raises `EnquiryBudgetSpent`."""
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


async def settle(transaction: Transaction, parts: Parts, act: Act, answers: Sequence[Answer]) -> None:
    """Give the place back; where the registry answered, use it up, and join the numbers that its records show."""
    await budgets.give_back(transaction, act.entry.act)
    if all(isinstance(answer, GatewayError) for answer in answers):
        return
    await volume.count_answered(transaction, parts, act.place, act.verification.client_id)
    claim = open_claim(act.place.keys, act.verification)
    for answer in answers:
        if isinstance(answer, Brought):
            await persons.note_record(
                transaction, act.place.keys, act.verification.organisation, claim, answer.record
            )
