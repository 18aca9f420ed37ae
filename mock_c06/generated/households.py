"""The members of a household, its head, and the others' relations to the head; where people live and come from.

A household has the living people of one house of the clan's shape; the first adult is the head. One of a divorced
couple lives in another house.

Homes are real units of both lists, some far from the province of the number. A household is registered at one address, which is
drawn for the house; a person who works elsewhere has another current one. Residences are in the units of the day, except a few
that nobody has rewritten since July 2025; birth and native places stay in the units of their time. Some offices write HOÀ,
others HÒA.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from typing import NamedTuple

from mock_c06.generated.cells import Cells, Member
from mock_c06.generated.clans import RECORDS, ClanShape
from mock_c06.generated.draws import Draws, Purpose
from mock_c06.generated.lives import Lives
from mock_c06.generated.units import NEW, OLD, load_provinces, load_wards
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, Address, LifeStatus
from mock_c06.people.rules import CATALOGUE_DAY

_NEW_LIST_DAY = date(2025, 7, 1)
_WHOLE_HOUSE_MOVED, _HOUSE_LIVES_AWAY = 8, 14
_ALONE_AWAY = 12
# Per cent: addresses in the units before July 2025, addresses with the tone mark on the second vowel.
_NOT_REWRITTEN, _SECOND_VOWEL = 4, 30
_WORKING_AGE = range(18, 36)
# More wards than any province has.
_WARDS = 1 << 14
_HOUSES = "0123456789abcdef"
# Where people move to, and the cumulative per cent: rounded by hand.
_DESTINATIONS = ("79", "01", "74", "75", "48", "27", "31", "77", "80", "56")
_GONE = (30, 46, 62, 74, 80, 85, 90, 94, 98, 100)


class Home(NamedTuple):
    """A person's four addresses and the household book."""

    birth_registration_place: Address
    native_place: Address
    permanent_residence: Address
    current_residence: Address
    household_book: str | None


class Homes:
    """Homes under one seed."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        provinces, wards = load_provinces(), load_wards()
        self._partners = [province.partner for province in provinces]
        # For each list and spelling the wards of each province.
        self._old, self._new = (
            tuple(
                [wards.of(code_list, province.code, second_vowel=marked) for province in provinces]
                for marked in (False, True)
            )
            for code_list in (OLD, NEW)
        )
        indexes = {province.code: index for index, province in enumerate(provinces)}
        self._destinations = [indexes[_DESTINATIONS[bisect_right(_GONE, drawn)]] for drawn in range(100)]

    def home_of(self, member: Member, house: str, birth_date: date | None) -> Home:
        """Return all addresses of a member who lives in that house. Twins are registered at the same place."""
        permanent, current, book = self._house(member, house)
        slot = member.slot
        born_with = slot.position if slot.twin is None else slot.twin
        left = self._draws.draw(Purpose.BIRTHPLACE, member.clan, born_with)
        left, spelling = divmod(left, 100)
        left, birth_ward = divmod(left, _WARDS)
        if house.isdigit() or _lives_alone(member):
            left, away = divmod(left, 100)
            left, destination = divmod(left, 100)
            if away < _ALONE_AWAY:
                current = _pick(self._new[False][self._destinations[destination]], left % _WARDS)
        lists = self._new if birth_date is not None and birth_date >= _NEW_LIST_DAY else self._old
        return Home(
            birth_registration_place=_pick(lists[spelling < _SECOND_VOWEL][member.province], birth_ward),
            native_place=self._native(member),
            permanent_residence=permanent,
            current_residence=current,
            household_book=book,
        )

    def _house(self, member: Member, house: str) -> tuple[Address, Address, str | None]:
        left = self._draws.draw(Purpose.HOME, member.clan, ord(house))
        left, rewritten = divmod(left, 100)
        left, spelling = divmod(left, 100)
        left, moved = divmod(left, 100)
        left, drawn = divmod(left, 100)
        left, ward = divmod(left, _WARDS)
        left, has_book = divmod(left, 2)
        destination = self._destinations[drawn]
        book = f"{member.clan.number:08d}{_HOUSES.index(house):02d}" if has_book else None
        new = self._new[spelling < _SECOND_VOWEL]
        wards = self._old[spelling < _SECOND_VOWEL] if rewritten < _NOT_REWRITTEN else new
        permanent = _pick(wards[destination if moved < _WHOLE_HOUSE_MOVED else member.clan.home], ward)
        if _WHOLE_HOUSE_MOVED <= moved < _HOUSE_LIVES_AWAY:
            return permanent, _pick(new[destination], ward), book
        return permanent, permanent, book

    def _native(self, member: Member) -> Address:
        root, home = member.clan.shape.slots[member.slot.root], member.clan.home
        home = self._partners[home] if root.away else home
        left, spelling = divmod(self._draws.draw(Purpose.NATIVE, member.clan, root.position), 100)
        return _pick(self._old[spelling < _SECOND_VOWEL][home], left % _WARDS)


def _pick(wards: tuple[Address, ...], drawn: int) -> Address:
    return wards[drawn % len(wards)]


def _lives_alone(member: Member) -> bool:
    return CATALOGUE_DAY.year - member.year in _WORKING_AGE and member.slot.spouse is None


_LIVING = LifeStatus.LIVING
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
        slot = member.slot
        divorced = (
            slot.spouse is not None and slot.spouse < member.position and self._lives.is_divorced(member)
        )
        return str(member.position) if divorced else slot.house

    def key_of(self, member: Member, house: str) -> str:
        """Return the key of the member's house, by which `members` finds it."""
        return f"dan-so-{member.clan.number}-{house}"

    def members(self, key: str) -> tuple[Member, ...]:
        """Return the living members of a household, its head first; empty for an unknown key."""
        living = list(self._living(key))
        head = self._find_head(living)
        return () if head is None else (head, *(each for each in living if each is not head))

    def head(self, key: str) -> Member | None:
        """Return the head of a household: the first adult, else the first child; None for an unknown key."""
        return self._find_head(self._living(key))

    def relation_to_head(self, member: Member, house: str) -> str:
        """Return the code of a living member's relation to the head of the house."""
        head = self._find_head(self._housed(member, house)) or member
        return relation_of(member.clan.shape, member.position, head.position)

    def _living(self, key: str) -> Iterator[Member]:
        found = _KEY.fullmatch(key)
        if found is not None and int(found[1]) * RECORDS < self._cells.count:
            yield from self._housed(self._cells.member_at(int(found[1]) * RECORDS), found[2])

    def _find_head(self, living: Iterable[Member]) -> Member | None:
        first = None
        for member in living:
            if not self._lives.life_of(member).is_minor:
                return member
            first = first or member
        return first

    def _housed(self, one: Member, house: str) -> Iterator[Member]:
        for position in one.clan.shape.houses.get(house, ()):
            member = self._cells.relative(one, position)
            if (
                member is not None
                and self.house_of(member) == house
                and self._lives.life_of(member).status is _LIVING
            ):
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
