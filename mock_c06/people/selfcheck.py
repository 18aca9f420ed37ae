"""Check the catalogue of personas: what `mock-c06 selfcheck` prints. Each complaint begins with the slug.

Adds to rules.py what only personas have: markers, the reason why they exist, their block of numbers, and the
units of their addresses. The 12 digits are 0 and the province, century and gender, two digits of the birth year, six
more (Decree 137/2015, Article 13); no check digit is known. The last six lie in the personas' block, so that nobody
types a real number in by mistake. An address with a district is of the list before July 2025, one with a ward and no
district of the list since. A persona whose record contradicts itself on purpose has a marker that exempts it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mock_c06.generated.units import OLD, list_of, load_wards
from mock_c06.people.model import NEVER_CONFIRMED, Address, LifeStatus, Person, Persona
from mock_c06.people.rules import (
    addresses_of,
    check_household,
    check_person,
    kin_of_record,
    number_contradicts,
)

_CITIZEN_ID = re.compile(r"0([0-9]{2})([0-9])([0-9]{2})([0-9]{6})")
_CARD = re.compile(r"[0-9]{9}")
_LAST_OF_BLOCK = "000999"


def check_catalogue(personas: Sequence[Persona]) -> tuple[str, ...]:
    """List every complaint; empty if there is none."""
    by_number = {persona.person.citizen_id: persona.person for persona in personas}
    by_slug = {persona.slug: persona for persona in personas}

    def find(number: str) -> Person | None:
        return by_number.get(number)

    complaints = [*_check_unique(personas), *_check_households(personas)]
    for persona in personas:
        found = (
            *_check_number(persona),
            *_check_card(persona.person.id_card_number),
            *_check_addresses(persona),
            *_check_marks(persona, by_slug),
            *_check_kin_numbers(persona.person),
            *check_person(persona.person, find, all_known=False),
        )
        complaints += [f"{persona.slug}: {one}" for one in found]
    return tuple(complaints)


def _check_unique(personas: Sequence[Persona]) -> Iterator[str]:
    slugs = Counter(persona.slug for persona in personas)
    numbers = Counter(persona.person.citizen_id for persona in personas if persona.person.citizen_id)
    for slug in sorted(slug for slug, times in slugs.items() if times > 1):
        yield f"{slug}: is the slug of several personas"
    for persona in personas:
        if numbers[persona.person.citizen_id or ""] > 1:
            yield f"{persona.slug}: shares its 12-digit number with another persona"


def _check_households(personas: Sequence[Persona]) -> Iterator[str]:
    households: dict[str, list[Persona]] = {}
    for persona in personas:
        if persona.person.household is not None:
            households.setdefault(persona.person.household, []).append(persona)
    for key, members in households.items():
        found = check_household([member.person for member in members])
        yield from (f"{members[0].slug}: household {key} {one}" for one in found)


def _check_number(persona: Persona) -> Iterator[str]:
    """Check form, block, and agreement with gender and birth year (unless marked as a legacy error)."""
    number = persona.person.citizen_id
    if number is None:
        if persona.person.id_card_number is None:
            yield "has no number at all"
        return
    complaints = tuple(_check_form(number))
    yield from complaints
    if complaints:
        return
    differs = number_contradicts(persona.person)
    if differs and not persona.legacy_mismatch:
        yield "has a number that contradicts gender or birth year"
    if persona.legacy_mismatch and not differs:
        yield "is marked as a legacy mismatch, but its number agrees"


def _check_form(citizen_id: str) -> Iterator[str]:
    parts = _CITIZEN_ID.fullmatch(citizen_id)
    if parts is None:
        yield "has a number that is not 12 digits with a leading 0"
        return
    if parts[1] not in load_wards().provinces[OLD]:
        yield f"has a number of the unknown province {parts[1]}"
    if parts[4] > _LAST_OF_BLOCK:
        yield "has a number outside the personas' block"


def _check_card(id_card_number: str | None) -> Iterator[str]:
    if id_card_number is not None and _CARD.fullmatch(id_card_number) is None:
        yield "has an identity card number that is not 9 digits"


def _check_kin_numbers(person: Person) -> Iterator[str]:
    for role, kin in kin_of_record(person).items():
        found = [*_check_card(kin.id_card_number)]
        if kin.citizen_id is not None:
            found += _check_form(kin.citizen_id)
        yield from (f"{role} {one}" for one in found)


def _check_addresses(persona: Persona) -> Iterator[str]:
    """Check all addresses; a marked persona must contradict its codes in one."""
    mismatched = False
    for name, address in addresses_of(persona.person).items():
        known = load_wards().find_of(address)
        yield from (f"{name} {found}" for found in _check_codes(address, known))
        if known is not None and address.detail not in {"", known.detail}:
            mismatched = True
            if not persona.unit_mismatch:
                yield f"{name} has a text that does not match its code"
    if persona.unit_mismatch and not mismatched:
        yield "is marked as a unit mismatch, but its addresses agree"


def _check_codes(address: Address, known: Address | None) -> Iterator[str]:
    province, district, ward = address.province_code, address.district_code, address.ward_code
    if province is None:
        if district or ward:
            yield "has a district or ward without a province"
        return
    if address.country != "VN":
        yield "lies abroad but has Vietnamese codes"
    if province not in load_wards().provinces[list_of(address)]:
        yield f"has the province {province}, which its list does not know"
    if ward is not None and (
        known is None or (known.province_code, known.district_code) != (province, district)
    ):
        yield f"has the ward {ward}, which its list does not know there"


def _check_marks(persona: Persona, by_slug: Mapping[str, Persona]) -> Iterator[str]:
    """Check what a persona says of itself: why it exists, how it is answered, whose other record it is."""
    person = persona.person
    if not persona.why.strip():
        yield "does not say why it exists"
    if not persona.why_vi.strip():
        yield "does not say in Vietnamese why it exists"
    if persona.confirmed != (person.status not in NEVER_CONFIRMED):
        yield f"has status {person.status.name} but confirmed is {persona.confirmed}"
    if persona.same_human_as is None:
        return
    other = by_slug.get(persona.same_human_as)
    if other is None or other.same_human_as != persona.slug:
        yield "names another record of the same human, which does not name this one"
    elif {person.status, other.person.status} != {LifeStatus.LIVING, LifeStatus.CANCELLED}:
        yield "and the other record of the same human are not one living and one cancelled"
