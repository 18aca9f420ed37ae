"""What a witness knows, in a file: the tree that it cosigned last, the log's keys, and a fork if it has found one.

The record is durable before a cosignature is shown: after a crash the witness never cosigns a contradiction.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from witness.bounded_files import read_bounded
from witness.errors import NoteInvalid, StartRefused
from witness.notes import VerifierKey, parse_key
from witness.tree import Edge

_LARGEST = 1 << 20
"""Bytes of a record: it keeps two notes of 64 KiB at most beside the last one, and the keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two signed checkpoints of one log that contradict each other: the evidence of its operator's fault."""

    reason: str
    cosigned: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The log's origin and keys, the right edge of its tree, and the cosigned note; empty before the first checkpoint.

    `keys` have signed, the oldest first; `retired` are former ones, which a later key has replaced.
    """

    origin: str = ""
    keys: tuple[VerifierKey, ...] = ()
    retired: tuple[VerifierKey, ...] = ()
    edge: Edge = field(default_factory=Edge)
    note: str = ""
    fork: Fork | None = None


class RecordFile:
    """The file of a record."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other witnesses from this record while a block runs. Raises `StartRefused` if one has it."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartRefused(f"{lock}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StartRefused(f"{self._path}: another witness uses it; give each its own key") from None
        try:
            yield
        finally:
            os.close(descriptor)

    def read(self) -> Record:
        """Return the record, an empty one without a file. Raises `StartRefused` for a damaged one."""
        try:
            members = json.loads(read_bounded(self._path, most=_LARGEST).decode())
            fork = members["fork"]
            edge = Edge(size=members["size"], roots=tuple(bytes.fromhex(each) for each in members["roots"]))
            return Record(
                origin=members["origin"],
                keys=tuple(parse_key(each) for each in members["keys"]),
                retired=tuple(parse_key(each) for each in members.get("retired", ())),
                edge=edge,
                note=members["note"],
                fork=None if fork is None else Fork(**fork),
            )
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NoteInvalid):
            raise StartRefused(
                f"{self._path}: not a witness's record; put it back, since without it a fork from before is not seen"
            ) from None

    def write(self, record: Record) -> None:
        """Replace the record durably, readable by the owner alone. Raises `OSError`."""
        members = {
            "origin": record.origin,
            "keys": [str(key) for key in record.keys],
            "retired": [str(key) for key in record.retired],
            "size": record.edge.size,
            "roots": [root.hex() for root in record.edge.roots],
            "note": record.note,
            "fork": None if record.fork is None else asdict(record.fork),
        }
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(members, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
