"""The people and the name of a record: both come down a clan's lines, the rest is drawn.

A child is of the father's people and bears his surname (the mother's among peoples that reckon so). Names are by
region, people, gender and generation; no name is anybody's.
"""

from bisect import bisect_right

from mock_c06.nation.cells import Cells, Member
from mock_c06.nation.draws import Draws, Purpose
from mock_c06.nation.memory import OfOneClan
from mock_c06.nation.name_forms import Forms, load_peoples
from mock_c06.nation.provinces import KINH, load_provinces
from mock_c06.nation.shapes import FEMALE, MALE

_GENERATION_YEARS = (1960, 1990)
_YEARS_TO_PARENT = 25
_CLAN = 250
_OF_THE_CLANS_PEOPLE = 88


class Names:
    """Names under one seed."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._draws = draws
        self._provinces = load_provinces()
        self._peoples = load_peoples()
        self._names: OfOneClan[int, str] = OfOneClan()
        self._people_by_root: OfOneClan[int, str] = OfOneClan()

    def people_of(self, member: Member) -> str:
        """Give the code of a member's people: that of the root of their line."""
        root = member.shape.slots[member.position].root
        known = self._people_by_root.of(member.clan)
        people = known.get(root)
        if people is None:
            people = known[root] = self._draw_people(member, root)
        return people

    def _draw_people(self, member: Member, root: int) -> str:
        left, percent = divmod(self._draws.draw(Purpose.PEOPLE, member.clan, root), 100)
        home = self._provinces[member.home]
        if member.shape.slots[root].away:
            return self._provinces[home.partner].peoples[percent]
        if root and left % 100 >= _OF_THE_CLANS_PEOPLE:
            return KINH
        return home.peoples[self._draws.draw(Purpose.PEOPLE, member.clan, _CLAN) % 100]

    def name_of(self, member: Member) -> str:
        """Give the full name in everyday case; a former record bears the name of the one in force."""
        former_of = member.shape.slots[member.position].former_of
        bearer = self._cells.relative(member, former_of) if former_of is not None else member
        if bearer is None:
            raise LookupError(member)
        known = self._names.of(bearer.clan)
        name = known.get(bearer.position)
        if name is None:
            name = known[bearer.position] = self._draw_name(bearer)
        return name

    def _draw_name(self, member: Member) -> str:
        forms = self._peoples[self.people_of(member)].forms
        family = self._surname(member, forms)
        left = self._draws.draw(Purpose.NAME, member.clan, member.position)
        return _write(forms, member.gender, member.year, family, left)[1]

    def parents_of_root(self, member: Member) -> tuple[str, str]:
        """Name the father and mother of one whose line begins with them: they have no record of their own."""
        forms = self._peoples[self.people_of(member)].forms
        family = self._surname(member, forms)
        left, other = self._draw_surname(member, forms, Purpose.KIN)
        year = member.year - _YEARS_TO_PARENT
        his, hers = (other, family) if forms.from_mother else (family, other)
        left, father = _write(forms, MALE, year, his, left)
        _, mother = _write(forms, FEMALE, year, hers, left)
        return father, mother

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
        return self._draw_surname(member, forms, Purpose.SURNAME)[1]

    def _draw_surname(self, member: Member, forms: Forms, purpose: Purpose) -> tuple[int, str]:
        left = self._draws.draw(purpose, member.clan, member.position)
        words = forms.family.get(self._provinces[member.province].region)
        return words.draw(left) if words is not None else (left, "")


def _write(forms: Forms, gender: int, year: int, family: str, left: int) -> tuple[int, str]:
    """Write a name, with what is left to draw from."""
    generation = bisect_right(_GENERATION_YEARS, year)
    middles = forms.middle[gender]
    left, middle = middles[generation].draw(left) if middles else (left, "")
    left, given = forms.given[gender][generation].draw(left, other_than=middle.rpartition(" ")[2])
    return left, forms.patterns[gender].format(family=family, middle=middle, given=given)
