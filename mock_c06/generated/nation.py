"""Count a generated population as a census does, and compare it with the census.

Only living people are counted. A person's household, children and twin are looked up by the person, so that a sample is
enough. Figures of the census and their sources: `data/census.toml`, docs/mock-population.md.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.generated.population import GeneratedPopulation
from mock_c06.people.model import LifeStatus, Person
from mock_c06.people.rules import CATALOGUE_DAY, addresses_of

_NEVER, _FEMALE = "1", "2"
_WORD = re.compile(r"\w+")
_HEAPED_BEFORE = 1960
_MOST_CHILDREN = 8
_MOST_MEMBERS = 7
_MEMBERS = 2520
"""A multiple of every size of a household."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the population, what is expected of it, and the census's, if there is one."""

    key: str
    label: str
    unit: str
    mock: float
    expected: float
    census: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeGroup:
    """The per cent of all people who are men and women of these ages."""

    first: int
    last: int
    mock: tuple[float, float]
    expected: tuple[float, float]
    census: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NationReport:
    """A population beside the census. `mothers` and `households`: per cent by number of children and of members."""

    population: int
    seed: str
    read: int
    living: int
    figures: tuple[Figure, ...]
    ages: tuple[AgeGroup, ...]
    mothers: Mapping[str, float]
    households: Mapping[str, float]
    sources: Mapping[str, str]


@cache
def _load_census() -> Mapping[str, Any]:
    """Read the census's figures; the first call reads the data file."""
    text = resources.files(__package__).joinpath("data/census.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def report_on(generated: GeneratedPopulation, indexes: Iterable[int]) -> NationReport:
    """Count the people at these record indexes."""
    count = _Count()
    for index in indexes:
        count.add(generated, generated.person_at_index(index))
    census = _load_census()
    return NationReport(
        population=generated.count,
        seed=generated.seed,
        read=count.read,
        living=count.living,
        figures=tuple(_figures(count, census["figures"])),
        ages=tuple(_age_groups(count, census["targets"]["ages"])),
        mothers=_shares(count.mothers, _MOST_CHILDREN),
        households=_shares(count.households, _MOST_MEMBERS),
        sources=census["sources"],
    )


class _Count:
    """The sums over all people that the report needs."""

    def __init__(self) -> None:
        self.read = self.living = 0
        self.by_age: Counter[tuple[str, int]] = Counter()
        self.never_married: Counter[int] = Counter()
        self.households: Counter[int] = Counter()
        self.mothers: Counter[int] = Counter()
        self.told: Counter[str] = Counter()

    def add(self, generated: GeneratedPopulation, person: Person) -> None:
        self.read += 1
        if person.status is not LifeStatus.LIVING:
            return
        self.living += 1
        age = _age_of(person)
        self.by_age[person.gender, age] += 1
        self.never_married[age] += person.marital_status == _NEVER
        if person.household is not None:
            size = len(generated.households.members(person.household))
            # A household is counted once by each of its members, and no size above ten exists.
            self.households[size] += _MEMBERS // size
        if person.gender == _FEMALE:
            children = generated.children(person.citizen_id or "")
            self.mothers[len(children)] += bool(children)
            self.told["children"] += len(children)
            self.told["twins"] += _twins(children)
        self._add_writing(person)

    def _add_writing(self, person: Person) -> None:
        if person.birth_year < _HEAPED_BEFORE and person.birth_date is not None:
            self.told["dates"] += 1
            self.told["new_year"] += (person.birth_date.month, person.birth_date.day) == (1, 1)
        permanent = person.permanent_residence
        if permanent is not None:
            self.told["registered"] += 1
            self.told["new_units"] += permanent.district_code is None
        for text in (person.full_name, *(address.detail for address in addresses_of(person).values())):
            words = _WORD.findall(text.upper())
            self.told["second_vowel"] += "HOÀ" in words
            self.told["first_vowel"] += "HÒA" in words


def _age_of(person: Person) -> int:
    """Return the age on the catalogue's day; a person known by the year alone counts as born in its middle."""
    born = person.birth_date or date(person.birth_year, 7, 1)
    day = CATALOGUE_DAY
    return day.year - born.year - ((born.month, born.day) > (day.month, day.day))


def _twins(children: tuple[Person, ...]) -> int:
    dates = Counter(child.birth_date for child in children if child.birth_date is not None)
    return sum(times for times in dates.values() if times > 1)


def _figures(count: _Count, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Figure]:
    def people(first: int, last: int, genders: str = "012") -> int:
        return sum(
            n for (gender, age), n in count.by_age.items() if first <= age <= last and gender in genders
        )

    told, mothers, households = count.told, count.mothers, count.households
    at_forty = people(40, 49)
    mean = sum(size * n for size, n in households.items()) / max(households.total(), 1)
    mock = {
        "age_0_4": _percent(people(0, 4), count.living),
        "under_15": _percent(people(0, 14), count.living),
        "over_64": _percent(people(65, 200), count.living),
        "over_89": _percent(people(90, 200), count.living),
        "boys": _percent(people(0, 4, "1"), people(0, 4, "2")),
        "never_married": _percent(sum(count.never_married[age] for age in range(40, 50)), at_forty),
        "one_person": _percent(households[1], households.total()),
        "household": mean,
        "mothers_4_5": _percent(mothers[4] + mothers[5], mothers.total()),
        "twins": _percent(told["twins"], told["children"]),
        "new_year": _percent(told["new_year"], told["dates"]),
        "new_units": _percent(told["new_units"], told["registered"]),
        "second_vowel": _percent(told["second_vowel"], told["second_vowel"] + told["first_vowel"]),
    }
    for key, row in rows.items():
        yield Figure(
            key=key,
            label=row["label"],
            unit=row["unit"],
            mock=round(mock[key], 2),
            expected=row["expected"],
            census=row.get("census"),
            source=row["source"],
        )


def _age_groups(count: _Count, rows: Iterable[Mapping[str, Any]]) -> Iterator[AgeGroup]:
    for row in rows:
        ages = range(row["first"], row["last"] + 1)
        men, women = (sum(count.by_age[gender, age] for age in ages) for gender in "12")
        yield AgeGroup(
            first=row["first"],
            last=row["last"],
            mock=(round(_percent(men, count.living), 2), round(_percent(women, count.living), 2)),
            expected=tuple(row["expected"]),
            census=tuple(row["census"]),
        )


def _shares(counts: Counter[int], most: int) -> Mapping[str, float]:
    """Return the per cent of each number; the last one is that number and more."""
    grouped: Counter[int] = Counter()
    for number, times in counts.items():
        grouped[min(number, most)] += times
    return {
        f"{number}{'+' * (number == most)}": round(_percent(grouped[number], grouped.total()), 1)
        for number in range(1, most + 1)
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / max(whole, 1)
