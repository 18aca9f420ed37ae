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
        self._wards = load_wards()
        self._codes = [province.code for province in load_provinces()]

    def home_of(self, member: Member, house: str, birth_date: date | None) -> Home:
        """Give all addresses of a member who lives in that house."""
        permanent, current, book = self._house(member, house)
        lots = self._draws.lots(Purpose.BIRTHPLACE, member.clan, member.position)
        if house.isdigit() or self._lives_alone(member):
            away, destination, ward = lots.take(100), lots.take(100), lots.take(_WARDS)
            if away < _ALONE_AWAY:
                current = self._wards.pick(NEW, _destination(destination), ward)
        lists = NEW if birth_date is not None and birth_date >= NEW_LIST_DAY else OLD
        return Home(
            birth_registration_place=self._wards.pick(lists, self._codes[member.province], lots.take(_WARDS)),
            native_place=self._native(member),
            permanent_residence=permanent,
            current_residence=current,
            household_book=book,
        )

    def _house(self, member: Member, house: str) -> tuple[Address, Address, str | None]:
        lots = self._draws.lots(Purpose.HOME, member.clan, ord(house))
        home, code_list = self._codes[member.home], (OLD, NEW)[lots.take(2)]
        moved, destination, ward = lots.take(100), _destination(lots.take(100)), lots.take(_WARDS)
        book = f"{member.clan:08d}{_HOUSES.index(house):02d}" if lots.take(2) else None
        permanent = self._wards.pick(code_list, destination if moved < _WHOLE_HOUSE_MOVED else home, ward)
        if _WHOLE_HOUSE_MOVED <= moved < _HOUSE_LIVES_AWAY:
            return permanent, self._wards.pick(NEW, destination, lots.take(_WARDS)), book
        return permanent, permanent, book

    def _native(self, member: Member) -> Address:
        root = member.shape.slots[member.shape.slots[member.position].root]
        home = self._codes[load_provinces()[member.home].partner if root.away else member.home]
        lots = self._draws.lots(Purpose.NATIVE, member.clan, root.position)
        return self._wards.pick(OLD, home, lots.take(_WARDS))

    def _lives_alone(self, member: Member) -> bool:
        slot = member.shape.slots[member.position]
        return slot.spouse is None and _CATALOGUE_YEAR - member.year in _WORKING_AGE


def _destination(percent: int) -> str:
    return _DESTINATIONS[bisect_right(_GONE, percent)]
