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
    """A code, its label, and its English name where that differs."""

    code: str
    label: str
    english: str | None = None

    def of(self, language: str) -> str:
        """Return its name in a language."""
        return self.english or self.label if language == "en" else self.label


def _read(file: str) -> str:
    return resources.files("portal.services").joinpath("lists", file).read_text(encoding="utf-8")


@cache
def read_codes(name: str) -> tuple[Code, ...]:
    """Return a short list in its order."""
    labels = tomllib.loads(_read(f"{name}.toml"))["codes"]
    return tuple(Code(code, label, find_english(name, code)) for code, label in labels.items())


def find_english(name: str, code: str) -> str | None:
    """Return the English name of a code of a list; None if its label serves both languages."""
    return _english().get(name, {}).get(code)


@cache
def _english() -> dict[str, dict[str, str]]:
    lists = tomllib.loads(_read("english.toml"))
    del lists["source"]
    return lists


@cache
def _units() -> tuple[tuple[Code, ...], dict[str, tuple[Code, ...]]]:
    rows = [line.split("\t") for line in _read(f"{UNITS}.tsv").splitlines()[1:]]
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
