"""Where people live and come from: in real units of both lists, some far from where their number was given.

A household is registered in one place, so the address is drawn for the house; who works elsewhere has another
current one.
"""

from bisect import bisect_right
from datetime import date
from typing import NamedTuple

from mock_c06.nation.cells import Member
from mock_c06.nation.draws import Draws, Purpose
from mock_c06.nation.provinces import load_provinces
from mock_c06.nation.wards import NEW, OLD, load_wards
from mock_c06.population.model import Address

NEW_LIST_DAY = date(2025, 7, 1)
_WHOLE_HOUSE_MOVED, _HOUSE_LIVES_AWAY = 8, 14
_ALONE_AWAY = 12
_WORKING_AGE = range(18, 36)
_CATALOGUE_YEAR = 2026
# More than any province has.
_WARDS = 1 << 14
_HOUSES = "0123456789abcdef"
# Where people move to, and how many of a hundred go there: rounded by hand.
_DESTINATIONS = ("79", "01", "74", "75", "48", "27", "31", "77", "80", "56")
_GONE = (30, 46, 62, 74, 80, 85, 90, 94, 98, 100)


class Home(NamedTuple):
    """A person's four addresses and their household's book."""

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
        self._old, self._new = (
            [wards.of(code_list, province.code) for province in provinces] for code_list in (OLD, NEW)
        )
        places = {province.code: place for place, province in enumerate(provinces)}
        self._destinations = [places[_DESTINATIONS[bisect_right(_GONE, drawn)]] for drawn in range(100)]

    def home_of(self, member: Member, house: str, birth_date: date | None) -> Home:
        """Give all addresses of a member who lives in that house."""
        permanent, current, book = self._house(member, house)
        left = self._draws.draw(Purpose.BIRTHPLACE, member.clan, member.position)
        if house.isdigit() or _lives_alone(member):
            left, away = divmod(left, 100)
            left, destination = divmod(left, 100)
            left, ward = divmod(left, _WARDS)
            if away < _ALONE_AWAY:
                current = _pick(self._new[self._destinations[destination]], ward)
        wards = self._new if birth_date is not None and birth_date >= NEW_LIST_DAY else self._old
        return Home(
            birth_registration_place=_pick(wards[member.province], left % _WARDS),
            native_place=self._native(member),
            permanent_residence=permanent,
            current_residence=current,
            household_book=book,
        )

    def _house(self, member: Member, house: str) -> tuple[Address, Address, str | None]:
        left = self._draws.draw(Purpose.HOME, member.clan, ord(house))
        left, code_list = divmod(left, 2)
        left, moved = divmod(left, 100)
        left, drawn = divmod(left, 100)
        left, ward = divmod(left, _WARDS)
        left, has_book = divmod(left, 2)
        destination = self._destinations[drawn]
        book = f"{member.clan:08d}{_HOUSES.index(house):02d}" if has_book else None
        wards = self._new if code_list else self._old
        permanent = _pick(wards[destination if moved < _WHOLE_HOUSE_MOVED else member.home], ward)
        if _WHOLE_HOUSE_MOVED <= moved < _HOUSE_LIVES_AWAY:
            return permanent, _pick(self._new[destination], left % _WARDS), book
        return permanent, permanent, book

    def _native(self, member: Member) -> Address:
        root = member.shape.slots[member.shape.slots[member.position].root]
        home = self._partners[member.home] if root.away else member.home
        return _pick(self._old[home], self._draws.draw(Purpose.NATIVE, member.clan, root.position) % _WARDS)


def _pick(wards: tuple[Address, ...], drawn: int) -> Address:
    return wards[drawn % len(wards)]


def _lives_alone(member: Member) -> bool:
    return (
        _CATALOGUE_YEAR - member.year in _WORKING_AGE and member.shape.slots[member.position].spouse is None
    )
