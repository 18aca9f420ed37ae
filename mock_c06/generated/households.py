"""The members of a household, its head, and the others' relations to the head.

A household has the living people of one house of the clan's shape; the first adult is the head. One of a divorced
couple lives in another house.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from mock_c06.generated.cells import Cells, Member
from mock_c06.generated.clans import RECORDS, ClanShape
from mock_c06.generated.lives import Lives
from mock_c06.people.index import HEAD_OF_HOUSEHOLD
from mock_c06.people.model import LifeStatus

_KEY = re.compile(r"dan-so-([0-9]{1,8})-([a-f0-9])")
_SPOUSE, _CHILD, _FATHER, _MOTHER, _GRANDCHILD = "CH02", "CH03", "CH04", "CH05", "CH06"
_SIBLING, _IN_LAW, _GRANDPARENT, _OTHER = "CH07", "CH08", "CH09", "CH99"


class Households:
    """Households under one seed."""

    def __init__(self, cells: Cells, lives: Lives) -> None:
        self._cells = cells
        self._lives = lives

    def house_of(self, member: Member) -> str:
        """Return the house of the clan that a member lives in."""
        slot = member.shape.slots[member.position]
        divorced = (
            slot.spouse is not None and slot.spouse < member.position and self._lives.is_divorced(member)
        )
        return str(member.position) if divorced else slot.house

    def key_of(self, member: Member, house: str) -> str:
        """Return the key of the member's house, by which `members` finds it."""
        return f"dan-so-{member.clan}-{house}"

    def members(self, key: str) -> tuple[Member, ...]:
        """Return the living members of a household, its head first; empty for an unknown key."""
        found = _KEY.fullmatch(key)
        if found is None or int(found[1]) * RECORDS >= self._cells.count:
            return ()
        first = self._cells.member_at(int(found[1]) * RECORDS)
        return self._living(first, found[2])

    def relation_to_head(self, member: Member, house: str) -> str:
        """Return the code of a living member's relation to the head of the house."""
        head = next(self._adults(member, house), None) or self._living(member, house)[0]
        return relation_of(member.shape, member.position, head.position)

    def _living(self, one: Member, house: str) -> tuple[Member, ...]:
        living = [
            member
            for member in self._housed(one, house)
            if self._lives.life_of(member).status is LifeStatus.LIVING
        ]
        if not living:
            return ()
        head = next(self._adults(one, house), living[0])
        return (head, *(member for member in living if member != head))

    def _adults(self, one: Member, house: str) -> Iterator[Member]:
        for member in self._housed(one, house):
            life = self._lives.life_of(member)
            if life.status is LifeStatus.LIVING and not life.is_minor:
                yield member

    def _housed(self, one: Member, house: str) -> Iterator[Member]:
        for position in one.shape.houses.get(house, ()):
            member = self._cells.relative(one, position)
            if member is not None and self.house_of(member) == house:
                yield member


@cache
def relation_of(shape: ClanShape, position: int, head: int) -> str:
    """Return the code of a position's relation to the head's. There are some 7,500 answers, all cached."""
    for code, holds in _RELATIONS:
        if holds(shape, position, head):
            return code
    return _OTHER


def _parents(shape: ClanShape, position: int | None) -> set[int]:
    if position is None:
        return set()
    slot = shape.slots[position]
    return {parent for parent in (slot.father, slot.mother) if parent is not None}


def _grandparents(shape: ClanShape, position: int) -> set[int]:
    return {each for parent in _parents(shape, position) for each in _parents(shape, parent)}


# A great-grandchild counts as a grandchild: the list has no other code.
_RELATIONS: tuple[tuple[str, Callable[[ClanShape, int, int], bool]], ...] = (
    (HEAD_OF_HOUSEHOLD, lambda _, one, head: one == head),
    (_SPOUSE, lambda shape, one, head: shape.slots[one].spouse == head),
    (_CHILD, lambda shape, one, head: head in _parents(shape, one)),
    (_FATHER, lambda shape, one, head: shape.slots[head].father == one),
    (_MOTHER, lambda shape, one, head: shape.slots[head].mother == one),
    (
        _GRANDCHILD,
        lambda shape, one, head: any(
            head == each or head in _parents(shape, each) for each in _grandparents(shape, one)
        ),
    ),
    (_GRANDPARENT, lambda shape, one, head: one in _grandparents(shape, head)),
    (_SIBLING, lambda shape, one, head: bool(_parents(shape, one) & _parents(shape, head))),
    (_IN_LAW, lambda shape, one, head: head in _parents(shape, shape.slots[one].spouse)),
)
