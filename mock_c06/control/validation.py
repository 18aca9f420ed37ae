"""Strict values of a body, and the message for a value that is not valid.

Text is never read as a number, nor a number as a time: an author who writes `"at": "2020"` means a year, and a lenient
reader would take the 2,020th second of 1970. A message names the member as the author wrote it.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

from mock_c06.faults.kinds import KINDS
from mock_c06.faults.model import FaultKind

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class ControlBody(BaseModel):
    """What a test sends: members that the control face does not know are refused."""

    model_config = ConfigDict(extra="forbid")


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
BoundedText = Annotated[str, Field(max_length=10_000)]
"""Text that an answer can contain: the length limit also refuses half a surrogate pair."""


def parse_kind_name(written: Any, *, kinds: Mapping[str, FaultKind] = KINDS) -> str:
    """Return the name of a kind of fault; raises what pydantic raises for a value that is none of an enum's."""
    if isinstance(written, str) and written in kinds:
        return written
    *names, last = (f"'{name}'" for name in kinds)
    raise PydanticCustomError(
        "enum", "Input should be {expected}", {"expected": f"{', '.join(names)} or {last}"}
    )


KindName = Annotated[str, BeforeValidator(parse_kind_name), Field(json_schema_extra={"enum": [*KINDS]})]
ValidationDetail = Mapping[str, Any]


def validation_message(error: ValidationDetail, sent: Any, *, within: int = 0) -> tuple[str, str]:
    """Return the member's dotted name, "" for the whole body, and the message; `within` is the depth of `sent` in the
    error's location."""
    where = _as_written(error, sent, within)
    match error["type"]:
        case "json_invalid":
            return "", f"no valid JSON: {error['ctx']['error']}"
        case "union_tag_invalid":
            tags = re.findall(r"'(\w+)'", error["ctx"]["expected_tags"])
            complaint = f"Input should be one of {', '.join(tags)}"
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), complaint
        case "union_tag_not_found":
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), "Field required"
    return ".".join(where), error["msg"].removeprefix("Value error, ")


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
