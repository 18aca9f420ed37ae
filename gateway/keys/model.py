"""The key ring: which keys a place has, and what each is for. Secrets never show in a repr.

Keys are made once and read by every worker; a rotation adds a serial and says until when the old one is accepted.
Source: docs/decisions/0015, 0037.
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
    APPLICATION = "application"
    ISSUANCE = "issuance"


PAIRS = (Purpose.TOKEN, Purpose.RECEIPT, Purpose.APPLICATION, Purpose.ISSUANCE)
"""Purposes whose keys have a public half: an EC P-256 pair."""

SCHEDULED = (Purpose.TOKEN, Purpose.RECEIPT, Purpose.LOOKUP)
"""Purposes whose keys take turns by the clock: ask `serving`, not `current`."""


class KeyState(StrEnum):
    """What a key is for now: not yet, in use, still taken from others, or no more."""

    COMING = "coming"
    SERVING = "serving"
    ACCEPTED = "accepted"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of one place. `material` is 32 bytes, or a private EC P-256 JWK as JSON for a pair.

    Everybody knows it before `serves_from`; what it made is taken until `accepted_until`, for good where that is None.
    """

    kid: str
    profile: Profile
    purpose: Purpose
    serial: int
    material: bytes = field(repr=False)
    created_at: datetime
    serves_from: datetime
    accepted_until: datetime | None = None

    def is_accepted(self, now: datetime) -> bool:
        """Say whether what this key made is taken."""
        return self.accepted_until is None or now < self.accepted_until

    def signing_key(self) -> ECKey:
        """Return the private key for JWS ES256."""
        return ECKey.import_key(json.loads(self.material), {"kid": self.kid, "alg": "ES256", "use": "sig"})

    def opening_key(self) -> ECKey:
        """Return the private key that opens what others sealed to its public half (JWE ECDH-ES)."""
        return ECKey.import_key(json.loads(self.material), {"kid": self.kid, "alg": "ECDH-ES", "use": "enc"})

    def mac(self, text: str) -> str:
        """Return a keyed HMAC-SHA-256 of `text` in hexadecimal."""
        return hmac.new(self.material, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKeys:
    """All keys of one profile, newest first within a purpose."""

    profile: Profile
    keys: tuple[Key, ...]

    def current(self, purpose: Purpose) -> Key:
        """Return the newest key for a purpose that is not among the scheduled ones."""
        return self.all(purpose)[0]

    def serving(self, purpose: Purpose, now: datetime) -> Key:
        """Return the newest key whose time has come; the oldest where a clock was set back before them all."""
        found = [key for key in self.all(purpose) if key.is_accepted(now)] or self.all(purpose)
        return next((key for key in found if key.serves_from <= now), found[-1])

    def accepted(self, purpose: Purpose, now: datetime) -> tuple[Key, ...]:
        """Return the serving key, then every other that is still, or already, accepted."""
        first = self.serving(purpose, now)
        others = [key for key in self.all(purpose) if key is not first and key.is_accepted(now)]
        return (first, *others)

    def state_of(self, key: Key, now: datetime) -> KeyState:
        """Say what one of these keys is for now."""
        if not key.is_accepted(now):
            return KeyState.RETIRED
        serving = self.serving(key.purpose, now)
        if key is serving:
            return KeyState.SERVING
        return KeyState.COMING if key.serial > serving.serial else KeyState.ACCEPTED

    def all(self, purpose: Purpose) -> tuple[Key, ...]:
        """Return every key for a purpose, newest first."""
        found = [key for key in self.keys if key.purpose is purpose]
        return tuple(sorted(found, key=lambda key: key.serial, reverse=True))

    def pseudonym(self, kind: str, organisation: str, value: str) -> str:
        """Return what stands for a citizen or an officer: pairwise, so that organisations can't join theirs."""
        return self.pseudonyms(kind, organisation, value)[0]

    def pseudonyms(self, kind: str, organisation: str, value: str) -> tuple[str, ...]:
        """Return the same under every pseudonym key there is, the newest first."""
        text = f"{kind}|{organisation}|{value}"
        return tuple(key.mac(text)[:40] for key in self.all(Purpose.PSEUDONYM))


class SigningRing:
    """A purpose's signing keys, imported once: sign with the serving one, verify by exact `kid` with any accepted."""

    def __init__(self, place: PlaceKeys, purpose: Purpose) -> None:
        self._place = place
        self._purpose = purpose
        self._imported = {key.kid: key.signing_key() for key in place.all(purpose)}

    def signer(self, now: datetime) -> tuple[str, ECKey]:
        """Return the id and the key to sign with."""
        kid = self._place.serving(self._purpose, now).kid
        return kid, self._imported[kid]

    def find(self, kid: object, *, now: datetime) -> ECKey | None:
        """Return the accepted key with exactly this id; a `kid` is never a path, a URL or a guess."""
        accepted = self._place.accepted(self._purpose, now)
        return next((self._imported[key.kid] for key in accepted if key.kid == kid), None)

    def public_set(self, *, now: datetime) -> dict[str, object]:
        """Return the public keys as a JWK Set (RFC 7517): the serving one, the coming, and those still accepted."""
        accepted = self._place.accepted(self._purpose, now)
        return dict(KeySet([self._imported[key.kid] for key in accepted]).as_dict(private=False))
