"""The master key: 32 bytes, base64url, from a setting; beside an embedded database it is made once.

It never enters the database. On PostgreSQL it is compulsory, since replicas must share it.
"""

import base64
import contextlib
import os
import re
import tempfile
from pathlib import Path

from gateway.errors import SettingInvalid
from gateway.keys.sealing import new_key

_FORM = re.compile(r"[A-Za-z0-9_-]{43}=?")
_EXPECTED = "GATEWAY_MASTER_KEY: 32 bytes as base64url (43 characters) is expected"


def parse_master_key(text: str) -> bytes:
    """Read a master key. Raises `SettingInvalid` without repeating it."""
    # Python's decoder skips what is not base64url; a key with a slip in it must not pass as another one.
    if not _FORM.fullmatch(text.strip()):
        raise SettingInvalid(_EXPECTED)
    return base64.urlsafe_b64decode(text.strip().rstrip("=") + "=")


def load_or_make_master_key(path: Path) -> bytes:
    """Read the key file of an embedded database, or make it, readable by its owner only."""
    if not path.exists():
        _make(path)
    return parse_master_key(path.read_text(encoding="utf-8", errors="replace"))


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
