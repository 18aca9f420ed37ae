"""A place at work: one profile's keys, policy and outbound client. No value of one place serves the other.

Refuses to be built half: a place without a connection is whole, with `registry` None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.keys.model import PlaceKeys, SigningRing
from gateway.parts import Parts
from gateway.places import Profile, audience_of, issuer_of
from gateway.registry.connection import Connection
from gateway.registry.model import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How far a verification reaches (docs/decisions/0004), and how many wrong claims and calls a caller has.

    `rate_per_second` is one account's, at one worker; four times as many may come at once.
    """

    reuse: Literal["account", "dossier"]
    reuse_seconds: int
    budget_account_hour: int
    budget_subject_day: int
    rate_per_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A connection and the client that was opened for it."""

    connection: Connection
    registry: Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One profile. `test_data` says that the registry behind is a mock or a test environment."""

    profile: Profile
    base: str
    keys: PlaceKeys
    tokens: SigningRing
    receipts: SigningRing
    policy: Policy
    link: Link | None
    test_data: bool
    local: bool

    @property
    def issuer(self) -> str:
        """Return the OAuth issuer (RFC 8414)."""
        return issuer_of(self.base, self.profile)

    @property
    def audience(self) -> str:
        """Return the protected resource (RFC 9728)."""
        return audience_of(self.base, self.profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything a request may need: the shared parts and the places."""

    parts: Parts
    places: Mapping[Profile, Place]

    def other(self, place: Place) -> Place:
        """Return the place that this one is fenced from."""
        return next(found for profile, found in self.places.items() if profile is not place.profile)
