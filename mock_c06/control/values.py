"""Values of a body that are taken as JSON writes them: no text stands for a number, no number for a time.

An author who writes `"at": "2020"` means a year; read leniently it would be the 2,020th second of 1970.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _as_instant(written: Any) -> Any:
    # TOML has times of its own; pydantic sees to their offset.
    if isinstance(written, datetime) or (isinstance(written, str) and _INSTANT.fullmatch(written)):
        return written
    raise ValueError("write a time with its offset, such as 2022-04-27T01:00:00Z")


def _as_day(written: Any) -> Any:
    of_toml = isinstance(written, date) and not isinstance(written, datetime)
    if of_toml or (isinstance(written, str) and _DAY.fullmatch(written)):
        return written
    raise ValueError("write a date such as 1990-01-31")


def _one_line(written: str) -> str:
    if not written.isprintable():
        raise ValueError("one line of printable characters is expected")
    return written


Line = Annotated[str, AfterValidator(_one_line)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Instant = Annotated[AwareDatetime, BeforeValidator(_as_instant)]
Day = Annotated[date, BeforeValidator(_as_day)]
Words = Annotated[str, Field(max_length=10_000)]
"""Text that can be written again: the bound also refuses half a surrogate pair, which no answer could hold."""
