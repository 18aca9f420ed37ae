"""Two lists of administrative units, and which of them the codes of an address belong to.

Since July 2025 codes are re-used with another meaning (ward 00004 was Trúc Bạch and is Ba Đình), so a code
without its list has no meaning. Never guesses: returns no list for unknown codes, for codes that don't belong
together, and for codes that the address's text contradicts.

The text is compared with the names of the codes by folded words (no case, marks or punctuation) for each level.
An unclear text counts as a contradiction, because a wrong list gives a citizen a wrong home. Streets and house
numbers are ignored. Sources: `data/units/README.md`; the registry's texts, such as "PHƯỜNG TRÚC BẠCH, QUẬN BA
ĐÌNH, THÀNH PHỐ HÀ NỘI", and how people shorten them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from gateway.identifiers import normalise

WITH_DISTRICTS = "units-2025-01"
WITHOUT_DISTRICTS = "units-2025-07"
_FOLDER = Path(__file__).parent / "data" / "units"


class Level(Enum):
    """A level of units, with the words that the name of a unit may begin with."""

    WARD = ("phường", "xã", "thị trấn", "đặc khu")
    DISTRICT = ("quận", "huyện", "thị xã", "thành phố")
    PROVINCE = ("tỉnh", "thành phố")


_DIGITS = {Level.WARD: 5, Level.DISTRICT: 3, Level.PROVINCE: 2}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's name with its kind, and the code of the unit above; None above a province."""

    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class UnitList:
    """One list of units by code. The length of a code gives its level."""

    units: Mapping[str, Unit]
    levels: frozenset[Level]


@dataclass(frozen=True, slots=True)
class Meaning:
    """The names that an address's codes have in one list, lowest level first, and the list's levels."""

    names: dict[Level, str]
    levels: frozenset[Level]

    def plain_names(self) -> frozenset[str]:
        """Return the names folded and without the kind of unit."""
        return frozenset(_plain(name) for name in self.names.values())


@cache
def load_units(code_list: str) -> UnitList:
    """Read a list once; raises KeyError for an unknown one."""
    if code_list not in {WITH_DISTRICTS, WITHOUT_DISTRICTS}:
        raise KeyError(code_list)
    _, *lines = (_FOLDER / f"{code_list}.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    units = {code: Unit(name, parent or None) for code, name, parent in rows}
    lengths = set(map(len, units))
    return UnitList(units, frozenset(level for level in Level if _DIGITS[level] in lengths))


def code_list_of(
    *,
    province_code: str | None,
    district_code: str | None,
    ward_code: str | None,
    detail: str | None = None,
    country: str | None = None,
) -> str | None:
    """Return the list that an address's codes belong to, None if that isn't certain.

    A district code means the older list, no district code the newer one.
    """
    codes = {
        level: code.zfill(_DIGITS[level])
        for level, code in zip(Level, (ward_code, district_code, province_code), strict=True)
        if code
    }
    if not codes or (country or "VN").upper() != "VN":
        return None
    here, elsewhere = WITH_DISTRICTS, WITHOUT_DISTRICTS
    if Level.DISTRICT not in codes:
        here, elsewhere = elsewhere, here
    if not _belong_together(list(codes.values()), load_units(here)):
        return None
    if detail and contradicts(detail, _meaning(codes, here), _meaning(codes, elsewhere)):
        return None
    return here


def _belong_together(codes: list[str], units: UnitList) -> bool:
    """Return whether all codes (lowest first) are known and each unit lies in the next one."""
    found = [units.units.get(code) for code in codes]
    parents = [unit.parent for unit in found if unit is not None]
    return len(parents) == len(codes) and parents[: len(codes) - 1] == codes[1:]


def _meaning(codes: dict[Level, str], code_list: str) -> Meaning:
    units = load_units(code_list)
    names = {level: units.units[code].name for level, code in codes.items() if code in units.units}
    return Meaning(names, units.levels)


_MAX_LENGTH = 500
"""Characters of an address's text; `registry/records.py` accepts no more."""

_SHORT = {
    "tp": "thành phố",
    "tx": "thị xã",
    "tt": "thị trấn",
    "t": "tỉnh",
    "h": "huyện",
    "q": "quận",
    "p": "phường",
    "x": "xã",
}
# "P. Trúc Bạch", "TP.Hà Nội", "TP Hà Nội", "Q1"; a single letter without a dot or number is no kind of unit.
_SHORTENED = re.compile(r"(?:(tp|tx|tt|t|h|q|p|x)\.|(tp|tx|tt)(?= )|(q|p)(?= ?[0-9]+$))\s*")


@dataclass(frozen=True, slots=True)
class _Part:
    words: str
    levels: frozenset[Level]

    def matches(self, name: str) -> bool:
        return f" {self.words}".endswith(f" {_full(name)}")


def contradicts(detail: str, here: Meaning, elsewhere: Meaning) -> bool:
    """Return whether the text contradicts the codes' names `here`; `elsewhere` has the other list's names."""
    try:
        parts = _read_parts(detail)
    except ValueError:  # longer than any address that the registry documents
        return True
    if Level.WARD in here.names and _ends_in_all(parts, here):
        return False
    if any(_names_another(part, here) for part in parts):
        return True
    return _means_elsewhere(parts, here, elsewhere) or not _lowest_is_named(parts, here)


def _read_parts(detail: str) -> list[_Part]:
    parts = map(_read_part, re.split(r"[,;\n]", detail))
    return [part for part in parts if part.words not in {"", "viet nam"}]


def fold(text: str) -> str:
    """Return lower-case ASCII words, one space between, numbers without leading zeros."""
    decomposed = normalise("NFD", text.casefold().replace("đ", "d"), longest=_MAX_LENGTH)
    bare = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
    return " ".join(word.lstrip("0") or word for word in re.split(r"[^a-z0-9]+", bare) if word)


def _read_part(text: str) -> _Part:
    written = normalise("NFC", " ".join(text.split()), longest=_MAX_LENGTH).casefold()
    short = _SHORTENED.match(written)
    if short is not None:
        written = f"{_SHORT[short[short.lastindex or 0]]} {written[short.end() :]}"
    # "quán thánh" is no quận: a kind is written with its own marks, or with no marks at all.
    begins = frozenset(level for level in Level if any(_begins(written, kind) for kind in level.value))
    return _Part(fold(written), begins)


def _begins(written: str, kind: str) -> bool:
    return written.startswith((f"{kind} ", f"{fold(kind)} "))


# The cache keeps names of the lists only, never the text of a citizen's address.
@cache
def _full(name: str) -> str:
    return fold(name)


@cache
def _plain(name: str) -> str:
    """Return a unit's name folded and without its kind."""
    kinds = (kind for level in Level for kind in level.value if _begins(name.casefold(), kind))
    return fold(name[len(next(kinds, "")) :])


def _ends_in_all(parts: list[_Part], here: Meaning) -> bool:
    """Return whether the text ends with all full names, with or without commas."""
    whole = " ".join(part.words for part in parts)
    return f" {whole}".endswith("".join(f" {_full(name)}" for name in here.names.values()))


def _names_another(part: _Part, here: Meaning) -> bool:
    """Return whether a part names another unit than its level's code, or a level that the list doesn't have."""
    undecided = any(level in here.levels and level not in here.names for level in part.levels)
    if not part.levels or undecided:
        return False
    return not any(level in part.levels and part.matches(name) for level, name in here.names.items())


def _means_elsewhere(parts: list[_Part], here: Meaning, elsewhere: Meaning) -> bool:
    """Return whether a part is a name that the codes have in the other list only."""
    return any(part.words in elsewhere.plain_names() - here.plain_names() for part in parts)


def _lowest_is_named(parts: list[_Part], here: Meaning) -> bool:
    """Return whether the text names the lowest unit, or no unit at all (only a street and number)."""
    named = [name for name in here.names.values() if any(_names(part, name) for part in parts)]
    if not named:
        return not any(part.levels for part in parts)
    return named[0] == next(iter(here.names.values()))


def _names(part: _Part, name: str) -> bool:
    return part.matches(name) or part.words == _plain(name)
