"""Code lists with their names: a bare code means nothing, the same two digits name other people elsewhere.

Numeric codes are compared as numbers ("1" is "01") and written as the list writes them. Leaves out
administrative units (`units.py`). Source: `data/codes/*.toml`, each with its own.
"""

import tomllib
from functools import cache
from pathlib import Path

CODE_LISTS = (
    "gender",
    "marital",
    "blood",
    "religion-portal",
    "ethnic-qd121",
    "iso3166-1",
    "relation-mock",
)
_FOLDER = Path(__file__).parent / "data" / "codes"


def label(code_list: str, code: str) -> str | None:
    """Return what a code means in that list, None for a code it doesn't hold; KeyError: no such list."""
    return _labels(code_list).get(canonical(code_list, code))


def canonical(code_list: str, code: str) -> str:
    """Return the code as the list writes it ("4" is "04" in ethnic-qd121); an unknown one unchanged."""
    labels = _labels(code_list)
    if code in labels or not (code.isascii() and code.isdigit()):
        return code
    number = code.lstrip("0")
    return next((known for known in labels if known.isdigit() and known.lstrip("0") == number), code)


def codes_of(code_list: str) -> dict[str, str]:
    """Return a copy of the list: labels by code, in the list's order."""
    return dict(_labels(code_list))


@cache
def _labels(code_list: str) -> dict[str, str]:
    if code_list not in CODE_LISTS:
        raise KeyError(code_list)
    content = tomllib.loads((_FOLDER / f"{code_list}.toml").read_text(encoding="utf-8"))
    return {str(code): str(text) for code, text in content["codes"].items()}
