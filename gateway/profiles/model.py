"""What every command and request has: the dependencies, which `app.py` opens once, and the places.

A place is one profile with its keys, policy and registry client, all of which the other profile never uses. A profile without
a usable connection also has a place, with `client` None. There is one client for each active revision: opened once, kept while
the revision is active, then closed. A request keeps its client: after a switch it ends on the former revision, and no new
request starts there.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from gateway.accounts.kept_store import Kept
from gateway.audit.log import AuditLog
from gateway.audit.refusals import Refusals
from gateway.audit.sequencer import Sequencer
from gateway.background import start_task
from gateway.clock import Clock
from gateway.identifiers import Profile, other_than
from gateway.keys.model import PlaceKeys, SigningRing
from gateway.keys.vault import Vault
from gateway.profiles.revisions import Revision, Suspension
from gateway.registry.connection import Connection
from gateway.settings import Settings
from gateway.storage.checkpoint_copies import CheckpointCopies
from gateway.storage.database import Database

if TYPE_CHECKING:
    from gateway.procedures.catalogue import Catalogue
    from gateway.registry.client import RegistryClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Store, audit, clock and catalogue; `base` is the public address, without a path; `kept` is this worker's.

    `alarms` counts this worker's budget alarms by profile and budget, for the metrics. `spending` has what this worker last
    read of each account's budgets, `alarms_raised` when it last stored an alarm, `slot` the microseconds that mark its own
    counts (`enquiries/budget_store.py`), `tasks` the ones that outlive their request.
    """

    database: Database
    audit: AuditLog
    refusals: Refusals
    clock: Clock
    load_catalogue: Callable[[], Catalogue]
    base: str
    kept: Kept
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
    spending: dict[tuple[str, str], Any] = field(default_factory=dict)
    alarms_raised: dict[tuple[str, str, str, int], datetime] = field(default_factory=dict)
    slot: timedelta = field(default_factory=lambda: timedelta(microseconds=secrets.randbelow(1_000_000)))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def catalogue(self) -> Catalogue:
        """Return the catalogue, read at the first use. Raises `CatalogueInvalid`."""
        return self.load_catalogue()


OpenRegistry = Callable[[Connection], "RegistryClient"]
"""Opens the registry client of a connection; a parameter, so that commands that ask nothing load no client."""

_GRACE_S = 10.0


def longest_request(connection: Connection) -> float:
    """Return for how many seconds a request may use a client after it took it.

    It may wait for the same question at another worker (whose lease is a deadline and 5 s), then ask itself, then ask
    for its form's fields: a deadline each.
    """
    return 3 * connection.deadline_ms / 1000 + _GRACE_S


class ClientPool:
    """Opens clients and closes them. Without `open_registry` there are no clients, and nothing can be asked.

    `only`: the one profile that this server answers for; None: both.
    """

    def __init__(self, open_registry: OpenRegistry | None, *, only: Profile | None = None) -> None:
        self._open = open_registry
        self._only = only
        self._clients: set[RegistryClient] = set()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def can_open(self) -> bool:
        """Return whether anything can be asked."""
        return self._open is not None

    def serves(self, profile: Profile) -> bool:
        """Return whether this process answers for a profile; a command, which answers for none, works with both."""
        return self._open is None or self._only in {None, profile}

    @property
    def served(self) -> tuple[Profile, ...]:
        """Return the profiles that this process answers for."""
        return tuple(filter(self.serves, Profile))

    def open(self, connection: Connection) -> RegistryClient | None:
        """Return a new client for this connection, None without `open_registry`. Raises `SettingInvalid` if it can't work."""
        if self._open is None:
            return None
        client = self._open(connection)
        self._clients.add(client)
        return client

    def retire(self, client: RegistryClient) -> None:
        """Close a client after the longest request that may still use it."""
        start_task(self._end(client), kept_in=self._endings)

    async def close(self, client: RegistryClient) -> None:
        """Close a client that no request uses."""
        self._clients.discard(client)
        await client.aclose()

    async def aclose(self) -> None:
        """Close every client, retired or not."""
        for task in list(self._endings):
            task.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        while self._clients:
            await self._clients.pop().aclose()

    async def _end(self, client: RegistryClient) -> None:
        await asyncio.sleep(longest_request(client.connection))
        await self.close(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How long a new revision is watched, and the limits of failed questions, of all workers together, in that time.

    Failures and invalid answers count only while they are more than half of all questions.
    """

    seconds: int = 300
    refused_logins: int = 2
    invalid_answers: int = 3
    failures: int = 5


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
    client: RegistryClient | None
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
