"""The rules that a person's record keeps, alone and together with relatives and household.

`selfcheck.py` applies them to the catalogue, `generated/check.py` to the generated population: what each of the two adds
is there. A complaint is the rest of a sentence about the person. Parents are at least `YEARS_TO_PARENT` (15) years
older: no law says so, and the least that a birth event accepts; the shapes of the generated clans guarantee 19.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.people.model import (
    HEAD_OF_HOUSEHOLD,
    YEARS_TO_PARENT,
    Address,
    Kin,
    LifeStatus,
    Person,
)

FindPerson = Callable[[str], Person | None]
CATALOGUE_DAY = date(2026, 7, 1)
"""The day on which ages are counted; nobody is born after it."""

_MARRIED = "2"
_UNKNOWN_GENDER = "0"
GENDER_OF_PARENT = {"father": "1", "mother": "2"}
"""A parent's gender by the role in the child's record."""


@cache
def load_relations() -> Mapping[str, Mapping[str, Any]]:
    """Return the relations to the head by code; the first call reads the data file."""
    path = resources.files(__package__).joinpath("data/relations.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def birth_year_of(citizen_id: str) -> int:
    """Read the birth year out of a well-formed number."""
    return 1900 + 100 * (int(citizen_id[3]) // 2) + int(citizen_id[4:6])


def gender_of(citizen_id: str) -> str:
    """Read the gender out of a well-formed number: "1" male, "2" female."""
    return "1" if int(citizen_id[3]) % 2 == 0 else "2"


def number_contradicts(person: Person) -> bool:
    """Return whether the person's well-formed number gives another gender or birth year than the record."""
    number = person.citizen_id or ""
    gender_differs = person.gender not in {_UNKNOWN_GENDER, gender_of(number)}
    return gender_differs or birth_year_of(number) != person.birth_year


def addresses_of(person: Person) -> dict[str, Address]:
    """Return the addresses that the record has, by their names."""
    addresses = {
        "birth registration place": person.birth_registration_place,
        "native place": person.native_place,
        "permanent residence": person.permanent_residence,
        "current residence": person.current_residence,
    }
    return {name: address for name, address in addresses.items() if address is not None}


def kin_of_record(person: Person) -> dict[str, Kin]:
    """Return the relatives that the record names, by their roles."""
    kin = {
        "father": person.father,
        "mother": person.mother,
        "spouse": person.spouse,
        "representative": person.representative,
    }
    return {role: relative for role, relative in kin.items() if relative is not None}


def check_person(person: Person, find: FindPerson, *, all_known: bool) -> Iterator[str]:
    """List what is wrong with a record and its relatives.

    `find` looks a relative up by number; `all_known`: every relative with a number has a record, and every married
    person names a spouse.
    """
    yield from _check_birth(person)
    yield from _check_minor(person)
    for role, kin in kin_of_record(person).items():
        if kin.citizen_id is None:
            continue
        known = find(kin.citizen_id)
        if known is not None:
            yield from _check_kin(role, kin, known)
        elif all_known:
            yield f"{role} has no record"
        if role in GENDER_OF_PARENT:
            yield from _check_parent(role, person, known, kin.citizen_id)
    yield from _check_spouse(person, find, all_known=all_known)
    yield from _check_relation(person)


def _check_birth(person: Person) -> Iterator[str]:
    if (person.birth_date or date(person.birth_year, 1, 1)) > CATALOGUE_DAY:
        yield f"is born after {CATALOGUE_DAY}"
    if person.birth_date is not None and person.birth_date.year != person.birth_year:
        yield "has a birth year that is not its birth date's"


def _check_minor(person: Person) -> Iterator[str]:
    born, day = person.birth_date, CATALOGUE_DAY
    if born is None or (born.year + 18, born.month, born.day) <= (day.year, day.month, day.day):
        return
    if person.spouse is not None or person.marital_status == _MARRIED:
        yield "is a minor and married"
    if person.representative is None and person.status is LifeStatus.LIVING:
        yield "is a living minor without a representative"


def _check_kin(role: str, kin: Kin, known: Person) -> Iterator[str]:
    if (kin.full_name, kin.nationality, kin.id_card_number) != (
        known.full_name,
        known.nationality,
        known.id_card_number,
    ):
        yield f"{role} is named otherwise than in the {role}'s record"


def _check_parent(role: str, person: Person, known: Person | None, number: str) -> Iterator[str]:
    """Check age and gender; a parent without a record is as old as the number says."""
    is_number = len(number) == 12 and number.isdecimal()
    born = known.birth_year if known else birth_year_of(number) if is_number else None
    if born is not None and person.birth_year - born < YEARS_TO_PARENT:
        yield f"{role} is less than {YEARS_TO_PARENT} years older"
    if known and known.gender not in {_UNKNOWN_GENDER, GENDER_OF_PARENT[role]}:
        yield f"{role} has another gender in the {role}'s record"


def _check_spouse(person: Person, find: FindPerson, *, all_known: bool) -> Iterator[str]:
    if person.spouse is None:
        if all_known and person.marital_status == _MARRIED:
            yield "is married without a spouse"
        return
    if person.marital_status != _MARRIED:
        yield "has a spouse but is not recorded as married"
    known = find(person.spouse.citizen_id or "")
    if known is None:
        return
    if known.spouse is None or known.spouse.citizen_id != person.citizen_id:
        yield "names a spouse who names somebody else"
    if known.gender == person.gender:
        yield "has the same gender as the spouse"


def _check_relation(person: Person) -> Iterator[str]:
    if (person.household is None) != (person.relation_to_head is None):
        yield "has a household without a relation to its head, or the reverse"
    if person.relation_to_head is not None and person.relation_to_head not in load_relations():
        yield f"has the unknown relation {person.relation_to_head}"


def check_household(members: Sequence[Person]) -> Iterator[str]:
    """List what is wrong with a household as a whole."""
    heads = sum(member.relation_to_head == HEAD_OF_HOUSEHOLD for member in members)
    if heads != 1:
        yield f"has {heads} heads"
    if len({member.permanent_residence for member in members}) > 1:
        yield "has members registered elsewhere"
