"""Identifiers: their types, how the gateway makes its own, which texts of others it refuses, a witness's vkey; normal forms.

Its own are random and lower-case base32, so that no run of nine digits looks like a person's number. A text that others
choose and the gateway stores in clear (ids, names, reasons) is refused if it could contain such a number:
`has_long_number`, `parse_line`. Each profile has its own path, issuer and audience (docs/decisions/0001).

The length of a text is limited before it is normalised (threat 46, docs/decisions/0064): normalisation sorts each run of
combining marks in quadratic time, and 32,000 marks take a second. The limit allows every spelling of a text that is short
enough. Only this file calls `unicodedata.normalize`. Source: UAX #15 §11: one character decomposes to at most 4 code points.
"""

import base64
import hashlib
import re
import secrets
import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

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


def parse_witness_key(text: str) -> tuple[str, bytes]:
    """Return the name and the Ed25519 public key of a witness's `vkey`, NAME+ID+BASE64 (C2SP tlog-cosignature).

    Raises `ValueError` for another text, also if the id is not the beginning of the key's hash.
    """
    name, _, rest = text.partition("+")
    number, _, encoded = rest.partition("+")
    try:
        content = base64.b64decode(encoded, validate=True)
        digest = hashlib.sha256(name.encode() + b"\n" + content).hexdigest()
    except ValueError:
        content, digest = b"", ""
    is_name = name.isprintable() and name.split() == [name]
    # Its kind, then 32 bytes.
    if not is_name or content[:1] != b"\x04" or len(content) != 33 or number != digest[:8]:
        raise ValueError("a witness's vkey is expected, as its /key shows it: NAME+ID+BASE64")
    return name, content[1:]


_UPPER = bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32] for byte in range(256))
"""Maps a random byte to a sign of RFC 4648's base32; each has five random bits."""
_LOWER = _UPPER.lower()


def new_identifier(prefix: str) -> str:
    """Return `prefix_` and 125 random bits as 25 letters and digits 2–7."""
    return f"{prefix}_{secrets.token_bytes(25).translate(_LOWER).decode()}"


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def new_timed_identifier(prefix: str, now: datetime) -> str:
    """Return `prefix_`, the time in milliseconds as nine letters, and 80 random bits.

    Later ones sort higher, so that an index of them grows at its end: a random place for each row costs three times as much.
    """
    return f"{prefix}_{_write_time(now)}{secrets.token_bytes(16).translate(_LOWER).decode()}"


def new_request_code(now: datetime) -> str:
    """Return a code for one question to the registry: `GW-`, the time and 80 random bits, at most 40 characters."""
    return f"GW-{_write_time(now).upper()}{secrets.token_bytes(16).translate(_UPPER).decode()}"


def _write_time(now: datetime) -> str:
    left, time = int(now.timestamp() * 1000), ""
    for _ in range(9):
        left, letter = divmod(left, 26)
        time = _LETTERS[letter] + time
    return time


class Profile(StrEnum):
    """The two profiles: each with its own paths, tokens, data and registry."""

    SANDBOX = "sandbox"
    OFFICIAL = "official"


class Language(StrEnum):
    """The languages of texts that people read."""

    VI = "vi"
    EN = "en"


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


MAX_CODE_POINTS = 4
"""Code points that one composed character may have."""


def refuse_long(text: str, *, longest: int) -> None:
    """Raise `ValueError` for a text with more code points than `longest` composed characters can have."""
    if len(text) > MAX_CODE_POINTS * longest:
        raise ValueError(f"at most {longest} characters")


def normalise(form: Literal["NFC", "NFD", "NFKD"], text: str, *, longest: int) -> str:
    """Return a text in a normal form; it may still be longer than `longest`. Raises as `refuse_long`."""
    if len(text) > MAX_CODE_POINTS * longest:  # inline: an enquiry normalises dozens of texts
        raise ValueError(f"at most {longest} characters")
    return unicodedata.normalize(form, text)
