"""The master key: 32 bytes, base64url, from a setting; beside an embedded database it is made once.

It never enters the database. On PostgreSQL it is compulsory, since replicas must share it. A rotation writes the
new one to a second file first (`MasterFile`), so that whenever the process dies one of the two opens the keys.
"""

import base64
import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.errors.commands import SettingInvalid
from gateway.keys.sealing import new_key
from gateway.private_folder import tighten_secret

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
    tighten_secret(path)
    return parse_master_key(path.read_text(encoding="utf-8", errors="replace"))


def read_master_key_file(path: Path) -> bytes:
    """Read a key that somebody wrote to a file. Raises `SettingInvalid` naming the file, without repeating it."""
    try:
        return parse_master_key(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise SettingInvalid(f"{path}: can't be read ({error.strerror})") from None
    except SettingInvalid:
        raise SettingInvalid(f"{path}: 32 bytes as base64url (43 characters) is expected") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFile:
    """The key file of an embedded database, and beside it the next one while a rotation is under way.

    Whoever calls `write_next`, `promote` or `discard` holds the store's write lock: two processes never do at once.
    """

    path: Path

    @property
    def _next(self) -> Path:
        return self.path.with_name(self.path.name + ".next")

    def read(self) -> list[bytes]:
        """Return the key in use, then the next one where there is one. Raises `OSError`, `SettingInvalid`."""
        # The next one first: renamed in between, it is then read under its new name.
        coming = self._next.read_text(encoding="utf-8", errors="replace") if self._next.exists() else None
        current = parse_master_key(self.path.read_text(encoding="utf-8", errors="replace"))
        return [current] if coming is None else [current, parse_master_key(coming)]

    def write_next(self, key: bytes) -> None:
        """Write the next key, on the disk before this returns."""
        Path(_write_aside(self._next, key)).replace(self._next)
        _sync_folder(self.path)

    def promote(self, key: bytes) -> None:
        """Make the next key the one in use, where it is this one: another process may have done so already."""
        if self._next.exists() and key in self.read()[1:]:
            self._next.replace(self.path)
            _sync_folder(self.path)

    def discard(self) -> None:
        """Drop a next key that never came into use."""
        self._next.unlink(missing_ok=True)
        _sync_folder(self.path)


def _make(path: Path) -> None:
    """Write a whole file aside, then link it in place: two first starts agree on one key."""
    name = _write_aside(path, new_key())
    with contextlib.suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()


def _write_aside(path: Path, key: bytes) -> str:
    """Write a key to a new file beside `path`, for its owner only, and return its name once it is on the disk."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.urlsafe_b64encode(key).decode().rstrip("=") + "\n")
        file.flush()
        os.fsync(file.fileno())
    return name


def _sync_folder(path: Path) -> None:
    """Put a folder's names on the disk: a renamed file is only then where it is."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
