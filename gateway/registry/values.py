"""Read single values of an answer: text, codes, dates. Text in, a typed value or a named refusal out.

Refuses controls and direction-changing characters, lengths past what C06 documents, dates that don't exist.
Codes stay text, since their zeros mean something; which list they are of is the caller's to say.
"""

import re
from datetime import UTC, date, datetime

from gateway.clock import vietnam
from gateway.errors.registry import RegistryAnswerInvalid
from gateway.normal_forms import normalise

_BLANKS = re.compile("[ \t\r\n\u00a0]+")
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_DATE = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")
_YEAR = re.compile(r"[0-9]{4}")
_EARLIEST_YEAR = 1850
_MOST_WITH_BLANKS = 4
"""How often the limit a value may be as long as it came, with blanks and what has no width."""
_EARLIEST_DATA = 1900
_LATEST_DATA = 2199


def text(raw: str, limit: int) -> str | None:
    """Return words as shown to people, in NFC with single spaces; None where there are none."""
    if not raw:
        return None
    if len(raw) > _MOST_WITH_BLANKS * limit:
        raise RegistryAnswerInvalid("value too long")
    # Most values need no tidying, and telling so is ten times cheaper than tidying.
    tidy = raw.isprintable() and "  " not in raw
    value = (raw if tidy else _BLANKS.sub(" ", raw.translate(_ZERO_WIDTH))).strip(" ")
    if not value:
        return None
    if len(value) > limit:
        raise RegistryAnswerInvalid("value too long")
    if not tidy and not value.isprintable():
        raise RegistryAnswerInvalid("control character in a value")
    return normalise("NFC", value, longest=limit)


def code(raw: str, form: re.Pattern[str]) -> str | None:
    """Return a code that has exactly this form; None where it is empty."""
    if not raw:
        return None
    if form.fullmatch(raw) is None:
        raise RegistryAnswerInvalid("malformed code")
    return raw


def birth(date_text: str, year_text: str, today: date) -> tuple[date | None, int | None]:
    """Return the birth date, where known, and the year; raises where they disagree or can't be."""
    day = None
    if _YEAR.fullmatch(date_text) is not None:
        date_text, year_text = "", year_text or date_text
    if date_text:
        day = _day(date_text)
    if not year_text:
        year = day.year if day is not None else None
    elif _YEAR.fullmatch(year_text) is not None:
        year = int(year_text)
    else:
        raise RegistryAnswerInvalid("malformed birth year")
    if day is not None and (day.year != year or day > today):
        raise RegistryAnswerInvalid("impossible birth date")
    if year is not None and not _EARLIEST_YEAR <= year <= today.year:
        raise RegistryAnswerInvalid("impossible birth date")
    return day, year


def instant(raw: str) -> datetime | None:
    """Return an xs:dateTime as an instant in UTC; without an offset it is Vietnam's time.

    Raises `RegistryAnswerInvalid` for a time that no data can be of, such as .NET's 0001-01-01T00:00:00.
    """
    if not raw:
        return None
    try:
        found = datetime.fromisoformat(raw)
        local = found if found.tzinfo is not None else found.replace(tzinfo=vietnam())
        settled = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RegistryAnswerInvalid("malformed time of data") from None
    if not _EARLIEST_DATA <= settled.year <= _LATEST_DATA:
        raise RegistryAnswerInvalid("impossible time of data")
    return settled


def _day(raw: str) -> date:
    parts = _DATE.fullmatch(raw)
    if parts is None:
        raise RegistryAnswerInvalid("malformed birth date")
    try:
        return date(int(parts[1]), int(parts[3]), int(parts[4]))
    except ValueError:
        raise RegistryAnswerInvalid("impossible birth date") from None
