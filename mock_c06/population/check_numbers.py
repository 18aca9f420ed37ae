"""Check the two numbers of a persona.

Structure of the 12 digits: 0 and the province, century and gender, two digits of the birth year, six more
(Decree 137/2015, Article 13). No check digit is known. Refuses random parts outside the personas' block, so
that no real number can slip into the catalogue by being typed.
"""

import re
from collections.abc import Iterator

from mock_c06.population.model import Persona
from mock_c06.population.units import Units

_CITIZEN_ID = re.compile(r"0([0-9]{2})([0-9])([0-9]{2})([0-9]{6})")
_CARD = re.compile(r"[0-9]{9}")
_LAST_OF_BLOCK = "000999"


def birth_year_of(citizen_id: str) -> int:
    """Read the birth year out of a well-formed number."""
    return 1900 + 100 * (int(citizen_id[3]) // 2) + int(citizen_id[4:6])


def gender_of(citizen_id: str) -> str:
    """Read the gender out of a well-formed number: "1" male, "2" female."""
    return "1" if int(citizen_id[3]) % 2 == 0 else "2"


def check_number(persona: Persona, units: Units) -> Iterator[str]:
    """Check form, block, and agreement with gender and birth year (unless marked as a legacy error)."""
    person = persona.person
    if person.citizen_id is None:
        if person.id_card_number is None:
            yield "has no number at all"
        return
    complaints = tuple(check_form(person.citizen_id, units))
    yield from complaints
    if complaints:
        return
    gender_differs = person.gender != "0" and gender_of(person.citizen_id) != person.gender
    differs = gender_differs or birth_year_of(person.citizen_id) != person.birth_year
    if differs and not persona.legacy_mismatch:
        yield "has a number that contradicts gender or birth year"
    if persona.legacy_mismatch and not differs:
        yield "is marked as a legacy mismatch, but its number agrees"


def check_form(citizen_id: str, units: Units) -> Iterator[str]:
    """Check a number alone: digits, province (the 63 of the old list) and block."""
    parts = _CITIZEN_ID.fullmatch(citizen_id)
    if parts is None:
        yield "has a number that is not 12 digits with a leading 0"
        return
    if parts[1] not in units.old_provinces:
        yield f"has a number of the unknown province {parts[1]}"
    if parts[4] > _LAST_OF_BLOCK:
        yield "has a number outside the personas' block"


def check_card(id_card_number: str | None) -> Iterator[str]:
    """Check a 9-digit number, which two people may share."""
    if id_card_number is not None and _CARD.fullmatch(id_card_number) is None:
        yield "has an identity card number that is not 9 digits"
