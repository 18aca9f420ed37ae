"""Signed notes, checkpoints and cosignatures, with Ed25519: read, checked and written.

A signature of an unknown key is skipped; a false one of a known key makes the note invalid.
Source: C2SP signed-note, tlog-checkpoint and tlog-cosignature.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from witness.errors import NoteInvalid

HASH_BYTES = 32
MOST_NOTE = 65_536
"""Limit of a note's characters: 16 signatures of any kind must fit."""

_SIGNATURE = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]{1,255}")
_LONGEST_ORIGIN = 255
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_PRIVATE = "PRIVATE+KEY+"


class Algorithm(IntEnum):
    """The type of a signature: a log's, or a witness's with its time."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key by the name of its owner, written as a `vkey`."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes that a signature line names the key by."""
        return _key_id(self.name, self.algorithm, self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: the signer's name, its key's id, and the signature."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The size and root of a log's tree; `text` is what is signed, `note` the text with its signatures."""

    origin: str
    size: int
    root: bytes
    text: str
    note: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A valid signature: whose, and for a cosignature when (POSIX seconds)."""

    key: VerifierKey
    time: int | None


def parse_key(text: str) -> VerifierKey:
    """Read a `vkey` of one of the two algorithms. Raises `NoteInvalid`."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):
        raise NoteInvalid("not a key; expected name+id+base64, as /key shows it")
    name, key_id, content = parts[0], parts[1], decode(parts[2])
    if len(content) != 1 + HASH_BYTES or content[0] not in tuple(Algorithm):
        raise NoteInvalid(f"{name}: not an Ed25519 key of a log or of a witness")
    key = VerifierKey(name=name, algorithm=Algorithm(content[0]), public=content[1:])
    if key.id.hex() != key_id:
        raise NoteInvalid(f"{name}: the key's id is not that of its content")
    return key


def parse_keys(text: str) -> list[VerifierKey]:
    """Read keys, one a line. Raises `NoteInvalid`."""
    return [parse_key(line) for line in text.split("\n") if line.strip()]


def parse_checkpoint(note: str) -> Checkpoint:
    """Read a note with a checkpoint; its signatures are not checked. Raises `NoteInvalid`."""
    text, separator, signatures = note.rpartition("\n\n")
    if len(note) > MOST_NOTE or _CONTROL.search(note) or not separator or not signatures.endswith("\n"):
        raise NoteInvalid("not a signed note")
    text += "\n"
    lines = text.split("\n")
    if len(lines) < 4 or "" in lines[:-1] or not _is_origin(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise NoteInvalid("not a checkpoint; expected origin, size and root")
    root = decode(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteInvalid("not a checkpoint; its root is not a SHA-256 hash")
    return Checkpoint(
        origin=lines[0],
        size=int(lines[1]),
        root=root,
        text=text,
        note=note,
        signatures=tuple(_parse_signature(line) for line in signatures[:-1].split("\n")),
    )


def find_signed(checkpoint: Checkpoint, keys: Iterable[VerifierKey]) -> list[Signed]:
    """Return the valid signatures of these keys. A log's key signs only under its own name, the origin.

    Raises:
        NoteInvalid: a signature of one of the keys is false.
    """
    known = {(key.name, key.id): key for key in keys}
    found = []
    for signature in checkpoint.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None or (key.algorithm is Algorithm.ED25519 and key.name != checkpoint.origin):
            continue
        time, signed, message = None, signature.value, checkpoint.text
        if key.algorithm is Algorithm.COSIGNATURE:
            time, signed = int.from_bytes(signature.value[:8], "big"), signature.value[8:]
            message = _cosigned(checkpoint, time)
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signed, message.encode())
        except InvalidSignature:
            raise NoteInvalid(f"{key.name}: its signature is false") from None
        found.append(Signed(key=key, time=time))
    return found


class Cosigner:
    """A witness's key. It is stored as one line, as signers of notes have it."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        if not _is_name(name):
            raise NoteInvalid(f"{name!r}: a name of 1 to 255 characters is expected, without spaces and +")
        self._private = private
        public = private.public_key().public_bytes_raw()
        self.key = VerifierKey(name=name, algorithm=Algorithm.COSIGNATURE, public=public)

    @classmethod
    def parse(cls, line: str) -> "Cosigner":
        """Read a stored key. Raises `NoteInvalid`, which doesn't repeat it."""
        name, _, rest = line.strip().removeprefix(_PRIVATE).partition("+")
        key_id, _, encoded = rest.partition("+")
        content = decode(encoded)
        if len(content) != 1 + HASH_BYTES or content[0] != Algorithm.COSIGNATURE:
            raise NoteInvalid("not a witness's private key")
        cosigner = cls(name, Ed25519PrivateKey.from_private_bytes(content[1:]))
        if not line.startswith(_PRIVATE) or cosigner.key.id.hex() != key_id:
            raise NoteInvalid("not a witness's private key")
        return cosigner

    def write(self) -> str:
        """Return the line to store."""
        encoded = base64.b64encode(bytes([Algorithm.COSIGNATURE]) + self._private.private_bytes_raw())
        return f"{_PRIVATE}{self.key.name}+{self.key.id.hex()}+{encoded.decode()}\n"

    def cosign(self, checkpoint: Checkpoint, *, log: Sequence[VerifierKey], now: int) -> str:
        """Return the note with the log's own signatures and this witness's cosignature at `now` (POSIX seconds)."""
        signed = self._private.sign(_cosigned(checkpoint, now).encode())
        names = {(key.name, key.id) for key in log}
        ours = [each for each in checkpoint.signatures if (each.name, each.key_id) in names]
        value = now.to_bytes(8, "big") + signed
        ours.append(Signature(name=self.key.name, key_id=self.key.id, value=value))
        return f"{checkpoint.text}\n" + "".join(_write_signature(each) for each in ours)


def decode(text: str) -> bytes:
    """Decode standard base64. Raises `NoteInvalid`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteInvalid("not base64") from None


def _is_name(text: str) -> bool:
    """Return whether a text is a signer's name; it is printed, so that it must not steer a terminal."""
    return text.isprintable() and _NAME.fullmatch(text) is not None


def _is_origin(line: str) -> bool:
    return line.isprintable() and len(line) <= _LONGEST_ORIGIN


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
    content = decode(encoded)
    if not line.startswith(_SIGNATURE) or not _is_name(name) or len(content) < 5:
        raise NoteInvalid("not a signed note; a signature line is malformed")
    return Signature(name=name, key_id=content[:4], value=content[4:])


def _write_signature(signature: Signature) -> str:
    return f"{_SIGNATURE}{signature.name} {base64.b64encode(signature.key_id + signature.value).decode()}\n"


def _cosigned(checkpoint: Checkpoint, time: int) -> str:
    return f"cosignature/v1\ntime {time}\n{checkpoint.text}"


def _key_id(name: str, algorithm: Algorithm, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]
