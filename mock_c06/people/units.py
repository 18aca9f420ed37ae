"""Read an address such as `old:00004` or `new:00004` from the two lists of administrative units.

The reference names the list because ward codes were re-used in July 2025: old 00004 is Trúc Bạch, new 00004 is Ba
Đình. The lists have every province, and only the wards of the personas. Source: `data/units.toml`, extracted from an
MIT-licensed package.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mock_c06.people.model import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Addresses by list and ward code, and the name of each province by list and code."""

    addresses: Mapping[str, Address]
    old_provinces: Mapping[str, str]
    new_provinces: Mapping[str, str]

    def find(self, address: Address) -> Address | None:
        """Return the address of the ward as its list has it, None if the list lacks the code."""
        which = "old" if address.district_code else "new"
        return self.addresses.get(f"{which}:{address.ward_code}")


@cache
def load_units() -> Units:
    """Read the data file; the first call reads it, and no import does."""
    data = tomllib.loads(resources.files(__package__).joinpath("data/units.toml").read_text(encoding="utf-8"))
    old, new = data["provinces"]["old"], data["provinces"]["new"]
    addresses: dict[str, Address] = {}
    for ward_code, (province, district, ward_name, district_name) in data["wards"]["old"].items():
        addresses[f"old:{ward_code}"] = Address(
            province_code=province,
            district_code=district,
            ward_code=ward_code,
            detail=f"{ward_name}, {district_name}, {old[province]}".upper(),
        )
    for ward_code, (province, ward_name) in data["wards"]["new"].items():
        addresses[f"new:{ward_code}"] = Address(
            province_code=province, ward_code=ward_code, detail=f"{ward_name}, {new[province]}".upper()
        )
    return Units(addresses=addresses, old_provinces=old, new_provinces=new)
