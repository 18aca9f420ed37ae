"""Read the hand-made synthetic people of the catalogue from TOML.

`load_personas()` reads the data files on its first call. `why` and `why_vi` say in English and in Vietnamese which
case a persona is for. Numbers end in 000000 to 000999, a block reserved for the mock. A row writes a date or a bare year
as `born`, a relative as a slug, or as a table if the relative is no persona. A row without its reason in both languages
and unknown keys, slugs and units are refused by name.

A row writes an address as a table, or as `old:00004` or `new:00004`: the prefix names the list of administrative units,
because ward codes were re-used in July 2025 (old 00004 is Trúc Bạch, new 00004 is Ba Đình).
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from mock_c06.generated.units import NEW, OLD, load_wards
from mock_c06.people.model import NEVER_CONFIRMED, Address, Kin, LifeStatus, Person, Persona

_LISTS = {"old": OLD, "new": NEW}
_PLAIN = frozenset({
    "citizen_id", "id_card_number", "full_name", "gender", "ethnicity", "religion", "marital_status",
    "blood_type", "nationality", "household", "relation_to_head", "household_book",
})  # fmt: skip
_ADDRESSES = frozenset(
    {"birth_registration_place", "native_place", "permanent_residence", "current_residence"}
)
_KIN = frozenset({"father", "mother", "spouse", "representative"})
_MARKERS = frozenset({"legacy_mismatch", "unit_mismatch", "same_human_as"})
_KNOWN = _PLAIN | _ADDRESSES | _KIN | _MARKERS | {"why", "why_vi", "born", "status", "confirmed"}


class PersonaRowInvalid(Exception):
    """A row that is not valid, with its slug and the reason."""

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(f"{slug}: {reason}")
        self.slug = slug


def parse_personas(texts: Mapping[str, str]) -> tuple[Persona, ...]:
    """Read the files (theme to text) in order, as one catalogue whose rows may name each other."""
    rows: dict[str, dict[str, Any]] = {}
    themes: dict[str, str] = {}
    for theme, text in texts.items():
        for slug, row in tomllib.loads(text).items():
            if slug in rows:
                raise PersonaRowInvalid(slug, f"is in {themes[slug]} and again in {theme}")
            rows[slug], themes[slug] = row, theme
    return tuple(_parse_persona(slug, themes[slug], rows) for slug in rows)


def _parse_persona(slug: str, theme: str, rows: Mapping[str, dict[str, Any]]) -> Persona:
    row = rows[slug]
    _refuse_bad_keys(slug, row)
    status = LifeStatus(row.get("status", LifeStatus.LIVING))
    birth_date, birth_year = _parse_birth(slug, row)
    parts: dict[str, Any] = {key: row[key] for key in _PLAIN & row.keys()}
    parts |= {key: _parse_address(slug, row[key]) for key in _ADDRESSES & row.keys()}
    parts |= {key: _parse_kin(slug, row[key], rows) for key in _KIN & row.keys()}
    parts.setdefault("citizen_id", None)
    person = Person(birth_date=birth_date, birth_year=birth_year, status=status, **parts)
    return Persona(
        slug=slug,
        why=row["why"],
        why_vi=row["why_vi"],
        theme=theme,
        person=person,
        confirmed=row.get("confirmed", status not in NEVER_CONFIRMED),
        **{key: row[key] for key in _MARKERS & row.keys()},
    )


def _refuse_bad_keys(slug: str, row: Mapping[str, Any]) -> None:
    if unknown := row.keys() - _KNOWN:
        raise PersonaRowInvalid(slug, f"unknown keys {sorted(unknown)}")
    if missing := {"why", "why_vi", "full_name", "gender", "born"} - row.keys():
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


def _parse_address(slug: str, value: str | dict[str, str]) -> Address:
    if isinstance(value, dict):
        return Address(**value)
    which, _, ward_code = value.partition(":")
    found = load_wards().find(_LISTS[which], ward_code) if which in _LISTS else None
    if found is None:
        raise PersonaRowInvalid(slug, f"unknown unit {value}")
    return found


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
    return parse_personas(texts)


def get_persona(slug: str) -> Persona:
    """Return one persona; raises `KeyError` with the slug."""
    for persona in load_personas():
        if persona.slug == slug:
            return persona
    raise KeyError(slug)
