"""The ethnic group and the name of a record: the family line decides the group and the surname, the rest is drawn.

A child belongs to the father's group and bears his surname (the mother's in matrilineal groups). Names are drawn by
region, group, gender and generation; no name is a real person's. Source: `data/name_forms.toml`, `data/peoples.toml`,
where `Lò*20 Vì*7 Lường` is three words, the first twenty times as likely as the last.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.generated.cells import Cells, Member
from mock_c06.generated.clans import FEMALE, MALE
from mock_c06.generated.draws import Draws, Purpose
from mock_c06.generated.units import KINH, load_provinces


class WeightedWords:
    """Words with their weights: a word of weight 20 is 20 times in the list."""

    __slots__ = ("_after", "_words")

    def __init__(self, text: str) -> None:
        pairs = [entry.partition("*") for entry in text.split()]
        weighted = [(word.replace("_", " "), int(weight or 1)) for word, _, weight in pairs]
        self._words = [word for word, weight in weighted for _ in range(weight)]
        words = [word for word, weight in weighted if weight]
        self._after = dict(zip(words, (*words[1:], words[0]), strict=True))

    def draw(self, left: int, *, other_than: str = "") -> tuple[int, str]:
        """Return the rest of the draw and a word; instead of `other_than` the word after it."""
        left, index = divmod(left, len(self._words))
        word = self._words[index]
        return left, self._after[word] if word == other_than else word


_GENERATIONS = 3
_REGIONS = ("north", "centre", "south")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """A people's forms: patterns, middle and given words by gender and generation, surnames by region.

    `from_mother`: a child bears the mother's surname. `family` is empty if the group has no surnames.
    """

    patterns: tuple[str, str]
    middle: tuple[tuple[WeightedWords, ...], tuple[WeightedWords, ...]]
    given: tuple[tuple[WeightedWords, ...], tuple[WeightedWords, ...]]
    family: Mapping[str, WeightedWords]
    from_mother: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One of the 54 peoples: code in QĐ 121 order, name, forms."""

    code: str
    name: str
    forms: Forms


@cache
def load_peoples() -> Mapping[str, People]:
    """Read peoples and forms; the first call reads the data files."""
    forms = {name: _make_forms(row) for name, row in _read("name_forms").items()}
    return {
        code: People(code=code, name=row["name"], forms=forms[row["forms"]])
        for code, row in _read("peoples").items()
    }


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"data/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _make_forms(row: dict[str, Any]) -> Forms:
    family = row.get("family", "")
    by_region = family if isinstance(family, dict) else dict.fromkeys(_REGIONS, family)
    return Forms(
        patterns=(row["male"], row["female"]),
        middle=(_by_generation(row.get("male_middle", "")), _by_generation(row.get("female_middle", ""))),
        given=(_by_generation(row["male_given"]), _by_generation(row["female_given"])),
        family={region: WeightedWords(words) for region, words in by_region.items() if words},
        from_mother=row.get("mother", False),
    )


def _by_generation(words: str | list[str]) -> tuple[WeightedWords, ...]:
    if not words:
        return ()
    return tuple(
        WeightedWords(each) for each in ([words] * _GENERATIONS if isinstance(words, str) else words)
    )


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

    def people_of(self, member: Member) -> str:
        """Return the code of a member's ethnic group: that of the root of the line."""
        root, known = member.slot.root, member.clan.peoples
        people = known.get(root)
        if people is None:
            people = known[root] = self._draw_people(member, root)
        return people

    def _draw_people(self, member: Member, root: int) -> str:
        left, percent = divmod(self._draws.draw(Purpose.PEOPLE, member.clan, root), 100)
        home = self._provinces[member.clan.home]
        if member.clan.shape.slots[root].away:
            return self._provinces[home.partner].peoples[percent]
        if root and left % 100 >= _OF_THE_CLANS_PEOPLE:
            return KINH
        return home.peoples[self._draws.draw(Purpose.PEOPLE, member.clan, _CLAN) % 100]

    def name_of(self, member: Member) -> str:
        """Return the full name in everyday case; a former record has the name of the one in force."""
        former_of = member.slot.former_of
        bearer = self._cells.relative(member, former_of) if former_of is not None else member
        if bearer is None:
            raise LookupError(member)
        known = bearer.clan.names
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
        """Return the names of the father and mother of a line's root: the two have no records."""
        forms = self._peoples[self.people_of(member)].forms
        family = self._surname(member, forms)
        left, other = self._draw_surname(member, forms, Purpose.KIN)
        year = member.year - _YEARS_TO_PARENT
        his, hers = (other, family) if forms.from_mother else (family, other)
        left, father = _write(forms, MALE, year, his, left)
        _, mother = _write(forms, FEMALE, year, hers, left)
        return father, mother

    def _surname(self, member: Member, forms: Forms) -> str:
        slot = member.slot
        above = slot.father if slot.father is not None else slot.mother
        if forms.from_mother and slot.mother is not None:
            mother = self._cells.relative(member, slot.mother)
            if mother is not None and self._peoples[self.people_of(mother)].forms is forms:
                above = slot.mother
        parent = self._cells.relative(member, above)
        if parent is not None:
            return self._surname(parent, forms)
        return self._draw_surname(member, forms, Purpose.SURNAME)[1]

    def _draw_surname(self, member: Member, forms: Forms, purpose: int) -> tuple[int, str]:
        left = self._draws.draw(purpose, member.clan, member.position)
        words = forms.family.get(self._provinces[member.province].region)
        return words.draw(left) if words is not None else (left, "")


def _write(forms: Forms, gender: int, year: int, family: str, left: int) -> tuple[int, str]:
    """Return the rest of the draw, and the name."""
    generation = bisect_right(_GENERATION_YEARS, year)
    middles = forms.middle[gender]
    left, middle = middles[generation].draw(left) if middles else (left, "")
    left, given = forms.given[gender][generation].draw(left, other_than=middle.rpartition(" ")[2])
    return left, forms.patterns[gender].format(family=family, middle=middle, given=given)
