"""Two lists of administrative units, and which of them the codes of an address belong to.

Since July 2025 codes are re-used with another meaning (ward 00004 was Trúc Bạch and is Ba Đình), so a code
without its list has no meaning. Never guesses: unknown codes, codes that don't belong together, and a text that
contradicts them give no list. Source: `data/units/README.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.procedures.address_match import Level, Meaning, contradicts

WITH_DISTRICTS = "units-2025-01"
WITHOUT_DISTRICTS = "units-2025-07"
_FOLDER = Path(__file__).parent / "data" / "units"
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


@cache
def load_units(code_list: str) -> UnitList:
    """Read a list once; raises KeyError for an unknown one."""
    if code_list not in {WITH_DISTRICTS, WITHOUT_DISTRICTS}:
        raise KeyError(code_list)
    _, *lines = (_FOLDER / f"{code_list}.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    units = {code: Unit(name, parent or None) for code, name, parent in rows}
    return UnitList(units, frozenset(level for level in Level if _DIGITS[level] in set(map(len, units))))


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
