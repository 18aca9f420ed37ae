"""Read the hand-made synthetic people of the catalogue from TOML.

`load_personas()` reads the data files on its first call. `why` says which case a persona is for. Numbers end in
000000 to 000999, a block reserved for the mock. A row writes a date or a bare year as `born`, a relative as a slug, or
as a table if the relative is no persona. Unknown keys, slugs and units are refused by name.

A row writes an address as a table, or as `old:00004` or `new:00004`: the prefix names the list of administrative units,
because ward codes were re-used in July 2025 (old 00004 is Trúc Bạch, new 00004 is Ba Đình). The lists have every
province, and only the wards of the personas. Source: `data/units.toml`, extracted from an MIT-licensed package.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.people.model import Address, Kin, LifeStatus, Person, Persona


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


_PLAIN = frozenset({
    "citizen_id", "id_card_number", "full_name", "gender", "ethnicity", "religion", "marital_status",
    "blood_type", "nationality", "household", "relation_to_head", "household_book",
})  # fmt: skip
_ADDRESSES = frozenset(
    {"birth_registration_place", "native_place", "permanent_residence", "current_residence"}
)
_KIN = frozenset({"father", "mother", "spouse", "representative"})
_MARKERS = frozenset({"legacy_mismatch", "unit_mismatch", "same_human_as"})
_KNOWN = _PLAIN | _ADDRESSES | _KIN | _MARKERS | {"why", "born", "status", "confirmed"}


class PersonaRowInvalid(Exception):
    """A row that is not valid, with its slug and the reason."""

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(f"{slug}: {reason}")
        self.slug = slug


def parse_personas(texts: Mapping[str, str], units: Units) -> tuple[Persona, ...]:
    """Read the files (theme to text) in order, as one catalogue whose rows may name each other."""
    rows: dict[str, dict[str, Any]] = {}
    themes: dict[str, str] = {}
    for theme, text in texts.items():
        for slug, row in tomllib.loads(text).items():
            if slug in rows:
                raise PersonaRowInvalid(slug, f"is in {themes[slug]} and again in {theme}")
            rows[slug], themes[slug] = row, theme
    return tuple(_parse_persona(slug, themes[slug], rows, units) for slug in rows)


def _parse_persona(slug: str, theme: str, rows: Mapping[str, dict[str, Any]], units: Units) -> Persona:
    row = rows[slug]
    _refuse_bad_keys(slug, row)
    status = LifeStatus(row.get("status", LifeStatus.LIVING))
    birth_date, birth_year = _parse_birth(slug, row)
    parts: dict[str, Any] = {key: row[key] for key in _PLAIN & row.keys()}
    parts |= {key: _parse_address(slug, row[key], units) for key in _ADDRESSES & row.keys()}
    parts |= {key: _parse_kin(slug, row[key], rows) for key in _KIN & row.keys()}
    parts.setdefault("citizen_id", None)
    person = Person(birth_date=birth_date, birth_year=birth_year, status=status, **parts)
    return Persona(
        slug=slug,
        why=row["why"],
        theme=theme,
        person=person,
        confirmed=row.get("confirmed", status not in {LifeStatus.DECEASED, LifeStatus.CANCELLED}),
        **{key: row[key] for key in _MARKERS & row.keys()},
    )


def _refuse_bad_keys(slug: str, row: Mapping[str, Any]) -> None:
    if unknown := row.keys() - _KNOWN:
        raise PersonaRowInvalid(slug, f"unknown keys {sorted(unknown)}")
    if missing := {"why", "full_name", "gender", "born"} - row.keys():
        raise PersonaRowInvalid(slug, f"lacks {sorted(missing)}")
    if not row.keys() & {"citizen_id", "id_card_number"}:
        raise PersonaRowInvalid(slug, "has no number at all")


def _parse_birth(slug: str, row: Mapping[str, Any]) -> tuple[date | None, int]:
    born = row["born"]
    if type(born) is date:
        return born, born.year
    if type(born) is int:
        return None, born
    raise PersonaRowInvalid(slug, "born is neither a date nor a year")


def _parse_address(slug: str, value: str | dict[str, str], units: Units) -> Address:
    if isinstance(value, dict):
        return Address(**value)
    if value not in units.addresses:
        raise PersonaRowInvalid(slug, f"unknown unit {value}")
    return units.addresses[value]


def _parse_kin(slug: str, value: str | dict[str, str], rows: Mapping[str, dict[str, Any]]) -> Kin:
    if isinstance(value, dict):
        return Kin(**value)
    if value not in rows:
        raise PersonaRowInvalid(slug, f"unknown relative {value}")
    relative = rows[value]
    return Kin(
        full_name=relative["full_name"],
        nationality=relative.get("nationality", "VN"),
        citizen_id=relative.get("citizen_id"),
        id_card_number=relative.get("id_card_number"),
    )


THEMES = ("family", "households", "names", "ethnic_names", "numbers", "life", "addresses")


@cache
def load_personas() -> tuple[Persona, ...]:
    """Return the catalogue, in the order of the files and their rows."""
    folder = resources.files(__package__).joinpath("data")
    texts = {theme: folder.joinpath(f"personas_{theme}.toml").read_text(encoding="utf-8") for theme in THEMES}
    return parse_personas(texts, load_units())


def get_persona(slug: str) -> Persona:
    """Return one persona; raises `KeyError` with the slug."""
    for persona in load_personas():
        if persona.slug == slug:
            return persona
    raise KeyError(slug)
