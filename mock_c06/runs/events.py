"""Let a life event happen in a run: all its people change at one instant, or it is refused and nobody does.

Refuses what can't be: the dead marry, the unmarried divorce, a child of a child, a number given twice, an event
before one that these people have had. Law: Luật Hôn nhân và gia đình 2014 Đ8 (ages, one spouse, no close kin).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from mock_c06.clock import VIETNAM
from mock_c06.errors import EventRefused
from mock_c06.population.model import LifeStatus, Person
from mock_c06.population.world_index import person_key
from mock_c06.runs.births import bear
from mock_c06.runs.life import (
    KINDS,
    Birth,
    Death,
    Divorce,
    Happened,
    LifeEvent,
    Marriage,
    Move,
    NameCorrection,
    Renumbered,
    Residence,
)
from mock_c06.runs.numbers import issue_number, verify_new_number
from mock_c06.runs.people import age_on, get_living, kin_of, name_anew, spouse_of
from mock_c06.runs.run import Run
from mock_c06.runs.world import HEAD_OF_HOUSEHOLD, World

MARRIED, PARTED = "2", "3"
_AGE_TO_MARRY = {"1": 20, "2": 18}


def apply_event(
    run: Run, event: LifeEvent, at: datetime | None = None
) -> tuple[Happened, tuple[Person, ...]]:
    """Change the people from `at` on (else the run's now); raises `EventRefused`, `PersonUnknown`."""
    at = at or run.clock.now()
    world = run.world.to_come()
    people = _change(world, event, at)
    if age_on(people[0], at.astimezone(VIETNAM).date()) < 0:
        raise EventRefused("at", "is before the birth of who it is about")
    for person in people:
        if world.last_change(person_key(person)) > at:
            raise EventRefused("at", "is before an event that these people have had")
    for person in people:
        run.world.put(person, at)
    keys = tuple(person_key(person) for person in people)
    happened = Happened(n=len(run.events) + 1, kind=KINDS[type(event)], at=at, keys=keys)
    run.events.append(happened)
    return happened, people


def _change(world: World, event: LifeEvent, at: datetime) -> tuple[Person, ...]:
    match event:
        case Death():
            people = _die(world, event)
        case Marriage():
            people = _marry(world, event, at)
        case Divorce():
            people = _divorce(world, event)
        case Move():
            people = _move(world, event)
        case NameCorrection():
            people = _correct_name(world, event)
        case Birth():
            people = (bear(world, event, at),)
        case _:
            people = _renumber(world, event, at)
    return people


def _die(world: World, event: Death) -> tuple[Person, ...]:
    person = get_living(world, event.citizen_id, or_missing=True)
    spouse = spouse_of(world, person)
    widowed = (replace(spouse, marital_status=PARTED, spouse=None),) if spouse is not None else ()
    return (replace(person, status=LifeStatus.DECEASED), *widowed)


def _marry(world: World, event: Marriage, at: datetime) -> tuple[Person, ...]:
    if event.citizen_id == event.spouse_id:
        raise EventRefused("spouse_id", "is the same person")
    pair = get_living(world, event.citizen_id), get_living(world, event.spouse_id, "spouse_id")
    for person, field in zip(pair, ("citizen_id", "spouse_id"), strict=True):
        if person.marital_status == MARRIED or person.spouse is not None:
            raise EventRefused(field, "is married")
        if age_on(person, at.astimezone(VIETNAM).date()) < _AGE_TO_MARRY.get(person.gender, 20):
            raise EventRefused(field, "is too young to marry")
    if {person.gender for person in pair} != set(_AGE_TO_MARRY):
        raise EventRefused("spouse_id", "a man and a woman marry, by the law that the registry keeps")
    if _are_close_kin(*pair):
        raise EventRefused("spouse_id", "is a parent, a child, a brother or a sister")
    one, other = pair
    return (
        replace(one, marital_status=MARRIED, spouse=kin_of(other)),
        replace(other, marital_status=MARRIED, spouse=kin_of(one)),
    )


def _are_close_kin(one: Person, other: Person) -> bool:
    parents = [
        {kin.citizen_id for kin in (p.father, p.mother) if kin and kin.citizen_id} for p in (one, other)
    ]
    return one.citizen_id in parents[1] or other.citizen_id in parents[0] or bool(parents[0] & parents[1])


def _divorce(world: World, event: Divorce) -> tuple[Person, ...]:
    person = get_living(world, event.citizen_id)
    if person.spouse is None and person.marital_status != MARRIED:
        raise EventRefused("citizen_id", "is not married")
    spouse = spouse_of(world, person)
    pair = (person, spouse) if spouse is not None else (person,)
    return tuple(replace(each, marital_status=PARTED, spouse=None) for each in pair)


def _move(world: World, event: Move) -> tuple[Person, ...]:
    person = get_living(world, event.citizen_id)
    joins = event.household is not None or event.relation_to_head is not None
    if joins and (event.whole_household or event.residence is Residence.CURRENT):
        raise EventRefused("household", "only who moves alone and for good joins another household")
    members = world.household(person.household) if person.household else (person,)
    if event.whole_household:
        return tuple(_with_address(each, event) for each in members if each.status is LifeStatus.LIVING)
    if event.residence is Residence.CURRENT:
        return (_with_address(person, event),)
    if person.relation_to_head == HEAD_OF_HOUSEHOLD and len(members) > 1:
        raise EventRefused("citizen_id", "heads a household with others in it: move whole_household")
    household, relation = event.household, event.relation_to_head
    if (household is None) is not (relation is None):
        raise EventRefused("household", "household and relation_to_head go together")
    if household is not None and not world.household(household):
        raise EventRefused("household", "there is no such household")
    moved = _with_address(person, event)
    return (replace(moved, household=household, relation_to_head=relation, household_book=None),)


def _with_address(person: Person, event: Move) -> Person:
    changes: dict[str, Any] = {}
    if event.residence in {Residence.PERMANENT, Residence.BOTH}:
        changes["permanent_residence"] = event.to
    if event.residence in {Residence.CURRENT, Residence.BOTH}:
        changes["current_residence"] = event.to
    return replace(person, **changes)


def _correct_name(world: World, event: NameCorrection) -> tuple[Person, ...]:
    person = get_living(world, event.citizen_id)
    if person.full_name == event.full_name:
        raise EventRefused("full_name", "is the name already")
    return (
        corrected := replace(person, full_name=event.full_name),
        *name_anew(world, person, kin_of(corrected)),
    )


def _renumber(world: World, event: Renumbered, at: datetime) -> tuple[Person, ...]:
    person = get_living(world, event.citizen_id)
    gender = event.gender or person.gender
    birth_date = event.birth_date or person.birth_date
    birth_year = birth_date.year if birth_date is not None else person.birth_year
    if event.birth_date is not None and event.birth_date > at.astimezone(VIETNAM).date():
        raise EventRefused("birth_date", "is after the event")
    if event.new_citizen_id is not None:
        number = verify_new_number(world, event.new_citizen_id, gender=gender, birth_year=birth_year)
    else:
        province = event.citizen_id[1:3]
        number = issue_number(world, province=province, gender=gender, birth_year=birth_year)
    cancelled = replace(person, status=LifeStatus.CANCELLED, household=None, relation_to_head=None)
    renewed = replace(person, citizen_id=number, gender=gender, birth_date=birth_date, birth_year=birth_year)
    return (cancelled, renewed, *name_anew(world, person, kin_of(renewed)))
