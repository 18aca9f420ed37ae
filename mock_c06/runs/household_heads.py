"""Who is the head of a household after the head's death, and what the others are to the new head.

The spouse follows, else the eldest adult, else the eldest. The relations are read out of the members' records; where
they do not show one, it is CH99 (other). Only CH01 was seen on the wire: the others are this mock's own.
"""

from dataclasses import replace
from datetime import date

from mock_c06.people.index import HEAD_OF_HOUSEHOLD, key_of_kin, parents_of, person_key
from mock_c06.people.model import LifeStatus, Person
from mock_c06.runs.world import World

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
