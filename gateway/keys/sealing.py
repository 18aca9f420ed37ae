"""Sealing: AES-256-GCM with associated data, so that a sealed value can't be moved to another row.

Refuses nothing but what does not open. Layout: 12 random bytes of nonce, then ciphertext and tag.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
_NONCE_SIZE = 12


class SealBroken(Exception):
    """The key is another one, or the value or its place was changed."""


def new_key() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(KEY_SIZE)


def seal(key: bytes, plain: bytes, *, place: str) -> bytes:
    """Encrypt `plain`, bound to `place` (such as `verification/ver_…/claim`)."""
    nonce = secrets.token_bytes(_NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, sealed: bytes, *, place: str) -> bytes:
    """Decrypt what `seal` made for the same place.

    Raises:
        SealBroken: wrong key, changed bytes or another place.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken from error
