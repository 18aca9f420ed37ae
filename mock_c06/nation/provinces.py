"""The 63 provinces that a number may begin with: weight, region, partner, peoples. Source: `data/provinces.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

KINH = "01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """One province. `partner` is the place in the list of the one that some spouses come from; `peoples` has the code of
    a people for each per cent: those that the file doesn't share out are Kinh."""

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
