"""Sealing at rest: AES-256-GCM under one key in a file of mode 0600, made at the first start.

A sealed value belongs to its row: the row's id is authenticated with it, so a value moved to another row can't be
opened. The same key makes the tokens of forms and the names under which owners are found (HMAC-SHA256).
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import StartRefused
from witness.bounded_files import read_bounded, why_unread

_SIZE, _NONCE = 32, 12


class SealBroken(Exception):
    """A sealed value was changed, moved or sealed under another key."""


class Sealer:
    """Seals, opens and pseudonymises under one key."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._mac_key = hmac.digest(key, b"portal names and tokens", hashlib.sha256)

    def seal(self, value: Any, *, row: str) -> bytes:
        """Seal a JSON value for a row."""
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return nonce + self._aead.encrypt(nonce, text, row.encode())

    def open(self, sealed: bytes, *, row: str) -> Any:
        """Open a value sealed for this row. Raises `SealBroken`."""
        try:
            return json.loads(self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], row.encode()))
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def name(self, purpose: str, text: str) -> str:
        """Return a keyed name of a text, the same each time for one purpose."""
        digest = hmac.digest(self._mac_key, f"{purpose}\n{text}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def open_sealer(path: Path) -> Sealer:
    """Return the sealer of a key file; make the file if there is none. Raises `StartRefused`."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb") as file:
                file.write(base64.urlsafe_b64encode(secrets.token_bytes(_SIZE)))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StartRefused(f"PORTAL_STORE_KEY_FILE: {path}: others may read it; chmod 600 is expected")
        key = base64.urlsafe_b64decode(read_bounded(path).strip())
    except (OSError, ValueError) as error:
        raise StartRefused(f"PORTAL_STORE_KEY_FILE: {path}: can't be read ({why_unread(error)})") from None
    if len(key) != _SIZE:
        raise StartRefused(f"PORTAL_STORE_KEY_FILE: {path}: 32 bytes in base64url are expected")
    return Sealer(key)
