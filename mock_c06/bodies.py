"""Strict values of a body, and the message for a value that is not valid.

Text is never read as a number, nor a number as a time: an author who writes `"at": "2020"` means a year, and a lenient
reader would take the 2,020th second of 1970. A message names the member as the author wrote it.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    model_validator,
)

from mock_c06.operations import TOKEN, Operation

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
_MOST_MEMBERS = 1_000
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def refuse_many(sent: Any) -> Any:
    """Refuse more members than any body has, before each unknown one gets a message: 200,000 took seconds."""
    if isinstance(sent, Mapping) and len(sent) > _MOST_MEMBERS:
        raise ValueError(f"at most {_MOST_MEMBERS} members are expected")
    return sent


class ControlBody(BaseModel):
    """What a test sends: members that the control face does not know are refused."""

    model_config = ConfigDict(extra="forbid")
    _refuse_many = model_validator(mode="before")(refuse_many)


def _as_instant(written: Any) -> Any:
    # TOML has its own times; pydantic checks their offset.
    if isinstance(written, datetime) or (isinstance(written, str) and _INSTANT.fullmatch(written)):
        return written
    raise ValueError("write a time with its offset, such as 2022-04-27T01:00:00Z")


def _as_day(written: Any) -> Any:
    of_toml = isinstance(written, date) and not isinstance(written, datetime)
    if of_toml or (isinstance(written, str) and _DAY.fullmatch(written)):
        return written
    raise ValueError("write a date such as 1990-01-31")


def _as_call(written: Any) -> Any:
    known = (*Operation, TOKEN)
    if isinstance(written, str) and written in known:
        return written
    raise ValueError(f"one of {', '.join(map(repr, map(str, known)))} is expected")


def _one_line(written: str) -> str:
    if not written.isprintable():
        raise ValueError("one line of printable characters is expected")
    return written


Line = Annotated[str, AfterValidator(_one_line)]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Instant = Annotated[AwareDatetime, BeforeValidator(_as_instant)]
Day = Annotated[date, BeforeValidator(_as_day)]
CallName = Annotated[Operation | Literal["token"], BeforeValidator(_as_call)]
"""An operation, or a call for a token. One message names all of them."""
BoundedText = Annotated[str, Field(max_length=10_000)]
"""Text that an answer can contain: the length limit also refuses half a surrogate pair."""


ValidationDetail = Mapping[str, Any]

_NUMBER, _WHOLE, _FLAG = "a number is expected", "a whole number is expected", "true or false is expected"
_OBJECT, _LIST = "an object with named members is expected", "a list is expected"
_WORDS: Mapping[str, str] = {
    "missing": "this member is missing",
    "extra_forbidden": "no such member",
    "string_type": "a text is expected",
    "string_too_short": "at least {min_length} character(s) expected",
    "string_too_long": "at most {max_length} characters expected",
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": _NUMBER,
    "bool_type": _FLAG, "bool_parsing": _FLAG,
    "list_type": _LIST, "tuple_type": _LIST,
    "dict_type": _OBJECT, "model_type": _OBJECT, "model_attributes_type": _OBJECT,
    "too_short": "at least {min_length} item(s) expected",
    "too_long": "at most {max_length} item(s) expected",
    "greater_than": "more than {gt} is expected",
    "greater_than_equal": "{ge} or more is expected",
    "less_than": "less than {lt} is expected",
    "less_than_equal": "{le} or less is expected",
    "enum": "one of {expected} is expected",
    "literal_error": "one of {expected} is expected",
    "timezone_aware": "write a time with its offset, such as 2022-04-27T01:00:00Z",
}  # fmt: skip
"""What is expected where pydantic finds an error of this type: its own messages are for programmers in Python."""

_PATTERNS: Mapping[str, str] = {
    "^[0-9]$": "1 digit expected",
    "^[0-9]{2}$": "2 digits expected",
    "^[0-9]{3}$": "3 digits expected",
    "^[0-9]{5}$": "5 digits expected",
    "^[0-9]{9}$": "9 digits expected",
    "^[0-9]{12}$": "12 digits expected",
    "^([0-9]{9}|[0-9]{12})$": "9 or 12 digits expected",
    "^[A-Z]{2}$": "2 capital letters expected",
}


def in_plain_words(error: ValidationDetail) -> str:
    """Return what is expected in place of a wrong value; the messages of our own validators are plain already."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return _PATTERNS.get(pattern, f"a text that matches {pattern} is expected")
    if kind.startswith("date_"):
        return "a day of the calendar is expected, such as 1990-01-31"
    if kind.startswith("datetime_"):
        return "an instant is expected, such as 2022-04-27T01:00:00Z"
    if kind == "missing" and "required" in context:
        return str(context["required"])
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return _WORDS.get(kind, "a value of another form is expected").format_map(context)


def validation_message(error: ValidationDetail, sent: Any, *, within: int = 0) -> tuple[str, str]:
    """Return the member's dotted name, "" for the whole body, and the message; `within` is the depth of `sent` in the
    error's location."""
    where = _as_written(error, sent, within)
    match error["type"]:
        case "json_invalid":
            return "", f"no valid JSON: {error['ctx']['error']}"
        case "union_tag_invalid":
            tags = re.findall(r"'(\w+)'", error["ctx"]["expected_tags"])
            complaint = f"one of {', '.join(tags)} is expected"
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), complaint
        case "union_tag_not_found":
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), _WORDS["missing"]
    return ".".join(where), in_plain_words(error)


def _as_written(error: ValidationDetail, sent: Any, within: int) -> list[str]:
    """Return the error's location without the names of the union's variants, which no author wrote."""
    location = error["loc"][within:]
    written: list[str] = []
    for part in location:
        if isinstance(sent, Mapping | list) and _has(sent, part):
            sent = sent[part]
            written.append(str(part))
    return [*written, str(location[-1])] if error["type"] == "missing" and location else written


def _has(sent: Mapping[Any, Any] | list[Any], part: str | int) -> bool:
    return part in sent if isinstance(sent, Mapping) else isinstance(part, int) and part < len(sent)
