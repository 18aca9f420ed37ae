"""The people and the name of a record: both come down a clan's lines, the rest is drawn.

A child is of the father's people and bears his surname (the mother's among peoples that reckon so). Names are by
region, people, gender and generation; no name is anybody's.
"""

from bisect import bisect_right
from functools import lru_cache

from mock_c06.nation.cells import Cells, Member
from mock_c06.nation.draws import Draws, Lots, Purpose
from mock_c06.nation.name_forms import Forms, load_peoples
from mock_c06.nation.provinces import KINH, load_provinces
from mock_c06.nation.shapes import FEMALE, MALE, Shape

_GENERATION_YEARS = (1960, 1990)
_YEARS_TO_PARENT = 25
_CLAN = 250
_KEPT = 256
_OF_THE_CLANS_PEOPLE = 88


class Names:
    """Names under one seed."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._draws = draws
        self._provinces = load_provinces()
        self._peoples = load_peoples()
        # One look-up asks for the same few lines again and again.
        self._surname_of_root = lru_cache(maxsize=_KEPT)(self._draw_root)
        self._people_of_line = lru_cache(maxsize=_KEPT)(self._draw_people)

    def people_of(self, member: Member) -> str:
        """Give the code of a member's people: that of the root of their line."""
        return self._people_of_line(
            member.clan, member.home, member.shape, member.shape.slots[member.position].root
        )

    def _draw_people(self, clan: int, home: int, shape: Shape, root: int) -> str:
        lots = self._draws.lots(Purpose.PEOPLE, clan, root)
        percent, alike = lots.take(100), lots.take(100)
        if shape.slots[root].away:
            return self._provinces[self._provinces[home].partner].people_of(percent)
        if root and alike >= _OF_THE_CLANS_PEOPLE:
            return KINH
        return self._provinces[home].people_of(self._draws.lots(Purpose.PEOPLE, clan, _CLAN).take(100))

    def name_of(self, member: Member) -> str:
        """Give the full name in everyday case; a former record bears the name of the one in force."""
        former_of = member.shape.slots[member.position].former_of
        bearer = self._cells.relative(member, former_of) if former_of is not None else member
        if bearer is None:
            raise LookupError(member)
        forms = self._peoples[self.people_of(bearer)].forms
        family = self._surname(bearer, forms)
        lots = self._draws.lots(Purpose.NAME, bearer.clan, bearer.position)
        return _write(forms, bearer.gender, bearer.year, family, lots)

    def parents_of_root(self, member: Member) -> tuple[str, str]:
        """Name the father and mother of one whose line begins with them: they have no record of their own."""
        forms = self._peoples[self.people_of(member)].forms
        family = self._surname(member, forms)
        lots = self._draws.lots(Purpose.KIN, member.clan, member.position)
        other = self._draw_surname(member, forms, lots)
        year = member.year - _YEARS_TO_PARENT
        his, hers = (other, family) if forms.from_mother else (family, other)
        return _write(forms, MALE, year, his, lots), _write(forms, FEMALE, year, hers, lots)

    def _surname(self, member: Member, forms: Forms) -> str:
        slot = member.shape.slots[member.position]
        above = slot.father if slot.father is not None else slot.mother
        if forms.from_mother and slot.mother is not None:
            mother = self._cells.relative(member, slot.mother)
            if mother is not None and self._peoples[self.people_of(mother)].forms is forms:
                above = slot.mother
        parent = self._cells.relative(member, above)
        if parent is not None:
            return self._surname(parent, forms)
        return self._surname_of_root(member, forms)

    def _draw_root(self, member: Member, forms: Forms) -> str:
        lots = self._draws.lots(Purpose.SURNAME, member.clan, member.position)
        return self._draw_surname(member, forms, lots)

    def _draw_surname(self, member: Member, forms: Forms, lots: Lots) -> str:
        words = forms.family.get(self._provinces[member.province].region)
        return words.draw(lots) if words is not None else ""


def _write(forms: Forms, gender: int, year: int, family: str, lots: Lots) -> str:
    generation = bisect_right(_GENERATION_YEARS, year)
    middles = forms.middle[gender]
    middle = middles[generation].draw(lots) if middles else ""
    given = forms.given[gender][generation].draw(lots, other_than=middle.rpartition(" ")[2])
    return forms.patterns[gender].format(family=family, middle=middle, given=given)
