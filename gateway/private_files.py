"""The gateway's own folders and files: only their owner may read them, already when they are created.

From existing ones other users' rights are removed only in `./var` and for its files. A folder that a setting or a link
names may be shared on purpose: it is left unchanged, with a warning if everybody may read it.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from gateway.errors.operators import StateWrong

OWN_FOLDER = Path("var")
"""The default folder, in the current folder, of all files without a setting."""

_OTHER_USERS = 0o077
_EVERYBODY = 0o007
_OTHERS_MAY_READ = 0o044

log = structlog.get_logger("gateway.private_folder")


def make_private_folder(path: Path) -> None:
    """Create a folder and its missing parents with mode 0700. Raises `OSError`."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    mode = path.stat().st_mode
    if path == OWN_FOLDER and Path.cwd() == Path("/"):
        return  # /var is the system's
    if path == OWN_FOLDER and mode & _OTHER_USERS and _is_owned(path):
        path.chmod(0o700)
    elif (
        mode & _EVERYBODY and not mode & stat.S_ISVTX and len(path.absolute().parts) > 2
    ):  # /etc is the system's too
        log.warning("folder_open_to_others", folder=str(path), remedy=f"chmod o= {path}")


def make_private_file(path: Path) -> None:
    """Create an empty file with mode 0600 in a private folder, or remove everybody's rights from an existing one."""
    make_private_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    _remove_rights(path, _EVERYBODY)


@contextmanager
def lock_store(store: Path, *, refuse: Callable[[int], str]) -> Iterator[int]:
    """Keep other `serve` and `restore` from an embedded store while a block runs; yield the descriptor of the lock (flock).

    Raises:
        StateWrong: another process has the lock, with what `refuse` says of it; or the lock can't be made.
    """
    path = store.with_name(f"{store.name}.lock")
    try:
        if not store.parent.exists():
            make_private_folder(store.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateWrong(f"{error.filename}: can't be written ({error.strerror})") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateWrong(refuse(descriptor)) from None
        yield descriptor
    finally:
        os.close(descriptor)


def replace_private_file(path: Path, text: str) -> None:
    """Replace a file, or make it, in one step, with mode 0600; its folder exists. Raises `OSError`."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def tighten_secret(path: Path) -> None:
    """Remove other users' rights from an existing file with a secret, if this user owns it."""
    if path.is_file():
        _remove_rights(path, _OTHER_USERS)


def warn_if_readable(path: Path) -> None:
    """Warn if other users may read a file with the master key. A container's secret has mode 0444, so it is no refusal."""
    if path.stat().st_mode & _OTHERS_MAY_READ:
        log.warning(
            "master_key_open_to_others",
            file=str(path),
            remedy=f"chmod go= {path}; a container's secret may stay",
        )


def sync_to_disk(path: Path) -> None:
    """Sync a file, or a folder, so that a rename in it is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_rights(path: Path, rights: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & rights and _is_owned(path):
        path.chmod(mode & ~rights)


def _is_owned(path: Path) -> bool:
    found = path.lstat()
    return not stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid()
