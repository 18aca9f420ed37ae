"""Identifiers: what each names, and how ours are made.

Ours are random and lower-case base32, so that no run of nine digits can be taken for a person's number.
"""

import base64
import re
import secrets
from typing import NewType

ClientId = NewType("ClientId", str)
OrganisationId = NewType("OrganisationId", str)
VerificationId = NewType("VerificationId", str)
OperatorName = NewType("OperatorName", str)


NO_LONG_NUMBER = "(?!.*[0-9]{9})"
"""What a pattern opens with where a run of nine digits is refused."""

_LONG_NUMBER = re.compile(r"[0-9]{9}")


def has_long_number(text: str) -> bool:
    """Say whether a text holds a run of nine digits, which could be a person's number."""
    return _LONG_NUMBER.search(text) is not None


def refuse_long_number(text: str) -> None:
    """Raise `ValueError` for a run of nine digits; says nothing of the text."""
    if has_long_number(text):
        raise ValueError("no run of nine or more digits: it could be a person's number")


def new_identifier(prefix: str) -> str:
    """Return `prefix_` and 125 random bits in 25 letters or digits 2–7."""
    return f"{prefix}_{_random_base32(16)[:25]}"


def new_request_code() -> str:
    """Return a code for one question to the registry: 100 random bits behind `GW-`, at most 40 characters, unique by construction."""
    return f"GW-{_random_base32(13)[:20].upper()}"


def _random_base32(size: int) -> str:
    return base64.b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
