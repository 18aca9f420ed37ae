"""One citizen, two numbers: which of an organisation's pseudonyms are known to be one person's (docs/decisions/0072).

Nine and twelve digits are joined once a record has shown both. A nine-digit number was sometimes given to two people, and
a registry may err: so what is known is who *holds* it, a keyed identity of number, name and birth year. Budgets count by
all that is known, ledgers show only what is surely one person's. Nothing here opens a number, a name or a date.
"""

from dataclasses import dataclass

from gateway.database import Transaction
from gateway.keys.model import PlaceKeys, Purpose
from gateway.places import Profile
from gateway.registry.model import Claim, Record
from gateway.registry.wire import fold_name
from gateway.verifications import persons_store as store
from gateway.verifications.model import Verdict, Verification
from gateway.verifications.persons_store import Holding, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A citizen's number, as one organisation's pseudonyms of it: under each pseudonym key, the newest first."""

    profile: Profile
    organisation: str
    pseudonyms: tuple[str, ...]

    @property
    def stable(self) -> str:
        """Return the pseudonym that no rotation changes: the one under the oldest key."""
        return self.pseudonyms[-1]


def key_number(keys: PlaceKeys, organisation: str, number: str) -> Number:
    """Return what stands for a number, of nine or twelve digits."""
    found = keys.pseudonyms("citizen", organisation, number)
    return Number(profile=keys.profile, organisation=organisation, pseudonyms=found)


def number_of(keys: PlaceKeys, organisation: str, claim: Claim) -> Number:
    """Return what stands for the number that a claim names."""
    return key_number(keys, organisation, claim.citizen_id or claim.id_card_number or "")


def key_holder(keys: PlaceKeys, organisation: str, claim: Claim, card: str | None) -> str | None:
    """Return what stands for the claim's person as a holder of a nine-digit number; None without such a number.

    The name is folded as the registry compares it, and of a date the year counts: one holder, however it was claimed.
    """
    if card is None:
        return None
    year = claim.birth_date.year if claim.birth_date else claim.birth_year
    return keys.pseudonyms("holder", organisation, f"{card}|{year}|{fold_name(claim.full_name)}")[-1]


async def list_alike(transaction: Transaction, number: Number) -> frozenset[str]:
    """Return the pseudonyms whose wrong claims count with this number's: those of every person known to have it."""
    found = await store.list_joined(transaction, number.profile, number.organisation, number.stable)
    if len(number.pseudonyms) > 1:
        found = await store.list_renamed(transaction, number.profile, number.organisation, found)
    return found | set(number.pseudonyms)


async def find_person(transaction: Transaction, keys: PlaceKeys, verification: Verification) -> Person:
    """Return what is surely the person's of a verification: their numbers, and what they hold of shared ones."""
    profile, organisation, subject = verification.profile, verification.organisation, verification.subject
    rotated = len(keys.all(Purpose.PSEUDONYM)) > 1
    if rotated:
        subject = await store.find_stable(transaction, profile, organisation, subject)
    found = await store.find_person(transaction, profile, organisation, subject, verification.holder)
    if not rotated:
        return found
    return Person(
        numbers=await store.list_renamed(transaction, profile, organisation, found.numbers),
        cards=await store.list_renamed(transaction, profile, organisation, found.cards),
        sole=await store.list_renamed(transaction, profile, organisation, found.sole),
        holders=found.holders,
    )


async def note_number(transaction: Transaction, number: Number) -> None:
    """Remember, once the pseudonym key was rotated, that these pseudonyms are one number's."""
    if len(number.pseudonyms) > 1:
        await store.put_renamed(
            transaction, number.profile, number.organisation, number.pseudonyms[:-1], stable=number.stable
        )


async def note_confirmed(
    transaction: Transaction, keys: PlaceKeys, claim: Claim, verification: Verification
) -> None:
    """Remember that the claim's person holds the nine-digit number it names, in the commit of the answer."""
    if verification.verdict is not Verdict.CONFIRMED or verification.holder is None:
        return
    number = number_of(keys, verification.organisation, claim)
    await store.put_holding(transaction, _holding(number, verification.holder, person=""))


async def note_record(
    transaction: Transaction, keys: PlaceKeys, organisation: str, claim: Claim, record: Record
) -> None:
    """Join both numbers of a record, which is of the claim's person, in the commit of its delivery."""
    holder = key_holder(keys, organisation, claim, record.id_card_number)
    if holder is None or record.citizen_id is None or record.id_card_number is None:
        return
    card = key_number(keys, organisation, record.id_card_number)
    person = key_number(keys, organisation, record.citizen_id)
    for number in (card, person):
        await note_number(transaction, number)
    await store.put_holding(transaction, _holding(card, holder, person=person.stable))


def _holding(card: Number, holder: str, *, person: str) -> Holding:
    return Holding(
        profile=card.profile,
        organisation=card.organisation,
        card=card.stable,
        holder=holder,
        person=person,
    )
