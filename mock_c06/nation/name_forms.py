"""How each people forms its names, and the peoples' own names. Source: `data/name_forms.toml`, `data/peoples.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.nation.words import Words

_GENERATIONS = 3
_REGIONS = ("north", "centre", "south")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """A people's forms: patterns, middle and given words by gender and generation, surnames by region.

    `from_mother`: a child bears the mother's surname. `family` is empty where there are no surnames.
    """

    patterns: tuple[str, str]
    middle: tuple[tuple[Words, ...], tuple[Words, ...]]
    given: tuple[tuple[Words, ...], tuple[Words, ...]]
    family: Mapping[str, Words]
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
        family={region: Words(words) for region, words in by_region.items() if words},
        from_mother=row.get("mother", False),
    )


def _by_generation(words: str | list[str]) -> tuple[Words, ...]:
    if not words:
        return ()
    return tuple(Words(each) for each in ([words] * _GENERATIONS if isinstance(words, str) else words))
