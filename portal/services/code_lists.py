"""The code lists of form fields: short lists, and the administrative units since July 2025. Data: `lists/`.

The gateway names a list with each coded value; a portal has the lists itself, the same as the gateway's.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

UNITS = "units-2025-07"


@dataclass(frozen=True, slots=True)
class Code:
    """A code and its label."""

    code: str
    label: str


@cache
def read_codes(name: str) -> tuple[Code, ...]:
    """Return a short list in its order."""
    text = resources.files("portal.services").joinpath("lists", f"{name}.toml").read_text(encoding="utf-8")
    return tuple(Code(code, label) for code, label in tomllib.loads(text)["codes"].items())


@cache
def _units() -> tuple[tuple[Code, ...], dict[str, tuple[Code, ...]]]:
    text = resources.files("portal.services").joinpath("lists", f"{UNITS}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    wards: dict[str, list[Code]] = {}
    for code, name, parent in rows:
        if parent:
            wards.setdefault(parent, []).append(Code(code, name))
    provinces = tuple(Code(code, name) for code, name, parent in rows if not parent)
    return provinces, {parent: tuple(found) for parent, found in wards.items()}


def provinces() -> tuple[Code, ...]:
    """Return the 34 provinces and cities."""
    return _units()[0]


def wards(province: str) -> tuple[Code, ...]:
    """Return the wards and communes of a province; none for an unknown one."""
    return _units()[1].get(province, ())


def find(codes: tuple[Code, ...], code: str) -> Code | None:
    """Return the entry with this code."""
    return next((each for each in codes if each.code == code), None)
