"""What stands for a request in the store: digests, and its answer sealed, all under keys of this one request.

HKDF-SHA-256 (RFC 5869) from the place's key and the header's value: the database opens nothing without the
header, the header nothing without the master key. The place's key is of a purpose of its own that no rotation
touches, so a key that was used stays used (docs/decisions/0030).
"""

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.idempotency.model import KeyedRequest, Slot
from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.sealing import seal, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One request's slot and its body's digest, and the key that seals its answer."""

    slot: Slot
    body_digest: str
    _key: bytes = field(repr=False)

    def is_for(self, body_digest: str) -> bool:
        """Say whether the row under this key is of the same body."""
        return hmac.compare_digest(self.body_digest, body_digest)

    def seal(self, status: int, body: bytes) -> bytes:
        """Return an answer sealed for this request alone."""
        return seal(self._key, body, place=self._place(status))

    def unseal(self, status: int, sealed: bytes) -> bytes:
        """Return a kept answer. Raises `SealBroken` where row, status or seal was changed."""
        return unseal(self._key, sealed, place=self._place(status))

    def _place(self, status: int) -> str:
        slot = self.slot
        parts = (
            slot.profile.value,
            slot.client_id,
            slot.route,
            slot.key_digest,
            self.body_digest,
            str(status),
        )
        return "\n".join(("idempotency", *parts))


def open_envelope(keys: PlaceKeys, request: KeyedRequest) -> Envelope:
    """Return what a request is known by in the store."""
    material = keys.current(Purpose.IDEMPOTENCY).material
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
    # None of these holds a line break, so that no two requests write the same text.
    parts = (use, request.profile.value, request.client_id, request.route, request.path, request.key)
    info = "\n".join(("idempotency", *parts)).encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(material)
