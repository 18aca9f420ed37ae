"""The keys of a profile and their purposes. Key material never shows in a repr.

Keys are made once and read by every worker; a rotation adds a key and sets the time until which the old one is
accepted. Source: docs/decisions/0015, 0037.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile

if TYPE_CHECKING:
    from joserfc.jwk import ECKey


class Purpose(StrEnum):
    """The one purpose of a key."""

    TOKEN = "token"  # noqa: S105 - a purpose's name
    RECEIPT = "receipt"
    LOOKUP = "lookup"
    PSEUDONYM = "pseudonym"
    CREDENTIAL = "credential"
    DATA = "data"
    IDEMPOTENCY = "idempotency"
    APPLICATION = "application"
    ISSUANCE = "issuance"
    CHECKPOINT = "checkpoint"
    EVIDENCE = "evidence"


PAIRS = (Purpose.TOKEN, Purpose.RECEIPT, Purpose.APPLICATION, Purpose.ISSUANCE)
"""Purposes whose keys are EC P-256 key pairs."""

AUDIT_PURPOSES = (Purpose.CHECKPOINT, Purpose.EVIDENCE)
"""The purposes of the audit's keys, which both profiles share: checkpoints are signed, entries get a MAC."""

PLACE_PURPOSES = tuple(purpose for purpose in Purpose if purpose not in AUDIT_PURPOSES)
"""The purposes that each profile has keys of its own for."""

FIRST_KEYS = (
    *((profile, purpose) for profile in Profile for purpose in PLACE_PURPOSES),
    *((None, purpose) for purpose in AUDIT_PURPOSES),
)
"""The profile and the purpose of each key that every store has; None: both profiles share the key."""

SCHEDULED = (
    Purpose.TOKEN,
    Purpose.RECEIPT,
    Purpose.LOOKUP,
    Purpose.DATA,
    Purpose.CREDENTIAL,
    Purpose.IDEMPOTENCY,
)
"""Purposes whose keys change at a scheduled time, when every worker has them: use `serving`, not `current`."""

AT_ONCE = (Purpose.PSEUDONYM, Purpose.APPLICATION, Purpose.ISSUANCE)
"""Purposes whose newest key is used at once: use `current`. A former key still finds, or opens, what it made."""


class KeyState(StrEnum):
    """The state of a key: not yet in use, in use, only accepted, or no longer accepted."""

    COMING = "coming"
    SERVING = "serving"
    ACCEPTED = "accepted"
    RETIRED = "retired"


def keyed_hash(material: bytes) -> Callable[[str], str]:
    """Return a function that gives the HMAC-SHA-256 of a text in hexadecimal (RFC 2104); both pads are hashed once, here.

    `hmac.digest` looks OpenSSL's digest up at each call, and takes twice as long for a short text.
    """
    size = hashlib.sha256().block_size
    short = material if len(material) <= size else hashlib.sha256(material).digest()
    padded = short.ljust(size, b"\x00")
    ipad = hashlib.sha256(bytes(each ^ 0x36 for each in padded))
    opad = hashlib.sha256(bytes(each ^ 0x5C for each in padded))

    def digest(text: str) -> str:
        inner, outer = ipad.copy(), opad.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()

    return digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of one profile, or of the audit (`profile` None).

    `material` is 32 bytes (of a checkpoint key an Ed25519 private key), for a pair a private EC P-256 JWK as JSON.
    What the key signed or made is accepted until `accepted_until` (None: without end), also before `serves_from`.
    `bound`: the key is sealed to its serial and times, as every key since schema 0025 (docs/decisions/0093).
    """

    kid: str
    profile: Profile | None
    purpose: Purpose
    serial: int
    material: bytes = field(repr=False)
    created_at: datetime
    serves_from: datetime
    accepted_until: datetime | None = None
    bound: bool = True
    mac: Callable[[str], str] = field(init=False, repr=False, compare=False)
    """Returns the HMAC-SHA-256 of a text in hexadecimal."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mac", keyed_hash(self.material))  # the class is frozen

    def is_accepted(self, now: datetime) -> bool:
        """Return whether what this key made is accepted."""
        return self.accepted_until is None or now < self.accepted_until

    def state(self, now: datetime, *, serving: Key) -> KeyState:
        """Return the key's state beside the serving key of its purpose."""
        if not self.is_accepted(now):
            return KeyState.RETIRED
        if self is serving:
            return KeyState.SERVING
        return KeyState.COMING if self.serial > serving.serial else KeyState.ACCEPTED

    def signing_key(self) -> ECKey:
        """Return the private key for JWS ES256."""
        return self._import_key(alg="ES256", use="sig")

    def opening_key(self) -> ECKey:
        """Return the private key for JWE ECDH-ES."""
        return self._import_key(alg="ECDH-ES", use="enc")

    def _import_key(self, *, alg: str, use: Literal["sig", "enc"]) -> ECKey:
        from joserfc.jwk import ECKey  # noqa: PLC0415 - a command that signs nothing loads no library for it

        return ECKey.import_key(json.loads(self.material), {"kid": self.kid, "alg": alg, "use": use})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKeys:
    """All keys of one profile."""

    profile: Profile
    keys: tuple[Key, ...]
    _by_purpose: dict[Purpose, tuple[Key, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        newest = sorted(self.keys, key=lambda key: key.serial, reverse=True)
        found = {purpose: tuple(key for key in newest if key.purpose is purpose) for purpose in Purpose}
        object.__setattr__(self, "_by_purpose", found)  # the class is frozen; derived from `keys` only

    def current(self, purpose: Purpose) -> Key:
        """Return the newest key for a purpose that is not among the scheduled ones."""
        return self._by_purpose[purpose][0]

    def serving(self, purpose: Purpose, now: datetime) -> Key:
        """Return the newest key whose `serves_from` has passed, or the oldest key if the clock is before all of them."""
        return self.accepted(purpose, now)[0]

    def accepted(self, purpose: Purpose, now: datetime) -> tuple[Key, ...]:
        """Return the serving key, then all other accepted keys, former and future ones."""
        keys = self._by_purpose[purpose]
        if len(keys) == 1:
            return keys
        found = [key for key in keys if key.is_accepted(now)]
        first = next((key for key in found or keys if key.serves_from <= now), (found or keys)[-1])
        return (first, *(key for key in found if key is not first))

    def state_of(self, key: Key, now: datetime) -> KeyState:
        """Return the state of one of these keys."""
        return key.state(now, serving=self.serving(key.purpose, now))

    def all(self, purpose: Purpose) -> tuple[Key, ...]:
        """Return every key for a purpose, newest first."""
        return self._by_purpose[purpose]

    def pseudonym(self, kind: str, organisation: str, value: str) -> str:
        """Return the pairwise pseudonym of a citizen or officer: two organisations can't match theirs."""
        return self._by_purpose[Purpose.PSEUDONYM][0].mac(f"{kind}|{organisation}|{value}")[:40]

    def pseudonyms(self, kind: str, organisation: str, value: str) -> tuple[str, ...]:
        """Return the pseudonym under each pseudonym key, the newest first."""
        text = f"{kind}|{organisation}|{value}"
        return tuple(key.mac(text)[:40] for key in self._by_purpose[Purpose.PSEUDONYM])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeys:
    """The keys of one purpose of the audit, newest first."""

    keys: tuple[Key, ...]

    def signing(self, now: datetime) -> tuple[Key, ...]:
        """Return the serving key, then the accepted former ones: a party that knows only a former key can still verify."""
        found = tuple(key for key in self.keys if key.is_accepted(now) and key.serves_from <= now)
        return found or self.keys[-1:]

    def state_of(self, key: Key, now: datetime) -> KeyState:
        """Return the state of one of these keys."""
        return key.state(now, serving=self.signing(now)[0])


_MAX_VERIFIED = 4096
"""The limit of the verified claims that one ring keeps."""


class SigningRing:
    """The signing keys of a purpose, imported at the first use: the serving key signs, each accepted key verifies.

    `keep` stores the claims that a key of the ring has verified, and `find_kept` returns them. A change of the keys
    makes another ring, which has no kept claims.
    """

    def __init__(self, place: PlaceKeys, purpose: Purpose) -> None:
        self._place = place
        self._purpose = purpose
        self._keys = {key.kid: key for key in place.all(purpose)}
        self._kept: OrderedDict[bytes, tuple[Key, Any]] = OrderedDict()

    @cached_property
    def _imported(self) -> dict[str, ECKey]:
        return {kid: key.signing_key() for kid, key in self._keys.items()}

    def keep(self, raw: str, kid: str, claims: Any) -> None:
        """Keep the claims of a text that this key has signed, by the text's SHA-256; the oldest are dropped first."""
        self._kept[_digest(raw)] = self._keys[kid], claims
        if len(self._kept) > _MAX_VERIFIED:
            self._kept.popitem(last=False)

    def find_kept(self, raw: str, *, now: datetime) -> Any:
        """Return the kept claims of a text, None without them or if its key is no longer accepted."""
        found = self._kept.get(_digest(raw))
        return None if found is None or not found[0].is_accepted(now) else found[1]

    def forget(self, raw: str) -> None:
        """Drop the kept claims of a text."""
        self._kept.pop(_digest(raw), None)

    def signer(self, now: datetime) -> tuple[str, ECKey]:
        """Return the id and the key for signing."""
        kid = self._place.serving(self._purpose, now).kid
        return kid, self._imported[kid]

    def find(self, kid: object, *, now: datetime) -> ECKey | None:
        """Return the accepted key with exactly this id, or None."""
        accepted = self._place.accepted(self._purpose, now)
        return next((self._imported[key.kid] for key in accepted if key.kid == kid), None)

    def public_set(self, *, now: datetime) -> dict[str, object]:
        """Return the accepted public keys as a JWK Set (RFC 7517), with those that are used later."""
        from joserfc.jwk import KeySet  # noqa: PLC0415 - as `_import_key`

        accepted = self._place.accepted(self._purpose, now)
        return dict(KeySet([self._imported[key.kid] for key in accepted]).as_dict(private=False))


def _digest(raw: str) -> bytes:
    return hashlib.sha256(raw.encode()).digest()


def write_base64url(content: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


_FORM = re.compile(r"[A-Za-z0-9_-]{43}=?")
_EXPECTED = "GATEWAY_MASTER_KEY: 32 bytes as base64url (43 characters) is expected"


def parse_master_key(text: str) -> bytes:
    """Read a master key. Raises `SettingInvalid`, which doesn't repeat the text."""
    # Python's decoder skips other characters than base64url's, so a mistyped key would be accepted as another key.
    if not _FORM.fullmatch(text.strip()):
        raise SettingInvalid(_EXPECTED)
    return base64.urlsafe_b64decode(text.strip().rstrip("=") + "=")
