"""A place at work: one profile's keys, policy and outbound client. No value of one place serves the other.

Refuses to be built half: a place without a connection is whole, with `registry` None.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from gateway.keys.model import PlaceKeys, Purpose, SigningRing
from gateway.keys.vault import Rings, Vault
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

    def with_keys(self, keys: PlaceKeys) -> Self:
        """Return the place with other keys of its own."""
        tokens, receipts = SigningRing(keys, Purpose.TOKEN), SigningRing(keys, Purpose.RECEIPT)
        return replace(self, keys=keys, tokens=tokens, receipts=receipts)

    @property
    def issuer(self) -> str:
        """Return the OAuth issuer (RFC 8414)."""
        return issuer_of(self.base, self.profile)

    @property
    def audience(self) -> str:
        """Return the protected resource (RFC 9728)."""
        return audience_of(self.base, self.profile)


class Places(Mapping[Profile, Place]):
    """The places as they stand in an epoch, replaced as a whole: a request keeps the place that it took."""

    def __init__(self, places: Mapping[Profile, Place], *, epoch: int) -> None:
        self._now = (epoch, dict(places))

    @property
    def epoch(self) -> int:
        """Return the store's epoch that they were made from."""
        return self._now[0]

    def take_over(self, rings: Rings) -> None:
        """Give every place its keys of another epoch."""
        places = {profile: place.with_keys(rings.keys[profile]) for profile, place in self.items()}
        self._now = (rings.epoch, places)

    def __getitem__(self, profile: Profile) -> Place:
        return self._now[1][profile]

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._now[1])

    def __len__(self) -> int:
        return len(self._now[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything a request may need: the shared parts and the places; and the vault that their keys come from."""

    parts: Parts
    places: Places
    vault: Vault

    def other(self, place: Place) -> Place:
        """Return the place that this one is fenced from."""
        return next(found for profile, found in self.places.items() if profile is not place.profile)
