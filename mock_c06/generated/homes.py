"""Where people live and come from: real units of both lists, some far from the province of the number.

A household is registered at one address, which is drawn for the house; a person who works elsewhere has another
current one. Residences are in the units of the day, but for a few that nobody has rewritten since July 2025; birth and
native places stay in the units of their time. Some offices write HOÀ, others HÒA.
"""

from bisect import bisect_right
from datetime import date
from typing import NamedTuple

from mock_c06.generated.cells import Member
from mock_c06.generated.draws import Draws, Purpose
from mock_c06.generated.units import NEW, OLD, load_provinces, load_wards
from mock_c06.people.model import Address

NEW_LIST_DAY = date(2025, 7, 1)
_WHOLE_HOUSE_MOVED, _HOUSE_LIVES_AWAY = 8, 14
_ALONE_AWAY = 12
# Per cent: addresses in the units before July 2025, addresses with the tone mark on the second vowel.
_NOT_REWRITTEN, _SECOND_VOWEL = 4, 30
_WORKING_AGE = range(18, 36)
_CATALOGUE_YEAR = 2026
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
        slot = member.shape.slots[member.position]
        born_with = slot.position if slot.twin is None else slot.twin
        left = self._draws.draw(Purpose.BIRTHPLACE, member.clan, born_with)
        left, spelling = divmod(left, 100)
        left, birth_ward = divmod(left, _WARDS)
        if house.isdigit() or _lives_alone(member):
            left, away = divmod(left, 100)
            left, destination = divmod(left, 100)
            if away < _ALONE_AWAY:
                current = _pick(self._new[False][self._destinations[destination]], left % _WARDS)
        lists = self._new if birth_date is not None and birth_date >= NEW_LIST_DAY else self._old
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
        book = f"{member.clan:08d}{_HOUSES.index(house):02d}" if has_book else None
        new = self._new[spelling < _SECOND_VOWEL]
        wards = self._old[spelling < _SECOND_VOWEL] if rewritten < _NOT_REWRITTEN else new
        permanent = _pick(wards[destination if moved < _WHOLE_HOUSE_MOVED else member.home], ward)
        if _WHOLE_HOUSE_MOVED <= moved < _HOUSE_LIVES_AWAY:
            return permanent, _pick(new[destination], ward), book
        return permanent, permanent, book

    def _native(self, member: Member) -> Address:
        root = member.shape.slots[member.shape.slots[member.position].root]
        home = self._partners[member.home] if root.away else member.home
        left, spelling = divmod(self._draws.draw(Purpose.NATIVE, member.clan, root.position), 100)
        return _pick(self._old[spelling < _SECOND_VOWEL][home], left % _WARDS)


def _pick(wards: tuple[Address, ...], drawn: int) -> Address:
    return wards[drawn % len(wards)]


def _lives_alone(member: Member) -> bool:
    return (
        _CATALOGUE_YEAR - member.year in _WORKING_AGE and member.shape.slots[member.position].spouse is None
    )
