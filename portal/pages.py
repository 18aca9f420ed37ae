"""Pages: Jinja2 with every value escaped, Vietnamese first, English by a switch, and how values are written.

`t(vi, en)` in a template gives the text of the visitor's language. No page has an inline style or script.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from portal.clock import VIETNAM
from portal.services.code_lists import find_english

LANGUAGES = ("vi", "en")
MIME = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2",
        ".svg": "image/svg+xml"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    vi: str
    en: str

    def of(self, language: str) -> str:
        """Return the text of a language."""
        return self.en if language == "en" else self.vi


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("portal", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals["asset"] = asset_address
    return made


@cache
def _assets() -> Mapping[str, tuple[bytes, str]]:
    files = [
        (each, Path(each.name).suffix) for each in resources.files("portal").joinpath("assets").iterdir()
    ]
    return {each.name: (each.read_bytes(), MIME[suffix]) for each, suffix in files if suffix in MIME}


def read_asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of `assets/` and its type; None for a name that is not there."""
    return _assets().get(name)


@cache
def asset_address(name: str) -> str:
    """Return the address of a file, which changes with its content."""
    found = read_asset(name)
    assert found is not None, name
    return f"/tai-san/{name}?v={hashlib.sha256(found[0]).hexdigest()[:12]}"


def render(
    template: str, shared: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:  # fmt: skip
    """Return a page; `shared` is what every page needs (`web.py`)."""
    language = shared["language"]
    text = _environment().get_template(template).render(
        **shared,
        **values,
        t=lambda vi, en: en if language == "en" else vi,
        say=lambda found: found.of(language) if isinstance(found, Text) else found,
        instant=lambda found: write_instant(found, language),
        day=lambda found: write_day(found, language),
        typed_day=lambda found: write_day(found, "vi"),  # the form that the hint names in both languages
        shown=lambda found: write_value(found, language),
    )  # fmt: skip
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def write_instant(text: str | None, language: str) -> str:
    """Write an instant in Vietnam's time: `10:48 ngày 28/11/2026`."""
    if not text:
        return ""
    local = datetime.fromisoformat(text).astimezone(VIETNAM)
    return f"{local:%H:%M}, {_english(local)}" if language == "en" else f"{local:%H:%M} ngày {local:%d/%m/%Y}"


def write_day(text: str, language: str) -> str:
    """Write a day: `28/11/2026`; a year stays a year."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return text
    return _english(found) if language == "en" else f"{found:%d/%m/%Y}"


def _english(found: date | datetime) -> str:
    months = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
              "November", "December")  # fmt: skip
    return f"{found.day} {months[found.month - 1]} {found.year}"


def write_value(value: Any, language: str) -> str:
    """Write a field's value as a person reads it: text, day, code, address, relative or several people."""
    if value is None or value == "":
        return "—"
    if isinstance(value, Text):
        return value.of(language)
    if isinstance(value, list):
        return "; ".join(write_value(each, language) for each in value) or "—"
    if isinstance(value, Mapping):
        return _write_parts(value, language)
    text = str(value)
    return write_day(text, language) if len(text) == 10 and text[4:5] == "-" else text


def _write_parts(value: Mapping[str, Any], language: str) -> str:
    if "ward_code" in value:
        return str(value.get("detail") or value.get("ward_code") or value.get("province_code") or "—")
    if "code" in value:
        english = find_english(str(value.get("code_list")), str(value["code"])) if language == "en" else None
        return english or str(value.get("label") or value["code"] or "—")
    parts = [str(value.get("full_name") or "")]
    if value.get("birth_year"):
        parts.append(str(value["birth_year"]))
    if value.get("relation"):
        parts.append(write_value(value["relation"], language))
    return ", ".join(part for part in parts if part) or "—"
