"""Identifiers: what each names, and how ours are made.

Ours are random and lower-case base32, so that no run of nine digits can be taken for a person's number. Whatever others
choose and we keep in clear (ids, names, reasons) is refused where it could hold one: `has_long_number`, `parse_line`.
"""

import base64
import re
import secrets
from typing import NewType

ClientId = NewType("ClientId", str)
OrganisationId = NewType("OrganisationId", str)
VerificationId = NewType("VerificationId", str)
OperatorName = NewType("OperatorName", str)


_SEPARATORS = "._/: ,-"  # the hyphen last: they stand in a class of a pattern too
_LONGEST_RUN = 8
_NUMBER_LENGTHS = (9, 12)
"""Digits of an identity card and of a citizen's number."""

_GROUPED = f"[{_SEPARATORS}]*"
NO_LONG_NUMBER = "(?!.*[0-9]{9})" + "".join(
    f"(?!(?:{_GROUPED}[0-9]){{{length}}}{_GROUPED}$)" for length in _NUMBER_LENGTHS
)
"""What a pattern opens with where `has_long_number` refuses."""

_LONG_NUMBER = re.compile(rf"\d{{{_LONGEST_RUN + 1}}}")
UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_UUID = re.compile(UUID)


def has_long_number(text: str) -> bool:
    """Say whether a text could hold a person's number.

    It does with a run of nine digits of any script, or where it is nothing but digits and what is neither letter nor
    digit and the digits are 9 or 12, such as `0010-9000-0123`, with whichever dash, mark or bracket.
    """
    if _LONG_NUMBER.search(text) is not None:
        return True
    digits = sum(character.isdigit() for character in text)
    return digits in _NUMBER_LENGTHS and all(c.isdigit() or not c.isalnum() for c in text)


def refuse_long_number(text: str) -> None:
    """Raise `ValueError` where a text could hold a person's number; says nothing of the text."""
    if has_long_number(text):
        raise ValueError(
            "no run of nine or more digits, and no 9 or 12 digits in groups: it could be a person's number"
        )


def is_uuid(text: str) -> bool:
    """Say whether a text has the form of a UUID (RFC 9562), whose digits are random."""
    return _UUID.fullmatch(text) is not None


def parse_line(text: str) -> str:
    """Return what a person wrote to be kept and shown: in evidence, tables, terminals, diffs.

    Raises:
        ValueError: not one line of printable characters (a control, bidi or invisible one), or a person's number.
    """
    if not text.isprintable():
        raise ValueError("one line of printable characters is expected")
    refuse_long_number(text)
    return text


def new_identifier(prefix: str) -> str:
    """Return `prefix_` and 125 random bits in 25 letters or digits 2–7."""
    return f"{prefix}_{_random_base32(16)[:25]}"


def new_request_code() -> str:
    """Return a code for one question to the registry: 100 random bits behind `GW-`, at most 40 characters, unique by construction."""
    return f"GW-{_random_base32(13)[:20].upper()}"


def _random_base32(size: int) -> str:
    return base64.b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
