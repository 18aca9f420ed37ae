"""A place at work: one profile's keys, policy and outbound client. No value of one place serves the other.

Refuses to be built half: a place without a connection is whole, with `registry` None.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from gateway.keys.model import PlaceKeys, SigningRing
from gateway.keys.vault import Vault
from gateway.parts import Parts
from gateway.places import Profile, audience_of, issuer_of, other_than
from gateway.profiles.revisions import PolicyChange, Revision, Standings, StatedVolume, Suspension
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How long a new revision is watched, and what is too much of all workers' questions in that time.

    Failures and invalid answers count once they are more than half of all.
    """

    seconds: int = 300
    refused_logins: int = 2
    invalid_answers: int = 3
    failures: int = 5

    @property
    def window(self) -> timedelta:
        """Return how long a new revision is watched."""
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How far a verification reaches (docs/decisions/0004), and how many wrong claims, answers and calls a caller has.

    `rate_per_second` is one account's, at one worker; four times as many may come at once. `accounts` holds, by client
    id, what an account has instead of `budget_confirmed_hour` and `…_day`; `reason` is the last override's.
    """

    reuse: Literal["account", "dossier"]
    reuse_seconds: int
    budget_account_hour: int
    budget_subject_day: int
    budget_confirmed_hour: int
    budget_confirmed_day: int
    rate_per_second: int
    legal_basis: str | None = None
    watch: Watch = Watch()
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reason: str | None = None

    def limits_of(self, client_id: str) -> Mapping[str, int]:
        """Return how many answered enquiries an account has in an hour and in a day, by the budgets' names."""
        limits = {"confirmed_hour": self.budget_confirmed_hour, "confirmed_day": self.budget_confirmed_day}
        return limits | dict(self.accounts.get(client_id, {}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """A connection and the client that was opened for it."""

    connection: Connection
    registry: Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One profile. `test_data` says that the registry behind is a mock or a test environment.

    `link` is None where nothing can be asked: no revision is active, or the active one can't be opened here.
    """

    profile: Profile
    base: str
    keys: PlaceKeys
    tokens: SigningRing
    receipts: SigningRing
    policy: Policy
    link: Link | None
    revision: Revision | None
    suspension: Suspension | None
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


class Places(Mapping[Profile, Place]):
    """The places as they stand in an epoch, replaced as a whole: a request keeps the place that it took."""

    def __init__(self, places: Mapping[Profile, Place], *, epoch: int) -> None:
        self._now = (epoch, dict(places))

    @property
    def epoch(self) -> int:
        """Return the store's epoch that they were made from."""
        return self._now[0]

    def take_over(self, places: Mapping[Profile, Place], *, epoch: int) -> None:
        """Put the places of another epoch there; an older one than was seen never comes back."""
        if epoch >= self._now[0]:
            self._now = (epoch, dict(places))

    def __getitem__(self, profile: Profile) -> Place:
        return self._now[1][profile]

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._now[1])

    def __len__(self) -> int:
        return len(self._now[1])


class Opens(Protocol):
    """Opens places as they stand; `connections.py` does."""

    @property
    def settings(self) -> Settings:
        """Return what the deployment was told."""
        ...

    @property
    def can_open(self) -> bool:
        """Say whether anything can be asked here."""
        ...

    def connection(self, revision: Revision) -> Connection:
        """Return a revision's connection within the deployment's bounds. Raises `SettingInvalid`."""
        ...

    def policy(self, profile: Profile, changed: PolicyChange, volume: StatedVolume | None = None) -> Policy:
        """Return the policy that holds with a change laid over the settings', and those over what was stated."""
        ...

    async def check(self, connection: Connection) -> None:
        """Raise `SettingInvalid` where a connection can't work: nothing is sent."""
        ...

    def open_all(
        self, keys: Mapping[Profile, PlaceKeys], found: Standings, former: Mapping[Profile, Place]
    ) -> dict[Profile, Place]:
        """Return the places as they stand; a link is kept while its revision is active, and else retired."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything a request may need: the shared parts and the places; and where these come from."""

    parts: Parts
    places: Places
    vault: Vault
    opener: Opens

    def other(self, place: Place) -> Place:
        """Return the place that this one is fenced from."""
        return self.places[other_than(place.profile)]
