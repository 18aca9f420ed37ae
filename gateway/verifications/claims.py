"""A claim about a citizen: text in, a typed value or one named reason out.

Refuses control and bidi characters and heaps of marks (they hide what an officer reads); zero-width characters, BOM
and NBSP are only folded away. Dates are judged by the day in Asia/Ho_Chi_Minh. Source: docs/registry.md. A text is
bounded by its raw length before anything else looks at it (docs/decisions/0064).
"""

import re
import unicodedata
from datetime import date

from gateway.errors.requests import ClaimInvalid
from gateway.normal_forms import normalise, refuse_long
from gateway.registry.wire import fold_name as registry_name

EARLIEST_YEAR = 1875
MAX_NAME = 100
SHOWN_NAME = r"^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+$"
"""What the document says of a name's characters; `parse_full_name` refuses more."""

CITIZEN_ID = re.compile(r"[0-9]{12}")
ID_CARD = re.compile(r"[0-9]{9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOST_MARKS = 30
"""Combining marks in a row: UAX #15 §12, Stream-Safe Text Format. No language writes as many."""

_FOLDED_AWAY = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_citizen_id(text: str) -> str:
    """Return a 12-digit number. Raises `ValueError` with what is expected."""
    if not CITIZEN_ID.fullmatch(text):
        raise ValueError("12 digits, as printed on the card")
    return text


def parse_id_card_number(text: str) -> str:
    """Return a 9-digit number. Raises `ValueError` with what is expected."""
    if not ID_CARD.fullmatch(text):
        raise ValueError("9 digits, as printed on the card")
    return text


def parse_full_name(text: str) -> str:
    """Return a name of 1 to 100 characters, however its marks are written, that the registry can be asked about.

    Raises `ValueError` with what is expected.
    """
    refuse_long(text, longest=MAX_NAME)
    refuse_hidden(text)
    if len(normalise("NFC", text, longest=MAX_NAME)) > MAX_NAME:
        raise ValueError(f"at most {MAX_NAME} characters")
    try:
        asked = registry_name(text)
    except ClaimInvalid:
        asked = ""
    if not any(character.isalpha() for character in asked):
        raise ValueError(
            "letters of the Latin alphabet, with or without marks, at most 100 once written without"
        )
    return text


def parse_birth_date(text: str, *, today: date) -> date:
    """Return a date that exists and is not in the future. Raises `ValueError`."""
    if not _DATE.fullmatch(text):
        raise ValueError("a date written YYYY-MM-DD")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day that exists in the calendar") from None
    if day > today:
        raise ValueError("a day that is not in the future")
    if day.year < EARLIEST_YEAR:
        raise ValueError(f"a day in {EARLIEST_YEAR} or later")
    return day


def parse_birth_year(year: int, *, today: date) -> int:
    """Return a year from 1875 to this one. Raises `ValueError`."""
    if not EARLIEST_YEAR <= year <= today.year:
        raise ValueError(f"a year from {EARLIEST_YEAR} to this year")
    return year


def refuse_hidden(text: str) -> None:
    """Raise `ValueError` for characters that hide what an officer reads, and for heaps of marks on one letter."""
    marks = 0
    for character in text:
        if _is_refused(character):
            raise ValueError("no control, bidirectional or unassigned characters")
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS:
            raise ValueError(f"at most {MOST_MARKS} marks on one letter")


def _is_refused(character: str) -> bool:
    return character not in _FOLDED_AWAY and unicodedata.category(character) in _REFUSED_CATEGORIES
