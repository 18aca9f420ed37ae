"""What life events have in common: who is living, spouses, ages, names in relatives' records, new numbers, and who heads
a household after a death.

The events are in control/life_events.py. A new number is 0 and the province, century and gender, two digits of the birth
year, six more (Decree 137/2015, Article 13), the last six from 000500 to 000999, inside the personas' block. A new head is
the spouse, else the eldest adult, else the eldest. The relations to the new head are read out of the members' records;
where they do not show one, it is CH99 (other). Only CH01 was seen on the wire: the others are this mock's own.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Any

from mock_c06.errors import EventRefused, PersonUnknown
from mock_c06.people.model import (
    HEAD_OF_HOUSEHOLD,
    Claim,
    Kin,
    LifeStatus,
    Person,
    key_of_kin,
    parents_of,
    person_key,
)
from mock_c06.people.rules import kin_of_record
from mock_c06.runs.world import World

_CARD_DIGITS = 9


def get_living(world: World, number: str, field: str = "citizen_id", *, or_missing: bool = False) -> Person:
    """Return the person with those twelve or nine digits; raises `PersonUnknown`, or `EventRefused` for a dead, missing
    or cancelled person and for nine digits that several people have."""
    if len(number) == _CARD_DIGITS:
        claim = Claim(id_card_number=number, full_name="")
        found = [person for person in world.find(claim) if person.status is not LifeStatus.CANCELLED]
        if len(found) > 1:
            raise EventRefused(field, "is the number of several people: write the twelve digits")
        person = found[0] if found else None
    else:
        person = world.find_by_key(number)
    if person is None:
        raise PersonUnknown(field)
    if person.status is LifeStatus.MISSING and or_missing:
        return person
    if person.status is not LifeStatus.LIVING:
        raise EventRefused(field, f"is {person.status.name.lower()}")
    return person


def spouse_of(world: World, person: Person) -> Person | None:
    """Return the spouse's own record, if the world has one that names the person back."""
    key = key_of_kin(person.spouse)
    spouse = world.find_by_key(key) if key is not None else None
    return spouse if spouse is not None and key_of_kin(spouse.spouse) == person_key(person) else None


def kin_of(person: Person) -> Kin:
    """Write the person as relatives' records name them."""
    return Kin(
        full_name=person.full_name,
        nationality=person.nationality,
        citizen_id=person.citizen_id,
        id_card_number=person.id_card_number,
    )


def age_on(person: Person, day: date) -> int:
    """Return the person's age; a person with a birth year alone counts as born on its last day."""
    born = person.birth_date or date(person.birth_year, 12, 31)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def rename_in_records(world: World, person: Person, kin: Kin) -> tuple[Person, ...]:
    """Return the records of close relatives and of the household that name the person, with the new kin in them."""
    changed: list[Person] = []
    for each in _close_to(world, person):
        named = kin_of_record(each).items()
        changes: dict[str, Any] = {role: kin for role, old in named if key_of_kin(old) == person_key(person)}
        changed += [replace(each, **changes)] if changes else []
    return tuple(changed)


def _close_to(world: World, person: Person) -> tuple[Person, ...]:
    keys = [key for kin in kin_of_record(person).values() if (key := key_of_kin(kin)) is not None]
    found = [relative for key in keys if (relative := world.find_by_key(key)) is not None]
    members = world.household(person.household) if person.household else ()
    children = world.children(person_key(person))
    close = {person_key(each): each for each in (*found, *members, *children)}
    close.pop(person_key(person), None)
    return tuple(close.values())


_BLOCK = range(500, 1000)
_FORM = re.compile(r"0[0-9]{11}")


def province_of(person: Person) -> str:
    """Return the province that a new number begins with: of the residence, else of the number, else an empty text."""
    home = person.permanent_residence
    return (home.province_code if home is not None else None) or (person.citizen_id or "")[1:3]


def issue_number(world: World, wanted: str | None, *, province: str, gender: str, birth_year: int) -> str:
    """Return the wanted number if it may be issued, else the first free one of the block; raises `EventRefused`."""
    if wanted is not None:
        return _verify_new_number(world, wanted, gender=gender, birth_year=birth_year)
    if not province:
        raise EventRefused("new_citizen_id", "is needed: the record has no province to make a number of")
    prefix = f"0{province}{_gender_and_year(gender, birth_year)}"
    for last in _BLOCK:
        number = f"{prefix}{last:06d}"
        if world.find_by_key(number) is None:
            return number
    raise EventRefused("citizen_id", "all numbers of this province, gender and year are used")


def _verify_new_number(world: World, number: str, *, gender: str, birth_year: int) -> str:
    """Return the number if it may be issued; raises `EventRefused`."""
    if not _FORM.fullmatch(number) or number[3:6] != _gender_and_year(gender, birth_year):
        raise EventRefused("new_citizen_id", "does not match the person's gender and birth year")
    if world.find_by_key(number) is not None:
        raise EventRefused("new_citizen_id", "is used: a number is never issued twice")
    return number


def _gender_and_year(gender: str, birth_year: int) -> str:
    century = 2 * ((birth_year - 1900) // 100) + (1 if gender == "2" else 0)
    return f"{century}{birth_year % 100:02d}"


_SPOUSE, _CHILD, _FATHER, _MOTHER, _GRANDCHILD = "CH02", "CH03", "CH04", "CH05", "CH06"
_SIBLING, _IN_LAW, _GRANDPARENT, _OTHER = "CH07", "CH08", "CH09", "CH99"
_ADULT = 18


def pass_on_head(world: World, head: Person, day: date) -> tuple[Person, ...]:
    """Return the living members with their relations to the new head, who comes first; empty if nobody is left."""
    others = [
        member
        for member in (world.household(head.household) if head.household else ())
        if person_key(member) != person_key(head) and member.status is LifeStatus.LIVING
    ]
    if head.relation_to_head != HEAD_OF_HOUSEHOLD or not others:
        return ()
    heir = min(others, key=lambda member: _order(member, head, day))
    rest = [
        replace(each, relation_to_head=relation_to(world, each, heir)) for each in others if each is not heir
    ]
    return (replace(heir, relation_to_head=HEAD_OF_HOUSEHOLD), *rest)


def _order(member: Person, head: Person, day: date) -> tuple[bool, bool, date]:
    born = member.birth_date or date(member.birth_year, 12, 31)
    is_spouse = person_key(member) == key_of_kin(head.spouse)
    return not is_spouse, day.year - born.year < _ADULT, born


def relation_to(world: World, member: Person, head: Person) -> str:
    """Return the code of what the member is to the head."""
    one, key = person_key(member), person_key(head)
    parents, above = parents_of(member), parents_of(head)
    spouse = world.find_by_key(key_of_kin(member.spouse) or "")
    relations = (
        (_SPOUSE, key_of_kin(member.spouse) == key),
        (_CHILD, key in parents),
        (_MOTHER if member.gender == "2" else _FATHER, one in above),
        (_GRANDCHILD, key in _parents_of_keys(world, parents)),
        (_GRANDPARENT, one in _parents_of_keys(world, above)),
        (_SIBLING, bool(parents & above)),
        (_IN_LAW, spouse is not None and key in parents_of(spouse)),
    )
    return next((code for code, holds in relations if holds), _OTHER)


def _parents_of_keys(world: World, keys: set[str]) -> set[str]:
    people = (world.find_by_key(key) for key in keys)
    return {parent for person in people if person is not None for parent in parents_of(person)}
