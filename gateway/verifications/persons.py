"""One citizen, two numbers: which of an organisation's pseudonyms are known to be one person's (docs/decisions/0072).

Nine and twelve digits are joined once a record has shown both. A nine-digit number was sometimes given to two people, and
a registry may err: so what is kept is who *holds* a number, a keyed identity of number, name and birth year. Budgets count
by all that is known, ledgers show only what is surely one person's. Nothing here opens a number, a name or a date.
"""

from dataclasses import dataclass

from gateway.database import Transaction
from gateway.keys.model import PlaceKeys, Purpose
from gateway.places import Profile
from gateway.registry.model import Claim, Record
from gateway.registry.wire import fold_name
from gateway.verifications import persons_store as store
from gateway.verifications.model import Verification
from gateway.verifications.persons_store import CARD, TWELVE, Holding, Person

CARD_DIGITS = 9


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


def key_holder(keys: PlaceKeys, organisation: str, claim: Claim, number: str | None = None) -> str:
    """Return what stands for the claim's person as a holder of a number, of nine or twelve digits: the claim's own.

    The name is folded as the registry compares it, and of a date the year counts: one holder, however it was claimed. It
    says of which kind the number is, and no rotation changes it.
    """
    number = number or claim.citizen_id or claim.id_card_number or ""
    year = claim.birth_date.year if claim.birth_date else claim.birth_year
    found = keys.pseudonyms("holder", organisation, f"{number}|{year}|{fold_name(claim.full_name)}")[-1]
    return f"{CARD if len(number) == CARD_DIGITS else TWELVE}{found}"


async def list_alike(transaction: Transaction, number: Number) -> frozenset[str]:
    """Return the pseudonyms whose wrong claims count with this number's: those of every person known to have it."""
    found = await store.list_joined(transaction, number.profile, number.organisation, number.stable)
    if len(number.pseudonyms) > 1:
        found = await store.list_renamed(transaction, number.profile, number.organisation, found)
    return found | set(number.pseudonyms)


async def find_person(transaction: Transaction, keys: PlaceKeys, verification: Verification) -> Person:
    """Return what is surely the person's of a verification, found by their number as the holder that it confirmed."""
    profile, organisation, subject = verification.profile, verification.organisation, verification.subject
    rotated = len(keys.all(Purpose.PSEUDONYM)) > 1
    stable = await store.find_stable(transaction, profile, organisation, subject) if rotated else subject
    holder = verification.holder
    if holder is None and await store.is_card(transaction, profile, organisation, subject):
        holder = (
            CARD  # of before holders were kept: of such a number only its own claim is surely the person's
        )
    held = await store.list_held(transaction, profile, organisation, stable, holder)
    whole = frozenset() if (holder or "").startswith(CARD) else frozenset({stable})
    pairs = [(number, holder) for number, holder in held.items() if number not in whole]
    names = {number: frozenset({number}) for number in {*held, stable}}
    if rotated:
        for number in names:
            names[number] = await store.list_renamed(transaction, profile, organisation, {number})
    sole = [
        number
        for number, holder in pairs
        if await store.is_sole(transaction, profile, organisation, names[number], holder, stable=number)
    ]
    return Person(
        whole=frozenset(name for number in whole for name in names[number]),
        held={name: holder for number, holder in pairs for name in names[number]},
        sole=frozenset(name for number in sole for name in names[number]),
    )


async def note_number(transaction: Transaction, number: Number) -> None:
    """Remember, once the pseudonym key was rotated, that these pseudonyms are one number's."""
    if len(number.pseudonyms) > 1:
        await store.put_renamed(
            transaction, number.profile, number.organisation, number.pseudonyms[:-1], stable=number.stable
        )


async def note_record(
    transaction: Transaction, keys: PlaceKeys, organisation: str, claim: Claim, record: Record
) -> None:
    """Join both numbers of a record, which is of the claim's person, in the commit of its delivery."""
    if record.citizen_id is None or record.id_card_number is None:
        return
    card = key_number(keys, organisation, record.id_card_number)
    person = key_number(keys, organisation, record.citizen_id)
    for number in (card, person):
        await note_number(transaction, number)
    holding = Holding(
        profile=card.profile,
        organisation=organisation,
        card=card.stable,
        card_holder=key_holder(keys, organisation, claim, record.id_card_number),
        person=person.stable,
        person_holder=key_holder(keys, organisation, claim, record.citizen_id),
    )
    await store.put_holding(transaction, holding)
