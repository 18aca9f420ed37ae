"""Folders and files of the gateway's own: for their owner only, from the moment they exist.

What is there already is tightened where it is the gateway's alone: `./var`, and the files that it makes there. A folder
that a setting or a link names may be shared on purpose: it is left as it is, and warned about where everybody may look
into it.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

import structlog

OWN = Path("var")
"""The folder of the current one where everything is kept unless a setting names another."""

_NOT_THE_OWNERS = 0o077
_EVERYBODYS = 0o007

log = structlog.get_logger("gateway.private_folder")


def make_private_folder(path: Path) -> None:
    """Make a folder with mode 0700, and so each missing one above it. Raises `OSError`."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    mode = path.stat().st_mode
    if path == OWN and Path.cwd() == Path("/"):
        return  # the system's
    if path == OWN and mode & _NOT_THE_OWNERS and _is_ours(path):
        path.chmod(0o700)
    elif mode & _EVERYBODYS and not mode & stat.S_ISVTX:
        log.warning("folder_open_to_others", folder=str(path), remedy=f"chmod o= {path}")


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 in a private folder, or take everybody's rights from one that is there."""
    make_private_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    _take_away(path, _EVERYBODYS)


def tighten_secret(path: Path) -> None:
    """Leave a file that holds a secret to its owner alone, where it is ours; nothing where there is none."""
    if path.is_file():
        _take_away(path, _NOT_THE_OWNERS)


def _take_away(path: Path, rights: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & rights and _is_ours(path):
        path.chmod(mode & ~rights)


def _is_ours(path: Path) -> bool:
    found = path.lstat()
    return not stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid()
