"""A place: one profile with its keys, policy and registry client, all of which the other profile never uses.

A profile without a usable connection also has a place, with `client` None.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from gateway.audit.sequencer import Sequencer
from gateway.dependencies import Dependencies
from gateway.identifiers import Profile, other_than
from gateway.keys.model import PlaceKeys, SigningRing
from gateway.keys.vault import Vault
from gateway.profiles.client_pool import ClientPool, PooledClient
from gateway.profiles.revisions import Revision, Suspension
from gateway.settings import Settings
from gateway.storage.checkpoint_copies import CheckpointCopies


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How long a new revision is watched, and the limits of failed questions, of all workers together, in that time.

    Failures and invalid answers count only while they are more than half of all questions.
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
    """Where a verification is reused (docs/decisions/0004), and the limits of wrong claims, answers and calls.

    `rate_per_second` is for one account at one worker; a burst may have four times as many calls. `accounts` has, by
    client id, an account's own `confirmed_hour` and `confirmed_day`; `reason` is the last change's.
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
        """Return an account's limits of answered enquiries in an hour and in a day, by the budgets' names."""
        limits = {"confirmed_hour": self.budget_confirmed_hour, "confirmed_day": self.budget_confirmed_day}
        return limits | dict(self.accounts.get(client_id, {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One profile. `test_data`: its registry is a mock or a test environment. `local`: it can reach only this machine.

    `issuer` is the OAuth issuer (RFC 8414), `audience` the protected resource (RFC 9728), both under the public address
    `base`. `client` is None if nothing can be asked: no revision is active, or the active one can't be opened here.
    """

    profile: Profile
    base: str
    issuer: str
    audience: str
    keys: PlaceKeys
    tokens: SigningRing
    receipts: SigningRing
    policy: Policy
    client: PooledClient | None
    revision: Revision | None
    suspension: Suspension | None
    test_data: bool
    local: bool


class Places(dict[Profile, Place]):
    """The places of an epoch, replaced as a whole: a request keeps the place that it took."""

    def __init__(self, places: Mapping[Profile, Place], *, epoch: int) -> None:
        super().__init__(places)
        self.epoch = epoch
        self.replacing = asyncio.Lock()
        """Held from the read of an epoch until its places are here, so that no older read replaces them."""

    def replace_all(self, places: Mapping[Profile, Place], *, epoch: int) -> None:
        """Replace the places by those of the store's epoch: a lower one too, if somebody set it back."""
        self.update(places)
        self.epoch = epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that a request or a command needs: the dependencies, the places, and what builds the places."""

    deps: Dependencies
    places: Places
    vault: Vault
    settings: Settings
    clients: ClientPool
    sequencer: Sequencer
    copies: CheckpointCopies

    def other(self, place: Place) -> Place:
        """Return the place of the other profile."""
        return self.places[other_than(place.profile)]
