"""What a person states in an application, in a TOML or JSON file; `TEMPLATE` documents each line.

Refuses unknown members, unprintable text, and what could be a person's number. An empty value is allowed: the
application is then incomplete, and lists it.
"""

import json
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from gateway.bounded_files import FileTooLarge, read_bounded
from gateway.errors.validation import in_plain_words
from gateway.identifiers import parse_line
from gateway.registry.connection import Strict

TEMPLATE = """\
# Đề nghị cấp tài khoản kết nối chính thức: những điều mà hệ thống không tự biết.
# What the gateway's store does not contain.
# No person's name or number: the contact is a unit, a telephone is written in groups.

# The system's id and name as the agency has registered it (NĐ 47/2020 Đ35).
application_id = ""
application_name = ""

# The approved security level of the system, 3 at least (TT 46/2022/TT-BCA, NĐ 85/2016 Đ9).
security_level = 0

# How long the received data is kept, and how it is deleted (NĐ 47/2020 Đ38, Đ42).
retention = ""
deletion = ""

# The expected rate of questions.
[rate]
per_second = 0
per_day = 0

# The unit that is responsible for the connection (NĐ 47/2020 Đ7).
[contact]
unit = ""
email = ""
phone = ""
"""


def _plain(value: str) -> str:
    return parse_line(value).strip()


Line = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Passage = Annotated[str, Field(max_length=1000), AfterValidator(_plain)]


class Rate(Strict):
    """The expected rate of questions; 0 means not stated."""

    per_second: int = Field(default=0, ge=0, le=10_000)
    per_day: int = Field(default=0, ge=0, le=100_000_000)


class Contact(Strict):
    """The unit that is responsible for the connection (NĐ 47/2020 Đ7); never a person."""

    unit: Line = ""
    email: Line = ""
    phone: Line = ""


class Statement(Strict):
    """The statement. Empty text and 0 mean not stated."""

    application_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,64}$"), AfterValidator(_plain)] = ""
    application_name: Line = ""
    security_level: int = Field(default=0, ge=0, le=5)
    retention: Passage = ""
    deletion: Passage = ""
    rate: Rate = Rate()
    contact: Contact = Contact()


def read_statement(path: Path) -> Statement:
    """Read a file. Raises `ValueError` with what is wrong, without a value."""
    try:
        content = read_bounded(path)
    except FileTooLarge:
        raise ValueError("64 KiB at most are expected") from None
    except OSError as error:
        raise ValueError(f"can't be read ({error.strerror})") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("UTF-8 text is expected") from None
    try:
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return Statement.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(map(str, first["loc"])) or "the file"
        words = in_plain_words(first["type"], first["msg"], first.get("ctx", {}))
        if first["type"] == "string_pattern_mismatch":  # the application's id is the only one
            words = "at most 64 of A-Z a-z 0-9 . _ / -"
        raise ValueError(f"{member}: {words}") from None
    except (ValueError, RecursionError):
        raise ValueError("a TOML, or .json, file is expected, as --template prints it") from None
