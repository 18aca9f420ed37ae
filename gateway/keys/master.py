"""The master key: 32 bytes, base64url, from a setting; beside an embedded database it is made once.

It never enters the database. On PostgreSQL it is compulsory, since replicas must share it.
"""

import base64
import binascii
import contextlib
import os
import tempfile
from pathlib import Path

from gateway.errors import SettingInvalid
from gateway.keys.sealing import KEY_SIZE, new_key

_EXPECTED = "GATEWAY_MASTER_KEY: 32 bytes as base64url (43 characters) is expected"


def parse_master_key(text: str) -> bytes:
    """Read a master key. Raises `SettingInvalid` without repeating it."""
    try:
        key = base64.urlsafe_b64decode(text.strip() + "=" * (-len(text.strip()) % 4))
    except (binascii.Error, ValueError):
        raise SettingInvalid(_EXPECTED) from None
    if len(key) != KEY_SIZE:
        raise SettingInvalid(_EXPECTED)
    return key


def load_or_make_master_key(path: Path) -> bytes:
    """Read the key file of an embedded database, or make it, readable by its owner only."""
    if not path.exists():
        _make(path)
    return parse_master_key(path.read_text(encoding="ascii"))


def _make(path: Path) -> None:
    """Write a whole file aside, then link it in place: two first starts agree on one key."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.urlsafe_b64encode(new_key()).decode().rstrip("=") + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()
