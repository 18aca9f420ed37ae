"""Questions about people that life events share: who lives, whose spouse, how old, named in whose record."""

from dataclasses import replace
from datetime import date
from typing import Any

from mock_c06.errors import EventRefused, PersonUnknown
from mock_c06.population.model import Kin, LifeStatus, Person
from mock_c06.population.world_index import person_key
from mock_c06.runs.world import World

_ROLES = ("father", "mother", "spouse", "representative")


def get_living(
    world: World, citizen_id: str, field: str = "citizen_id", *, or_missing: bool = False
) -> Person:
    """Give the person; raises `PersonUnknown`, or `EventRefused` for who is dead, missing or cancelled."""
    person = world.find_by_key(citizen_id)
    if person is None:
        raise PersonUnknown(field)
    if person.status is LifeStatus.MISSING and or_missing:
        return person
    if person.status is not LifeStatus.LIVING:
        raise EventRefused(field, f"is {person.status.name.lower()}")
    return person


def spouse_of(world: World, person: Person) -> Person | None:
    """Give the spouse's own record, where the world has one that names the person back."""
    number = person.spouse.citizen_id if person.spouse is not None else None
    spouse = world.find_by_key(number) if number is not None else None
    if spouse is None or spouse.spouse is None or spouse.spouse.citizen_id != person.citizen_id:
        return None
    return spouse


def kin_of(person: Person) -> Kin:
    """Write the person as relatives' records name them."""
    return Kin(
        full_name=person.full_name,
        nationality=person.nationality,
        citizen_id=person.citizen_id,
        id_card_number=person.id_card_number,
    )


def age_on(person: Person, day: date) -> int:
    """Say how old the person is; who has a year alone is as old as the year's last day makes them."""
    born = person.birth_date or date(person.birth_year, 12, 31)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def name_anew(world: World, person: Person, kin: Kin) -> tuple[Person, ...]:
    """Give the records of close relatives and of the household that name the person, with the new kin in them."""
    named = [
        (each, [role for role in _ROLES if _names(each, role, person)]) for each in _close_to(world, person)
    ]
    return tuple(_with_kin(each, roles, kin) for each, roles in named if roles)


def _with_kin(record: Person, roles: list[str], kin: Kin) -> Person:
    changes: dict[str, Any] = dict.fromkeys(roles, kin)
    return replace(record, **changes)


def _names(record: Person, role: str, person: Person) -> bool:
    kin: Kin | None = getattr(record, role)
    return kin is not None and kin.citizen_id == person.citizen_id


def _close_to(world: World, person: Person) -> tuple[Person, ...]:
    named = (getattr(person, role) for role in _ROLES)
    keys = [kin.citizen_id for kin in named if kin is not None and kin.citizen_id is not None]
    found = [relative for key in keys if (relative := world.find_by_key(key)) is not None]
    members = world.household(person.household) if person.household else ()
    children = world.children(person.citizen_id) if person.citizen_id else ()
    close = {person_key(each): each for each in (*found, *members, *children)}
    close.pop(person_key(person), None)
    return tuple(close.values())
