"""AES-256-GCM with the location of a value as associated data, so that a sealed value can't be moved to another row.

Layout: 12 random bytes of nonce, ciphertext, tag. A value may have its own data key, which the profile's key wraps:
deleting the wrapped key deletes the value (docs/decisions/0005).
"""

import contextlib
import secrets
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.keys.model import PlaceKeys, Purpose

KEY_SIZE = 32
_NONCE_SIZE = 12


class SealBroken(Exception):
    """The key is wrong, or the value or its location has changed."""


def new_key() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(KEY_SIZE)


def seal(key: bytes, plain: bytes, *, location: str) -> bytes:
    """Encrypt `plain` for a location such as `verification/ver_…/claim`."""
    nonce = secrets.token_bytes(_NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, plain, location.encode())


def unseal(key: bytes, sealed: bytes, *, location: str) -> bytes:
    """Decrypt what `seal` made for the same location. Raises `SealBroken`."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], location.encode())
    except (InvalidTag, ValueError, TypeError) as error:  # SQLite may have text or a number in place of bytes
        raise SealBroken from error


def seal_with_data_key(
    keys: PlaceKeys, plain: bytes, *, owner: str, part: str, now: datetime
) -> tuple[bytes, bytes]:
    """Return the sealed value and its wrapped data key."""
    data_key = new_key()
    wrapped = seal(keys.serving(Purpose.DATA, now).material, data_key, location=f"{owner}/key")
    return seal(data_key, plain, location=f"{owner}/{part}"), wrapped


def unseal_with_data_key(keys: PlaceKeys, sealed: bytes, wrapped: bytes, *, owner: str, part: str) -> bytes:
    """Return the value; any data key of the profile may wrap its key. Raises `SealBroken`."""
    for key in keys.all(Purpose.DATA):
        with contextlib.suppress(SealBroken):
            data_key = unseal(key.material, wrapped, location=f"{owner}/key")
            return unseal(data_key, sealed, location=f"{owner}/{part}")
    raise SealBroken
