"""Backups of an embedded store: an online copy, and its return. PostgreSQL has its own program, which is named.

A backup is one file, without the master key: whoever has both can read all secrets. Restoring moves the present store
aside and never deletes it. See https://sqlite.org/backup.html
"""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

from gateway.errors.operators import AlreadyExists, StateWrong, Unknown
from gateway.private_files import (
    lock_store,
    make_private_file,
    make_private_folder,
    open_new_file,
    sync_to_disk,
)
from gateway.storage.database import find_store_file

_PAGES_AT_ONCE = 1024
_SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a store. It would apply that of another store to the backup."""

_UNUSABLE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
"""How SQLite's names of errors begin if the disk or a file is at fault: the content is not known then."""

_NEXT_KEY = "master.key.next"
"""The new master key while a rotation is not complete (`keys/vault.py`): a start deletes it if the store doesn't need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup's file, its size in bytes, the revision of its schema, and where a restore moved the former store."""

    file: Path
    size: int
    schema: str
    moved_to: Path | None = None


def back_up(url: str, file: Path) -> Backup:
    """Copy an embedded store while the gateway runs; the copy has all that was committed when it ends.

    Raises:
        StateWrong: the store is PostgreSQL, for which the reason names the command; or the copy is damaged.
        AlreadyExists: the file exists.
        Unknown: there is no store, or the file can't be made.
    """
    source = check_backup(url, file)
    part = file.with_name(f"{file.name}.part")
    try:
        os.close(open_new_file(part))
    except FileExistsError:
        raise AlreadyExists(
            f"{part} exists: another backup runs, or one was interrupted; delete it"
        ) from None
    except OSError as error:
        raise Unknown(f"{file}: can't be made ({error.strerror})") from None
    try:
        schema = _copy(source, part)
        sync_to_disk(part)
        part.rename(file)
    except (sqlite3.Error, OSError) as error:
        raise StateWrong(f"the backup failed ({_name(error)}): nothing is kept of it") from None
    finally:
        _delete_copy(part)
    return Backup(file=file, size=file.stat().st_size, schema=schema)


def check_backup(url: str, file: Path) -> Path:
    """Return the store's file if it can be copied to a new file. Raises as `back_up`."""
    source = find_store_file(url)
    if source is None:
        raise StateWrong(
            "PostgreSQL is backed up by its own program: "
            f"pg_dump --format=custom --no-owner --file='{file}' '{_without_password(url)}'"
        )
    if not source.is_file() or not source.stat().st_size:
        raise Unknown(
            f"no store at {source.absolute()}: nothing to back up; go to the gateway's folder, or set GATEWAY_DATABASE_URL"
        )
    if file.exists():
        raise AlreadyExists(f"{file} exists: name a new file")
    if not file.absolute().parent.is_dir():
        raise Unknown(f"{file}: can't be made (no such folder)")
    return source


def check_restore(url: str, file: Path) -> tuple[Path, str]:
    """Return the store's file, and the schema's revision of an intact backup.

    Raises as `restore`; it doesn't see whether the store is in use.
    """
    target = find_store_file(url)
    if target is None:
        raise StateWrong(
            "PostgreSQL is restored by its own program: stop every worker, make an empty database, then "
            f"pg_restore --no-owner --exit-on-error --single-transaction --dbname='{_without_password(url)}' '{file}'"
        )
    if not file.is_file():
        raise Unknown(f"{file}: no such file")
    coming = target.with_name(_NEXT_KEY)
    if coming.exists():
        raise StateWrong(
            f"{coming} may be the only key that opens the present store: gateway keys list completes the rotation; "
            "if that can't be, move the file away and keep it with the store"
        )
    try:
        return target, _check(file)
    except sqlite3.Error as error:
        raise StateWrong(f"{file}: can't be read ({_name(error)})") from None


def restore(url: str, file: Path, *, now: datetime) -> Backup:
    """Put a backup in the place of an embedded store, which no program may have open.

    Raises:
        StateWrong: the store is PostgreSQL or in use, a rotation of its master key is not complete, or the file is no intact
            backup, or can't be copied.
        Unknown: there is no such file.
    """
    target, schema = check_restore(url, file)
    make_private_folder(target.parent)
    part = target.with_name(f"{target.name}.restoring")
    with lock_store(target.resolve(), refuse=lambda _: _in_use(target)):
        try:
            part.unlink(missing_ok=True)
            make_private_file(part)
            _copy(file, part)
            sync_to_disk(part)
            moved_to = _move_aside(target, now)
            try:
                part.rename(target)
            except OSError:
                _put_back(moved_to, target)
                raise
        except (sqlite3.Error, OSError) as error:
            raise StateWrong(
                f"the restore failed ({_name(error)}): the present store stays as it is"
            ) from None
        finally:
            _delete_copy(part)
    sync_to_disk(target.parent)
    return Backup(file=target, size=target.stat().st_size, schema=schema, moved_to=moved_to)


def _in_use(target: Path) -> str:
    return f"{target.absolute()} is in use: stop the gateway first"


def _copy(source: Path, target: Path) -> str:
    """Copy one store into another file, check the copy, and return the revision of its schema."""
    with (
        closing(sqlite3.connect(_read_only(source), uri=True)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there, pages=_PAGES_AT_ONCE, sleep=0.01)
        there.execute("PRAGMA journal_mode = DELETE")  # one file, without a journal beside it
    return _check(target)


def _check(file: Path) -> str:
    """Return the schema's revision of an intact store.

    Raises:
        StateWrong: it is damaged, or no store.
        sqlite3.Error: it can't be read, such as on a full disk.
    """
    try:
        with closing(sqlite3.connect(_read_only(file), uri=True)) as store:
            (found,) = store.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise StateWrong(f"{file}: damaged: take another backup")
            (schema,) = store.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        if isinstance(error, sqlite3.Error) and _name(error).startswith(_UNUSABLE):
            raise
        raise StateWrong(f"{file}: not a backup of a gateway's store") from None
    return str(schema)


def _move_aside(target: Path, now: datetime) -> Path | None:
    """Give the present store another name.

    Raises:
        StateWrong: a program has it open.
        sqlite3.Error, OSError: it can't be completed with its journal or renamed, such as on a full disk.

    It also keeps its own name until the backup takes it: a process that dies between the two steps leaves a store there.
    """
    aside = _free_name(target, now)
    if not target.exists():
        _move_side_files(target, aside)
        return None
    try:
        with closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as store:
            # Only possible while no other connection is open; it also empties the journal into the store.
            store.execute("PRAGMA locking_mode = EXCLUSIVE")
            (mode,) = store.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if _name(error).startswith(_UNUSABLE):
            raise
        if isinstance(error, sqlite3.OperationalError):
            raise StateWrong(_in_use(target)) from None
        mode = "delete"  # damaged: it is moved as it is
    if mode != "delete":
        raise StateWrong(_in_use(target))
    try:
        aside.hardlink_to(target)
    except OSError:  # the file system gives a file no second name
        target.rename(aside)
    _move_side_files(target, aside)
    return aside


def _put_back(aside: Path | None, target: Path) -> None:
    """Give the present store, if there is one, its own name alone."""
    if aside is None:
        return
    if target.exists():
        aside.unlink()
    else:
        aside.rename(target)
    _move_side_files(aside, target)


def _move_side_files(store: Path, aside: Path) -> None:
    for suffix in _SIDE_FILES:
        side = store.with_name(store.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))


def _free_name(target: Path, now: datetime) -> Path:
    """Return where the present store goes: a rename replaces what has the name, such as the store of a restore just before."""
    second = now.astimezone(UTC)
    while True:
        aside = target.with_name(f"{target.name}.before-restore-{second:%Y%m%dT%H%M%SZ}")
        if not any(aside.with_name(aside.name + suffix).exists() for suffix in ("", *_SIDE_FILES)):
            return aside
        second += timedelta(seconds=1)


def _read_only(file: Path) -> str:
    return f"file:{quote(str(file.absolute()))}?mode=ro"


def _delete_copy(part: Path) -> None:
    """Delete a copy that did not become the file, with what SQLite made beside it."""
    for suffix in ("", *_SIDE_FILES):
        with suppress(OSError):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _name(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def _without_password(url: str) -> str:
    """Return the address without a password: pg_dump takes it from PGPASSWORD or ~/.pgpass."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0]
    query = "&".join(
        part for part in parts.query.split("&") if part and not part.startswith(("password=", "sslpassword="))
    )
    return parts._replace(netloc=f"{user}@{host}" if user else host, query=query).geturl()
