"""The 63 provinces that a number may begin with, and every ward of both lists of administrative units.

A ward of July 2025 belongs here to the old province in which its code was before: codes were re-used for units close
by, and that province is part of the ward's new one. Sources: `data/provinces.toml`, `data/units/NOTICE`.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources

from mock_c06.people.model import Address

KINH = "01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """One province.

    `people` is their number in thousands. `partner` is the index of the province that some spouses come from;
    `peoples` has the code of an ethnic group for each per cent: Kinh for the rest.
    """

    code: str
    people: int
    region: str
    partner: int
    peoples: tuple[str, ...]


@cache
def load_provinces() -> tuple[Province, ...]:
    """Read the provinces in the order of their codes; the first call reads the data file."""
    text = resources.files(__package__).joinpath("data/provinces.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    codes = sorted(rows)
    return tuple(
        Province(
            code=code,
            people=rows[code]["people"],
            region=rows[code]["region"],
            partner=codes.index(rows[code]["partner"]),
            peoples=_share_out(rows[code]["peoples"]),
        )
        for code in codes
    )


def _share_out(peoples: Mapping[str, int]) -> tuple[str, ...]:
    shared = [code for code, percent in peoples.items() for _ in range(percent)]
    return (*shared, *[KINH] * (100 - len(shared)))


OLD, NEW = "units-2025-01", "units-2025-07"


def list_of(address: Address) -> str:
    """Return the list of an address: one with a district is of the list before July 2025."""
    return OLD if address.district_code else NEW


_WARD_DIGITS = 5
# Where the tone mark of an open syllable is: on the first vowel in the lists, on the second as schools taught it before.
_FIRST = "ÒA ÓA ỎA ÕA ỌA ÒE ÓE ỎE ÕE ỌE ÙY ÚY ỦY ŨY ỤY"
_SECOND = "OÀ OÁ OẢ OÃ OẠ OÈ OÉ OẺ OẼ OẸ UỲ UÝ UỶ UỸ UỴ"
_MARKED = dict(zip(_FIRST.split(), _SECOND.split(), strict=True))
_OPEN_SYLLABLE = re.compile(rf"(?<!Q)(?:{'|'.join(_MARKED)})(?!\w)")


def mark_on_second_vowel(text: str) -> str:
    """Return an upper-case text with the other place of the tone mark: HÒA becomes HOÀ, and nothing else changes."""
    return _OPEN_SYLLABLE.sub(lambda found: _MARKED[found[0]], text)


class Wards:
    """The codes of the provinces, and the addresses of all 13,356 wards.

    `find` makes one address. The addresses by province are made when `of` first needs them, all of one spelling at once.
    """

    def __init__(self) -> None:
        self._units = {name: _read_units(name) for name in (OLD, NEW)}
        self.provinces = {
            name: {code for code, (_, above) in units.items() if not above}
            for name, units in self._units.items()
        }

    @cached_property
    def _by_province(self) -> Mapping[str, Mapping[str, tuple[Address, ...]]]:
        return {name: self._group(name) for name in (OLD, NEW)}

    @cached_property
    def _marked(self) -> Mapping[str, Mapping[str, tuple[Address, ...]]]:
        return {
            name: {province: _mark(wards) for province, wards in groups.items()}
            for name, groups in self._by_province.items()
        }

    def find_of(self, address: Address) -> Address | None:
        """Return the address of the same ward as its list has it, None if the list has no such ward."""
        return self.find(list_of(address), address.ward_code or "")

    def of(self, code_list: str, province: str, *, second_vowel: bool = False) -> tuple[Address, ...]:
        """Return a province's wards as addresses of that list, in a fixed order; `second_vowel`: HOÀ instead of HÒA."""
        return (self._marked if second_vowel else self._by_province)[code_list][province]

    def find(self, code_list: str, code: str) -> Address | None:
        """Return the address of a ward's code in a list, None if the list has no such ward."""
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


def _mark(wards: tuple[Address, ...]) -> tuple[Address, ...]:
    details = [mark_on_second_vowel(ward.detail) for ward in wards]
    return tuple(
        ward if detail == ward.detail else replace(ward, detail=detail)
        for ward, detail in zip(wards, details, strict=True)
    )


@cache
def load_wards() -> Wards:
    """Read both lists once; the first call reads the data files."""
    return Wards()


def _read_units(name: str) -> Mapping[str, tuple[str, str]]:
    path = resources.files(__package__).joinpath(f"data/units/{name}.tsv")
    _, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {code: (unit, above) for code, unit, above in rows}
