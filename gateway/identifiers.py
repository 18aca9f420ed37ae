"""Identifiers: their types, how the gateway makes its own, and which texts of others it refuses.

Its own are random and lower-case base32, so that no run of nine digits looks like a person's number. A text that others
choose and the gateway stores in clear (ids, names, reasons) is refused if it could contain such a number:
`has_long_number`, `parse_line`. Each profile has its own path, issuer and audience (docs/decisions/0001).
"""

import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import NewType

ClientId = NewType("ClientId", str)
OrganisationId = NewType("OrganisationId", str)
VerificationId = NewType("VerificationId", str)
OperatorName = NewType("OperatorName", str)

_SEPARATORS = "._/: ,-"  # the hyphen is last, since a character class of a pattern also contains them
_MAX_RUN = 8
_NUMBER_LENGTHS = (9, 12)
"""Digits of an identity card and of a citizen's number."""

_GROUPED = f"[{_SEPARATORS}]*"
NO_LONG_NUMBER = "(?!.*[0-9]{9})" + "".join(
    f"(?!(?:{_GROUPED}[0-9]){{{length}}}{_GROUPED}$)" for length in _NUMBER_LENGTHS
)
"""The start of a pattern that refuses what `has_long_number` finds."""

_LONG_NUMBER = re.compile(rf"\d{{{_MAX_RUN + 1}}}")
UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_UUID = re.compile(UUID)


def has_long_number(text: str) -> bool:
    """Return whether a text could contain a person's number.

    True for a run of nine digits of any script, and for 9 or 12 digits with only other characters than letters between
    them, such as `0010-9000-0123`.
    """
    if _LONG_NUMBER.search(text) is not None:
        return True
    digits = sum(character.isdigit() for character in text)
    return digits in _NUMBER_LENGTHS and all(c.isdigit() or not c.isalnum() for c in text)


def refuse_long_number(text: str) -> None:
    """Raise `ValueError` if a text could contain a person's number; the error doesn't repeat the text."""
    if has_long_number(text):
        raise ValueError(
            "no run of nine or more digits, and no 9 or 12 digits in groups: it could be a person's number"
        )


def is_uuid(text: str) -> bool:
    """Return whether a text has the form of a UUID (RFC 9562), whose digits are random."""
    return _UUID.fullmatch(text) is not None


def parse_line(text: str) -> str:
    """Return a text that a person wrote and that evidence, tables, terminals and diffs show.

    Raises:
        ValueError: not one line of printable characters (no control, bidi, invisible ones), or a person's number.
    """
    if not text.isprintable():
        raise ValueError("one line of printable characters is expected")
    refuse_long_number(text)
    return text


_UPPER = bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32] for byte in range(256))
"""Maps a random byte to a sign of RFC 4648's base32; each has five random bits."""
_LOWER = _UPPER.lower()


def new_identifier(prefix: str) -> str:
    """Return `prefix_` and 125 random bits as 25 letters and digits 2–7."""
    return f"{prefix}_{secrets.token_bytes(25).translate(_LOWER).decode()}"


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def new_request_id(now: datetime) -> str:
    """Return the id of a call: `req_`, its time in milliseconds as nine letters, and 80 random bits.

    Ids of later calls sort higher, so that the index of the audit's entries by request grows at its end: a random place
    for each entry costs three times as much.
    """
    left, time = int(now.timestamp() * 1000), ""
    for _ in range(9):
        left, letter = divmod(left, 26)
        time = _LETTERS[letter] + time
    return f"req_{time}{secrets.token_bytes(16).translate(_LOWER).decode()}"


def new_request_code() -> str:
    """Return a code for one question to the registry: `GW-` and 100 random bits, at most 40 characters."""
    return f"GW-{secrets.token_bytes(20).translate(_UPPER).decode()}"


class Profile(StrEnum):
    """The two profiles: each with its own paths, tokens, data and registry."""

    SANDBOX = "sandbox"
    OFFICIAL = "official"


def other_than(profile: Profile) -> Profile:
    """Return the other profile."""
    return next(each for each in Profile if each is not profile)


OPERATORS = "ops"
"""The first segment of operators' paths, beside those of the profiles."""

REPORTS = "reports"
"""The first segment of the report's paths."""


def issuer_of(base: str, profile: Profile) -> str:
    """Return the RFC 8414 issuer of a profile, such as `http://127.0.0.1:8000/sandbox`."""
    return f"{base}/{profile.value}"


def audience_of(base: str, profile: Profile) -> str:
    """Return the resource (RFC 8707, RFC 9728) that a profile's access tokens are for."""
    return f"{base}/{profile.value}/v1"
