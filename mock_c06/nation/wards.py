"""Every ward of both lists of administrative units, by the 63 provinces of numbers.

A ward of July 2025 is counted to the old province in which its code stood before: codes were re-used for places
close by, and that province is part of the one that the ward is now in. Source: `data/units/NOTICE`.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources

from mock_c06.nation.provinces import load_provinces
from mock_c06.population.model import Address

OLD, NEW = "units-2025-01", "units-2025-07"
_WARD_DIGITS = 5


class Wards:
    """Addresses of wards, all made at once: there are 13,356."""

    def __init__(self) -> None:
        self._units = {name: _read_units(name) for name in (OLD, NEW)}
        self._by_province = {name: self._group(name) for name in (OLD, NEW)}

    def of(self, code_list: str, province: str) -> tuple[Address, ...]:
        """Give a province's wards as addresses of that list, always in the same order."""
        return self._by_province[code_list][province]

    def find(self, code_list: str, code: str) -> Address | None:
        """Give the address of a ward's code in a list, None where the list has no such ward."""
        known = len(code) == _WARD_DIGITS and code in self._units[code_list]
        return self._make(code_list, code) if known else None

    def _make(self, code_list: str, code: str) -> Address:
        units = self._units[code_list]
        name, above = units[code]
        names, codes = [name], []
        while above:
            codes.append(above)
            name, above = units[above]
            names.append(name)
        return Address(
            province_code=codes[-1],
            district_code=codes[0] if len(codes) > 1 else None,
            ward_code=code,
            detail=", ".join(names).upper(),
        )

    def _group(self, code_list: str) -> Mapping[str, tuple[Address, ...]]:
        old, units = self._units[OLD], self._units[code_list]
        groups: dict[str, list[str]] = defaultdict(list)
        for code in units:
            if len(code) == _WARD_DIGITS and code in old:
                groups[old[old[code][1]][1]].append(code)
        return {
            province.code: tuple(self._make(code_list, code) for code in groups[province.code])
            for province in load_provinces()
        }


@cache
def load_wards() -> Wards:
    """Read both lists once; the first call reads the data files."""
    return Wards()


def _read_units(name: str) -> Mapping[str, tuple[str, str]]:
    path = resources.files(__package__).joinpath(f"data/units/{name}.tsv")
    _, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {code: (unit, above) for code, unit, above in rows}
