"""Budgets of wrong claims: per account and hour, and per person asked about and organisation in a day.

A place is reserved with the `intended` row, in one transaction, so that a hundred claims at once can't pass
together; it is given back when the registry confirms or fails. A claim that was not confirmed before costs
nothing again, whichever account of the organisation made it where the person's budget is concerned. Nine and twelve
digits are one person once a record showed both (`persons.py`). Whether the number exists makes no difference, nor does a
key rotated meanwhile. What is confirmed or filled in has budgets too (`volume.py`). Source: the contract's budgets.
"""

from datetime import datetime, timedelta

from gateway.database import Transaction
from gateway.errors.callers import EnquiryBudgetSpent
from gateway.profiles.model import Place
from gateway.verifications import budgets_store, persons, store, volume
from gateway.verifications.budgets_store import Reservation
from gateway.verifications.claim_keys import ClaimKeys
from gateway.verifications.persons import Number

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def reserve(
    transaction: Transaction, wanted: Reservation, place: Place, number: Number, *, now: datetime
) -> None:
    """Take a place in every budget, inside a record of the audit: nobody else decides meanwhile.

    Raises:
        EnquiryBudgetSpent: one of them is full; of the wrong claims', without having counted this claim before.
    """
    await persons.note_number(transaction, number)
    alike = await persons.list_alike(transaction, number)
    spent = await budgets_store.read_spending(
        transaction, wanted, alike, hour=now - HOUR, day=now - DAY, now=now
    )
    if not spent.in_account and spent.account >= place.policy.budget_account_hour:
        raise EnquiryBudgetSpent("account_hour", int(HOUR.total_seconds()))
    if not spent.in_subject and spent.subject >= place.policy.budget_subject_day:
        raise EnquiryBudgetSpent("subject_day", int(DAY.total_seconds()))
    await volume.check_room(transaction, place, wanted.client_id, now=now)
    await budgets_store.insert_reservation(transaction, wanted)


async def reserve_prefill(
    transaction: Transaction, wanted: Reservation, place: Place, *, now: datetime
) -> None:
    """Take a place for a prefill, which makes no claim. Raises `EnquiryBudgetSpent`."""
    await volume.check_room(transaction, place, wanted.client_id, now=now)
    await budgets_store.insert_reservation(transaction, wanted)


async def unite(transaction: Transaction, claim: ClaimKeys) -> None:
    """Let a claim that is stored under several look-up keys be one claim, before it is counted or kept."""
    if claim.others:
        await store.unite_claim(transaction, claim)
        await budgets_store.unite_claim(transaction, claim)


async def give_back(transaction: Transaction, act: str) -> None:
    """End a reservation: what was not confirmed counts by its verification from now on."""
    await budgets_store.delete_reservation(transaction, act)


async def count_account_hour(transaction: Transaction, *, profile: str, client_id: str, now: datetime) -> int:
    """Return how many distinct wrong claims an account has made in the last hour."""
    return await budgets_store.count_wrong_claims_of_account(
        transaction, profile=profile, client_id=client_id, since=now - HOUR
    )
