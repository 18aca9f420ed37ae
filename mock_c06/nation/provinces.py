"""The 63 provinces that a number may begin with: weight, region, partner, peoples. Source: `data/provinces.toml`."""

import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import accumulate

KINH = "01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """One province. `partner` is the place in the list of the one that some spouses come from."""

    code: str
    people: int
    region: str
    partner: int
    cuts: tuple[int, ...]
    codes: tuple[str, ...]

    def people_of(self, percent: int) -> str:
        """Say whose code stands at that per cent: the rest are Kinh."""
        at = bisect_right(self.cuts, percent)
        return self.codes[at] if at < len(self.codes) else KINH


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
            cuts=tuple(accumulate(rows[code]["peoples"].values())),
            codes=tuple(rows[code]["peoples"]),
        )
        for code in codes
    )
