"""The key ring: which keys a place has, and what each is for. Secrets never show in a repr.

Keys are made once and read by every worker; rotation adds a serial and keeps the old one readable.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from joserfc.jwk import ECKey, KeySet

from gateway.places import Profile


class Purpose(StrEnum):
    """What a key may be used for; one key never serves two purposes."""

    TOKEN = "token"  # noqa: S105 - a purpose's name
    RECEIPT = "receipt"
    LOOKUP = "lookup"
    PSEUDONYM = "pseudonym"
    CREDENTIAL = "credential"
    DATA = "data"
    IDEMPOTENCY = "idempotency"


SIGNING = (Purpose.TOKEN, Purpose.RECEIPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of one place. `material` is 32 bytes, or a private EC P-256 JWK as JSON for signing."""

    kid: str
    profile: Profile
    purpose: Purpose
    serial: int
    material: bytes = field(repr=False)
    created_at: datetime
    serves_from: datetime

    def signing_key(self) -> ECKey:
        """Return the private key for JWS ES256."""
        return ECKey.import_key(json.loads(self.material), {"kid": self.kid, "alg": "ES256", "use": "sig"})

    def mac(self, text: str) -> str:
        """Return a keyed HMAC-SHA-256 of `text` in hexadecimal."""
        return hmac.new(self.material, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKeys:
    """All keys of one profile, newest first within a purpose."""

    profile: Profile
    keys: tuple[Key, ...]

    def current(self, purpose: Purpose) -> Key:
        """Return the newest key for a purpose."""
        return self.all(purpose)[0]

    def all(self, purpose: Purpose) -> tuple[Key, ...]:
        """Return every key for a purpose, newest first."""
        found = [key for key in self.keys if key.purpose is purpose]
        return tuple(sorted(found, key=lambda key: key.serial, reverse=True))

    def pseudonym(self, kind: str, organisation: str, value: str) -> str:
        """Return what stands for a citizen or an officer: pairwise, so that organisations can't join theirs."""
        return self.current(Purpose.PSEUDONYM).mac(f"{kind}|{organisation}|{value}")[:40]


class SigningRing:
    """A purpose's signing keys, imported once: sign with the newest, verify by exact `kid` with any."""

    def __init__(self, place: PlaceKeys, purpose: Purpose) -> None:
        self._keys = {key.kid: key.signing_key() for key in place.all(purpose)}
        self.current: ECKey = self._keys[place.current(purpose).kid]
        self.current_kid = place.current(purpose).kid

    def find(self, kid: object) -> ECKey | None:
        """Return the key with exactly this id; a `kid` is never a path, a URL or a guess."""
        return self._keys.get(kid) if isinstance(kid, str) else None

    def public_set(self) -> dict[str, object]:
        """Return the public keys as a JWK Set (RFC 7517)."""
        return dict(KeySet(list(self._keys.values())).as_dict(private=False))
