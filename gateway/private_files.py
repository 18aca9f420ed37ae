"""The gateway's own folders and files: only their owner may read them, already when they are created.

From existing ones other users' rights are removed only in `./var` and for its files. A folder that a setting or a link
names may be shared on purpose: it is left unchanged, with a warning if everybody may read it.

What root makes belongs to the owner of the folder, or of the file that it replaces: else a command that root runs for a
service with a user of its own leaves files that the service can't read.
"""

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from shlex import quote

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
            _give_empty_folder(folder)
    mode = path.stat().st_mode
    if path == OWN_FOLDER and Path.cwd() == Path("/"):
        return  # /var is the system's
    if path == OWN_FOLDER and mode & _OTHER_USERS and _is_owned(path):
        path.chmod(0o700)
    elif (
        mode & _EVERYBODY and not mode & stat.S_ISVTX and len(path.absolute().parts) > 2
    ):  # /etc is the system's too
        _warn_of(path)


@cache  # a command makes several files in one folder
def _warn_of(path: Path) -> None:
    log.warning("folder_open_to_others", folder=str(path), remedy=f"chmod o= {quote(str(path))}")


def make_private_file(path: Path) -> None:
    """Create an empty file with mode 0600 in a private folder, or remove everybody's rights from an existing one."""
    make_private_folder(path.parent)
    _make_empty(path)
    _remove_rights(path, _EVERYBODY)


def open_new_file(path: Path) -> int:
    """Create a file with mode 0600, of the present user, and return its descriptor. Raises `OSError`; `FileExistsError` if it exists."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _make_empty(path: Path) -> None:
    """Create a file that isn't there; only then is it given away, since a link could lead to a file of root."""
    with suppress(FileExistsError):
        descriptor = open_new_file(path)
        try:
            _give(descriptor, path.parent)
        finally:
            os.close(descriptor)


@contextmanager
def lock_store(store: Path, *, refuse: Callable[[int], str]) -> Iterator[int]:
    """Keep other `serve` and `restore` from an embedded store while a block runs; yield the descriptor of the lock (flock).

    The file is empty then: the name of a process that had the lock before is gone.

    Raises:
        StateWrong: another process has the lock, with what `refuse` says of it; or the lock can't be made.
    """
    path = store.with_name(f"{store.name}.lock")
    try:
        if not store.parent.exists():
            make_private_folder(store.parent)
        _make_empty(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise StateWrong(f"{error.filename}: can't be written ({error.strerror})") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateWrong(refuse(descriptor)) from None
        with suppress(OSError):  # a full disk
            os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def replace_private_file(path: Path, text: str, *, personal: bool = False) -> None:
    """Replace a file, or make it, in one step, with mode 0600; its folder exists. After a power cut it has one of both contents.

    `personal`: it belongs to the present user, root too.

    Raises:
        OSError
    """
    with temporary_beside(path, text, personal=personal) as temporary:
        temporary.replace(path)


@contextmanager
def temporary_beside(path: Path, text: str, *, personal: bool = False) -> Iterator[Path]:
    """Write and sync a text to a new file beside a path, with mode 0600, for a block that renames or links it.

    The file is locked (flock) and deleted after the block. `remove_leftovers` deletes the file of a killed process.
    `personal` as in `replace_private_file`.

    Raises:
        OSError: no file is left.
    """
    descriptor, temporary = _open_temporary(path)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        try:
            if not personal:
                _give(file.fileno(), path if path.exists() else path.parent)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # else a name may be on the disk before the content
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _open_temporary(path: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with suppress(OSError):  # a file system without locks, where leftovers stay
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # deleted as a leftover before it was locked


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files of a path whose writers have died. One that can't be deleted stays."""
    named = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.tmp")
    with suppress(OSError):
        for found in [each for each in path.parent.iterdir() if named.fullmatch(each.name)]:
            with suppress(OSError):  # its writer lives, or another process has just deleted it
                _remove_unlocked(found)


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


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
            remedy=f"chmod go= {quote(str(path))}; a container's secret may stay",
        )


def sync_to_disk(path: Path) -> None:
    """Sync a file, or a folder, so that a rename in it is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give(descriptor: int, like: Path) -> None:
    """Give what root has just made to the owner of another file or folder."""
    if os.geteuid() == 0:
        owner = like.stat()
        with suppress(PermissionError):  # a root without that capability, as in a container
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _give_empty_folder(folder: Path) -> None:
    """Give a folder that root has just made to the owner of the one around it, who may have put another one in its place."""
    if os.geteuid() == 0:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(descriptor) as found:
                is_empty = next(found, None) is None
            if is_empty:
                _give(descriptor, folder.parent)
        finally:
            os.close(descriptor)


def _remove_rights(path: Path, rights: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & rights and _is_owned(path):
        path.chmod(mode & ~rights)


def _is_owned(path: Path) -> bool:
    found = path.lstat()
    return not stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid()
