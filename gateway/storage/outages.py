"""Why the store can't work now: one cause from the driver's error, in the log at most once a minute.

Too many callers are not an outage: they get `Overloaded`. A value or constraint that the database refuses is neither.
Sources: SQLite's result codes (sqlite.org/rescode.html); PostgreSQL, appendix A (SQLSTATE).
"""

import errno
import os
import sqlite3
import ssl
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError

from gateway.errors.requests import Overloaded, StoreUnavailable

SECONDS_BETWEEN_LINES = 60.0
"""How long after a log line of one cause the next line of this cause is left out."""

STORE_LOG = "gateway.store"

log = structlog.get_logger(STORE_LOG)


class Cause(StrEnum):
    """Why the store can't work."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    LOCKED = "locked"
    TIMED_OUT = "timed_out"
    GONE = "gone"
    CANNOT_OPEN = "cannot_open"
    UNREACHABLE = "unreachable"
    TLS_REFUSED = "tls_refused"
    REFUSED = "refused"
    NO_DATABASE = "no_database"
    NO_RIGHTS = "no_rights"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    RESTARTING = "restarting"
    DAMAGED = "damaged"
    IO_ERROR = "io_error"
    FAILED = "failed"


CONNECTION_LOST = frozenset({Cause.UNREACHABLE, Cause.RESTARTING})
"""The causes after which another connection may work."""

REMEDIES = {
    Cause.DISK_FULL: "free space on the store's disk",
    Cause.READ_ONLY: "make the store writable: its file and folder, its file system, or the server's role",
    Cause.LOCKED: "end the program that locks the store, such as a backup or a repair",
    Cause.TIMED_OUT: "look for what the store waits for: a lock, or a slow disk or server",
    Cause.GONE: "the store's file was moved or deleted: stop the gateway, put the file back, and start",
    Cause.CANNOT_OPEN: "look at the store's file, its folder and their owner, and raise the limit of open files (ulimit -n)",
    Cause.UNREACHABLE: "check that the store's server runs and can be reached, and GATEWAY_DATABASE_URL",
    Cause.TLS_REFUSED: "check sslmode and sslrootcert in GATEWAY_DATABASE_URL, and the server's ssl and certificate",
    Cause.REFUSED: "check the user and the password in GATEWAY_DATABASE_URL",
    Cause.NO_DATABASE: "create the database that GATEWAY_DATABASE_URL names",
    Cause.NO_RIGHTS: "let the user in GATEWAY_DATABASE_URL own the database and its tables, which another user has made",
    Cause.TOO_MANY_CONNECTIONS: "raise the server's max_connections, or run fewer workers",
    Cause.RESTARTING: "wait until the store's server has started",
    Cause.DAMAGED: "stop the gateway and restore a backup: the store's file is damaged",
    Cause.IO_ERROR: "check the store's disk, its quota and the limit of a file's size",
    Cause.FAILED: "see the error's name in the log",
}

_SQLITE = (
    ("SQLITE_FULL", Cause.DISK_FULL),
    ("SQLITE_READONLY_DBMOVED", Cause.GONE),
    ("SQLITE_READONLY", Cause.READ_ONLY),
    ("SQLITE_PERM", Cause.READ_ONLY),
    ("SQLITE_BUSY", Cause.LOCKED),
    ("SQLITE_LOCKED", Cause.LOCKED),
    ("SQLITE_CANTOPEN", Cause.CANNOT_OPEN),
    ("SQLITE_CORRUPT", Cause.DAMAGED),
    ("SQLITE_NOTADB", Cause.DAMAGED),
    ("SQLITE_IOERR", Cause.IO_ERROR),
)
_SQLSTATE = (
    ("53100", Cause.DISK_FULL),
    ("53300", Cause.TOO_MANY_CONNECTIONS),
    ("53", Cause.FAILED),
    ("25006", Cause.READ_ONLY),
    ("25P03", Cause.UNREACHABLE),
    ("28", Cause.REFUSED),
    ("3D", Cause.NO_DATABASE),
    ("42501", Cause.NO_RIGHTS),
    ("57014", Cause.TIMED_OUT),
    ("57", Cause.RESTARTING),
    ("55P03", Cause.LOCKED),
    ("40", Cause.LOCKED),
    ("58", Cause.IO_ERROR),
    ("08", Cause.UNREACHABLE),
    ("XX001", Cause.DAMAGED),
    ("XX002", Cause.DAMAGED),
)
_OUR_FAULTS = frozenset({"0A", "21", "22", "23", "42", "44", "XX"})
"""Classes of SQLSTATE of a statement or a value that PostgreSQL refuses, or of its own defect."""
_ERRNO = {
    errno.ENOSPC: Cause.DISK_FULL,
    errno.EDQUOT: Cause.DISK_FULL,
    errno.EROFS: Cause.READ_ONLY,
    errno.EACCES: Cause.READ_ONLY,
    errno.EIO: Cause.IO_ERROR,
}


_TLS_ENDED = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
"""Errors of a TLS connection that the server, or the network, ended."""


def find_cause(error: BaseException) -> Cause | None:
    """Return why the store can't work; None if the error is not an outage of the store."""
    if isinstance(error, TimeoutError):  # also asyncpg's
        return Cause.TIMED_OUT
    if isinstance(error, OSError):
        return _of_connection(error)
    driver = _find_driver_error(error)
    if isinstance(driver, sqlite3.Error):
        return _of_sqlite(driver)
    state = getattr(driver, "sqlstate", None)
    if isinstance(state, str):
        of_class = None if state[:2] in _OUR_FAULTS else Cause.FAILED
        return next((cause for start, cause in _SQLSTATE if state.startswith(start)), of_class)
    if isinstance(driver, ValueError) or isinstance(driver.__cause__, ValueError):
        return None  # asyncpg can't encode a parameter
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    closed = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    is_of_asyncpg = type(driver).__module__.startswith("asyncpg")
    return Cause.UNREACHABLE if lost or closed or is_of_asyncpg else None


def _of_connection(error: OSError) -> Cause:
    if isinstance(error, ssl.SSLError):  # its number is no errno
        return Cause.UNREACHABLE if isinstance(error, _TLS_ENDED) else Cause.TLS_REFUSED
    is_refused = "rejected SSL upgrade" in str(error)
    return Cause.TLS_REFUSED if is_refused else _ERRNO.get(error.errno or 0, Cause.UNREACHABLE)


def find_file_cause(error: OSError) -> Cause:
    """Return why the file of an embedded store can't be made."""
    return _ERRNO.get(error.errno or 0, Cause.CANNOT_OPEN)


def is_outage(error: BaseException) -> bool:
    """Return whether the store can't work now, or has no free connection."""
    return isinstance(error, sa.exc.TimeoutError) or find_cause(error) is not None


def is_conflict(error: BaseException) -> bool:
    """Return whether PostgreSQL ended the transaction because of others, so that nothing was committed (class 40)."""
    return str(getattr(_find_driver_error(error), "sqlstate", None)).startswith("40")


class Outages:
    """Turns errors of one store into ours, and logs their causes.

    `store` names the store in the log, without a password; `file` is that of an embedded one. `up` is false from an outage
    until the next commit; `counts` counts the outages.
    """

    def __init__(
        self, store: str, file: Path | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._file, self._monotonic = store, file, monotonic
        self._logged: dict[str, float] = {}
        self._left_out: dict[str, int] = {}
        self._troubled = False
        self.up = True
        self.counts: Counter[Cause] = Counter()

    def describe(self, error: BaseException) -> Overloaded | None:
        """Return what to raise for an error, and log its cause; None if it is not an outage."""
        if isinstance(error, sa.exc.TimeoutError):  # of the pool
            self._troubled |= self._log(
                "store_overloaded",
                "no connection was free",
                remedy="see the pool's size and the store's load",
            )
            return Overloaded()
        cause = find_cause(error)
        if cause is None:
            return None
        if self._file is not None:
            cause = self._look_at_disk(cause)
        return self.note(cause, _name(error))

    def note(self, cause: Cause, error: str) -> StoreUnavailable:
        """Log a cause, with the name of its error, and return what to raise."""
        self.up = False
        self.counts[cause] += 1
        self._troubled |= self._log("store_unavailable", cause.value, error=error, remedy=REMEDIES[cause])
        return StoreUnavailable(cause.value)

    def refuse_row(self, reason: str) -> StoreUnavailable:
        """Log why a stored row can't be used, and return what to answer with; other rows may be used."""
        self._log("stored_row_refused", Cause.DAMAGED.value, reason=reason)
        return StoreUnavailable(Cause.DAMAGED.value)

    def works(self) -> None:
        """Log that a transaction was committed, if the last line was an outage."""
        self.up = True
        if self._troubled:
            self._troubled = False
            log.info("store_works", store=self._store)

    def _look_at_disk(self, cause: Cause) -> Cause:
        """Return a more exact cause: a file that is missing, or a disk without space behind an error of reading or writing."""
        assert self._file is not None
        if not self._file.exists():
            return Cause.GONE
        if cause is Cause.IO_ERROR:
            found = os.statvfs(self._file.parent)
            if found.f_bavail * found.f_frsize < _LEAST_FREE:
                return Cause.DISK_FULL
        return cause

    def _log(self, event: str, cause: str, **facts: str) -> bool:
        """Log an event with its cause, at most once a minute; return whether it was logged."""
        now, kind = self._monotonic(), f"{event}:{cause}"
        last = self._logged.get(kind)
        if last is not None and now - last < SECONDS_BETWEEN_LINES:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._logged[kind] = now
        log.error(event, cause=cause, store=self._store, left_out=self._left_out.pop(kind, 0), **facts)
        return True


_LEAST_FREE = 64 * 1024
"""Bytes. With less free space SQLite can't make a file larger, and reports an error of writing."""


def _find_driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _of_sqlite(error: sqlite3.Error) -> Cause | None:
    name = str(getattr(error, "sqlite_errorname", ""))
    found = next((cause for start, cause in _SQLITE if name.startswith(start)), None)
    return Cause.FAILED if found is None and isinstance(error, sqlite3.OperationalError) else found


def _name(error: BaseException) -> str:
    """Return SQLite's or PostgreSQL's name of an error, else the class; never a text, which may repeat a value."""
    driver = _find_driver_error(error)
    for name in ("sqlite_errorname", "sqlstate"):
        if isinstance(found := getattr(driver, name, None), str):
            return found
    return type(driver.__cause__ or driver).__name__
