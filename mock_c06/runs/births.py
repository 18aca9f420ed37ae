"""A birth is registered: the child has a number, parents, and a place in the household of the parent who reports it."""

from datetime import datetime

from mock_c06.clock import VIETNAM
from mock_c06.errors import EventRefused
from mock_c06.population.model import Person
from mock_c06.runs.life import Birth
from mock_c06.runs.numbers import issue_number, verify_new_number
from mock_c06.runs.people import age_on, get_living, kin_of, spouse_of
from mock_c06.runs.world import HEAD_OF_HOUSEHOLD, World

SINGLE = "1"
_YEARS_TO_PARENT = 15
_CHILD, _GRANDCHILD, _OTHER = "CH03", "CH06", "CH99"
# What the child is to the head, by what the reporting parent is; head's child or child-in-law gives a grandchild.
_RELATION = {HEAD_OF_HOUSEHOLD: _CHILD, "CH02": _CHILD, "CH03": _GRANDCHILD, "CH08": _GRANDCHILD}


def bear(world: World, event: Birth, at: datetime) -> Person:
    """Give the child; raises `EventRefused`, `PersonUnknown`."""
    today = at.astimezone(VIETNAM).date()
    born = event.birth_date or today
    if born > today:
        raise EventRefused("birth_date", "is after the event")
    parent = get_living(world, event.citizen_id)
    other = _other_parent(world, parent, event)
    for each, field in ((parent, "citizen_id"), (other, "other_parent_id")):
        if each is not None and age_on(each, born) < _YEARS_TO_PARENT:
            raise EventRefused(field, "was a child when this one was born")
    by_gender = {each.gender: each for each in (parent, other) if each is not None}
    father, mother = by_gender.get("1"), by_gender.get("2")
    home = parent.permanent_residence
    return Person(
        citizen_id=_number(world, event, parent, born.year),
        full_name=event.full_name,
        gender=event.gender,
        birth_date=born,
        birth_year=born.year,
        ethnicity=(father or parent).ethnicity,
        nationality=parent.nationality,
        marital_status=SINGLE,
        birth_registration_place=home,
        native_place=(father or parent).native_place,
        permanent_residence=home,
        current_residence=parent.current_residence,
        father=kin_of(father) if father is not None else None,
        mother=kin_of(mother) if mother is not None else None,
        representative=kin_of(mother or parent),
        household=parent.household,
        relation_to_head=_RELATION.get(parent.relation_to_head or "", _OTHER) if parent.household else None,
    )


def _other_parent(world: World, parent: Person, event: Birth) -> Person | None:
    """Give the other parent: who is named, else the spouse, whose child the law takes it to be."""
    if parent.gender not in {"1", "2"}:
        raise EventRefused("citizen_id", "has no known gender, so is neither father nor mother")
    if event.other_parent_id is None:
        return spouse_of(world, parent)
    other = get_living(world, event.other_parent_id, "other_parent_id")
    if {parent.gender, other.gender} != {"1", "2"}:
        raise EventRefused("other_parent_id", "a child has a father and a mother")
    return other


def _number(world: World, event: Birth, parent: Person, year: int) -> str:
    if event.new_citizen_id is not None:
        return verify_new_number(world, event.new_citizen_id, gender=event.gender, birth_year=year)
    home = parent.permanent_residence
    province = (home.province_code if home is not None else None) or event.citizen_id[1:3]
    return issue_number(world, province=province, gender=event.gender, birth_year=year)
