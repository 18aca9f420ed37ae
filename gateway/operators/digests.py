"""Keyed HMACs of what an operator is given to keep: one-time codes and session tokens (docs/decisions/0015).

Operators belong to no profile; the key is official's for credentials, which no command rotates and a rotation of the
master key leaves as it is. What is hashed says what it is, so that a code is never taken for a token.
"""

from enum import StrEnum

from gateway.keys.model import Purpose
from gateway.places import Profile
from gateway.profiles.model import Gateway


class Kept(StrEnum):
    """What an operator keeps."""

    CODE = "operator_code"
    TOKEN = "operator_token"  # noqa: S105 - what it is, not one


def digest_of(gateway: Gateway, kept: Kept, text: str) -> str:
    """Return what the store has of a new code or token."""
    return gateway.places[Profile.OFFICIAL].keys.current(Purpose.CREDENTIAL).mac(f"{kept.value}|{text}")


def digests_of(gateway: Gateway, kept: Kept, text: str) -> list[str]:
    """Return what the store may have of one that was presented."""
    keys = gateway.places[Profile.OFFICIAL].keys.all(Purpose.CREDENTIAL)
    return [key.mac(f"{kept.value}|{text}") for key in keys]
