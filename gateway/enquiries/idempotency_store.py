"""Idempotent requests in the database: who has the lease of a key, and the sealed answer.

Follows draft-ietf-httpapi-idempotency-key-header; docs/decisions/0030 says what the draft leaves open.

The database has digests and a sealed answer, under keys of this request only: HKDF-SHA-256 (RFC 5869) from the profile's
key and the header's value. The answer can't be unsealed without the header and the master key. The profile's key for this
purpose is never rotated, so that a used `Idempotency-Key` stays used.

Each step is one statement, so that only one of two workers succeeds: an INSERT takes a free slot, a conditional UPDATE one
whose time has passed, and only the worker with the lease stores an answer or frees the slot.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.identifiers import ClientId, Profile
from gateway.keys.model import Key
from gateway.keys.sealing import seal, unseal
from gateway.storage.database import Instant, metadata

KEPT = timedelta(hours=24)
"""How long a key counts as used."""

KEPT_PERSONAL = timedelta(minutes=10)
"""How long an answer with personal data is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request with a key. `route` is the method and the path's template, `path` the actual path, `body` canonical JSON.

    Key, path and body are never stored.
    """

    profile: Profile
    client_id: ClientId
    route: str
    path: str = field(repr=False)
    key: str = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """A successful answer, stored or to be stored; `replayed` if it comes from the database.

    `personal` if it has personal data; `verification` is the id of the verification that it is about.
    """

    status: int
    body: bytes = field(repr=False)
    verification: str | None = None
    personal: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The primary key of a request's row."""

    profile: Profile
    client_id: ClientId
    route: str
    key_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A stored request: the id of the lease, which is the right to answer it, and its sealed answer once there is one."""

    body_digest: str
    lease: str
    lease_ends_at: datetime
    status: int | None = None
    sealed: bytes | None = field(default=None, repr=False)
    verification: str | None = None
    answer_ends_at: datetime | None = None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A request's slot, the digest of its body, and the key that seals its answer."""

    slot: Slot
    body_digest: str
    _key: bytes = field(repr=False)

    def is_for(self, body_digest: str) -> bool:
        """Return whether a stored digest is of the same body."""
        return hmac.compare_digest(self.body_digest, body_digest)

    def seal(self, status: int, body: bytes) -> bytes:
        """Return an answer sealed for this request."""
        return seal(self._key, body, location=self._location(status))

    def unseal(self, status: int, sealed: bytes) -> bytes:
        """Return a stored answer. Raises `SealBroken` if row, status or seal has changed."""
        return unseal(self._key, sealed, location=self._location(status))

    def _location(self, status: int) -> str:
        slot = self.slot
        row = (slot.profile.value, slot.client_id, slot.route, slot.key_digest)
        return "\n".join(("idempotency", *row, self.body_digest, str(status)))


def open_envelope(key: Key, request: KeyedRequest) -> Envelope:
    """Return the envelope of a request under an idempotency key, with its own keys derived."""
    material = key.material
    body_key = _derive(material, request, use="body")
    return Envelope(
        slot=Slot(
            profile=request.profile,
            client_id=request.client_id,
            route=request.route,
            key_digest=_derive(material, request, use="slot").hex(),
        ),
        body_digest=hmac.digest(body_key, request.body.encode(), "sha256").hex(),
        _key=_derive(material, request, use="answer"),
    )


def _derive(material: bytes, request: KeyedRequest, *, use: str) -> bytes:
    # None of these has a line break, so two requests never give the same text.
    parts = (use, request.profile.value, request.client_id, request.route, request.path, request.key)
    info = "\n".join(("idempotency", *parts)).encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(material)


idempotent_requests = sa.Table(
    "idempotent_requests",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), primary_key=True),
    sa.Column("route", sa.String(128), primary_key=True),
    sa.Column("key_digest", sa.String(64), primary_key=True),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("lease", sa.String(40), nullable=False),
    sa.Column("lease_ends_at", Instant, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("verification", sa.String(40)),
    sa.Column("answer_ends_at", Instant),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)

_rows = idempotent_requests.c
_HELD = (
    "body_digest", "lease", "lease_ends_at", "status", "sealed", "verification", "answer_ends_at", "expires_at",
)  # fmt: skip


async def find_request(connection: AsyncConnection, slot: Slot) -> StoredRequest | None:
    """Return a stored request, even if its time has passed."""
    query = sa.select(*(_rows[name] for name in _HELD)).where(*_at(slot))
    row = (await connection.execute(query)).first()
    return None if row is None else StoredRequest(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


async def take(
    connection: AsyncConnection, slot: Slot, held: StoredRequest, *, former: StoredRequest | None
) -> bool:
    """Store a lease in a free slot, or instead of `former`; return False if another worker was first."""
    members = {name: getattr(held, name) for name in _HELD}
    if former is not None:
        return await _update(connection, slot, former.lease, members, status=former.status)
    row = {"profile": slot.profile.value, "client_id": slot.client_id, "route": slot.route}
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(idempotent_requests).values(row | {"key_digest": slot.key_digest} | members)
            )
    except IntegrityError:
        return False
    return True


async def keep(
    connection: AsyncConnection,
    slot: Slot,
    lease: str,
    *,
    status: int,
    sealed: bytes,
    verification: str | None,
    answer_ends_at: datetime,
) -> bool:
    """Store the answer of a lease; return False if another worker has the lease by now."""
    members = {
        "status": status,
        "sealed": sealed,
        "verification": verification,
        "answer_ends_at": answer_ends_at,
    }
    return await _update(connection, slot, lease, members, status=None)


async def release_slot(connection: AsyncConnection, slot: Slot, lease: str) -> None:
    """Free the slot of a lease without an answer, unless another worker has it."""
    await connection.execute(
        sa.delete(idempotent_requests).where(*_at(slot), _rows.lease == lease, _rows.status.is_(None))
    )


async def delete_ended(connection: AsyncConnection, *, now: datetime) -> int:
    """Delete the answers and requests whose time has passed; return the number of answers."""
    answers = await connection.execute(
        sa.update(idempotent_requests)
        .where(_rows.answer_ends_at <= now, _rows.sealed.is_not(None))
        .values(sealed=None)
    )
    await connection.execute(sa.delete(idempotent_requests).where(_rows.expires_at <= now))
    return int(answers.rowcount)


async def delete_future_ones(connection: AsyncConnection, *, after: datetime) -> int:
    """Delete the requests that came after then, by a clock that has been set back since, and return their number."""
    found = await connection.execute(sa.delete(idempotent_requests).where(_rows.expires_at > after + KEPT))
    return int(found.rowcount)


async def _update(
    connection: AsyncConnection, slot: Slot, lease: str, members: dict[str, Any], **still: object
) -> bool:
    """Change a row if it still has this lease and the values in `still`; return whether it did."""
    unchanged = (_rows[name].is_not_distinct_from(value) for name, value in still.items())
    result = await connection.execute(
        sa.update(idempotent_requests).where(*_at(slot), _rows.lease == lease, *unchanged).values(members)
    )
    return int(result.rowcount) == 1


def _at(slot: Slot) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _rows.profile == slot.profile.value,
        _rows.client_id == slot.client_id,
        _rows.route == slot.route,
        _rows.key_digest == slot.key_digest,
    )
