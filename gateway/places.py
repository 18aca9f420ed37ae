"""A profile is a place: its own path, issuer and audience (docs/decisions/0001).

There is no global mode. Values that belong to a place carry their `Profile` themselves.
"""

from enum import StrEnum


class Profile(StrEnum):
    """The two places a caller can stand in."""

    SANDBOX = "sandbox"
    OFFICIAL = "official"


def other_than(profile: Profile) -> Profile:
    """Return the profile on the other side of the fence."""
    return next(each for each in Profile if each is not profile)


OPERATORS = "ops"
"""The first word of operators' paths, beside those of the places."""


def issuer_of(base: str, profile: Profile) -> str:
    """Return the RFC 8414 issuer of a place, such as `http://127.0.0.1:8000/sandbox`."""
    return f"{base}/{profile.value}"


def audience_of(base: str, profile: Profile) -> str:
    """Return the resource (RFC 8707, RFC 9728) that a place's access tokens are for."""
    return f"{base}/{profile.value}/v1"
