"""A request that may come twice: what it is known by, the answer that is kept, and who works on it.

Source: draft-ietf-httpapi-idempotency-key-header; what it leaves open is in docs/decisions/0030.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.identifiers import ClientId
from gateway.places import Profile

KEPT = timedelta(hours=24)
"""How long a key is taken."""

KEPT_PERSONAL = timedelta(minutes=10)
"""How long an answer with a person's data can be had again under its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request with a key. `route` is the method and the path's template, `path` the path as called.

    `body` is canonical. Neither key nor path nor body is stored: a path may hold what a caller put there.
    """

    profile: Profile
    client_id: ClientId
    route: str
    path: str = field(repr=False)
    key: str = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer to be kept, or that was: only a successful one comes this far. `replayed` says that it was kept.

    `personal` where it holds a person's data; `verification` is the one it is about, where there is one.
    """

    status: int
    body: bytes = field(repr=False)
    verification: str | None = None
    personal: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a request's row lies: another profile, account, route or key is another row."""

    profile: Profile
    client_id: ClientId
    route: str
    key_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to answer a request until it ends; `id` tells its holder from a later one."""

    id: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is stored of a request: the lease, and once there is an answer, the answer sealed."""

    body_digest: str
    lease: str
    lease_ends_at: datetime
    status: int | None = None
    sealed: bytes | None = field(default=None, repr=False)
    verification: str | None = None
    answer_ends_at: datetime | None = None
    expires_at: datetime


def canonical(members: Mapping[str, Any]) -> str:
    """Return a JSON object as one text: order of members and white space don't show, any value does."""
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
