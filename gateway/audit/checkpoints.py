"""Signed checkpoints of the audit's tree: size and root as a note that anyone can check with the public key.

Source: C2SP tlog-checkpoint and signed-note (Ed25519, c2sp.org/tlog-checkpoint). The origin, which is also the name of every
key, is that of the first checkpoint: the gateway's first public address. Text of extensions and signatures of others, such
as a witness, are kept out of what is stored and are skipped in what is read.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.keys.model import Key

_ED25519, _COSIGNATURE = b"\x01", b"\x04"
_PUBLIC_BYTES = 32
_MAX_NOTE = 16_384
_SIGNATURE = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]{1,200}")
_LATEST = 253_402_300_799
"""The last second of the year 9999: later times can't be shown."""
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_NOTE = re.compile(r"^(?:[^\n]{1,1000}\n){3,16}\n(?:\N{EM DASH} [^\n]{1,8000}\n){1,32}", re.MULTILINE)


class NoteInvalid(Exception):
    """A text is not a checkpoint's note, or no given key signed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The size and root of a tree, and the note that says so."""

    origin: str
    size: int
    root: bytes
    note: str


def origin_of(base: str) -> str:
    """Return the origin for a public address: the address without its scheme, and the log's name."""
    return base.partition("://")[2].rstrip("/") + "/audit"


def public_key_of(key: Key) -> bytes:
    """Return the raw Ed25519 public key of a checkpoint key."""
    return Ed25519PrivateKey.from_private_bytes(key.material).public_key().public_bytes_raw()


def key_line(origin: str, key: Key) -> str:
    """Return a key's `vkey`: name, key id and public key, as verifiers of signed notes take it."""
    public = public_key_of(key)
    encoded = base64.b64encode(_ED25519 + public).decode()
    return f"{origin}+{_key_id(origin, public).hex()}+{encoded}"


def sign_checkpoint(*, origin: str, size: int, root: bytes, keys: Sequence[Key]) -> Checkpoint:
    """Return a checkpoint that each of these keys has signed."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    lines = []
    for key in keys:
        private = Ed25519PrivateKey.from_private_bytes(key.material)
        signed = _key_id(origin, private.public_key().public_bytes_raw()) + private.sign(text.encode())
        lines.append(f"{_SIGNATURE}{origin} {base64.b64encode(signed).decode()}\n")
    return Checkpoint(origin=origin, size=size, root=root, note=f"{text}\n{''.join(lines)}")


def parse_checkpoint(note: str) -> Checkpoint:
    """Read a note; its signatures are not checked. Raises `NoteInvalid`."""
    text, _ = _parts(note)
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not _is_name(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise NoteInvalid
    root = _decode(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise NoteInvalid
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, note=note)


def find_notes(text: str) -> list[Checkpoint]:
    """Return the checkpoints of a text that has notes one after another; what is none, such as half a note, is skipped."""
    found = []
    for note in _NOTE.findall(text):
        with suppress(NoteInvalid):
            found.append(parse_checkpoint(note))
    return found


class Signers:
    """The public keys that may have signed a checkpoint, read once."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._public = [public_key_of(key) for key in keys]
        self._by_name: dict[str, dict[bytes, bytes]] = {}

    def check(self, checkpoint: Checkpoint) -> None:
        """Raise `NoteInvalid` unless one of the keys signed the note under its origin, and no signature of theirs is false."""
        text, lines = _parts(checkpoint.note)
        valid = 0
        for line in lines:
            name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
            signed = _decode(encoded)
            public = self._find(name, signed[:4]) if name == checkpoint.origin else None
            if public is None:
                continue  # of another party
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], text.encode())
            except InvalidSignature:
                raise NoteInvalid from None
            valid += 1
        if not valid:
            raise NoteInvalid

    def _find(self, name: str, key_id: bytes) -> bytes | None:
        if name not in self._by_name:
            self._by_name[name] = {_key_id(name, public): public for public in self._public}
        return self._by_name[name].get(key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A witness's signature of a checkpoint: its name, and the time in POSIX seconds."""

    name: str
    time: int


def check_cosignature(checkpoint: Checkpoint, witness: str) -> Cosignature:
    """Return the cosignature of a witness by its `vkey` (C2SP tlog-cosignature). Raises `NoteInvalid` without a valid one."""
    name, _, rest = witness.partition("+")
    content = _decode(rest.partition("+")[2])
    public = content[1:]
    if content[:1] != _COSIGNATURE or len(public) != _PUBLIC_BYTES or not _is_name(name):
        raise NoteInvalid
    text, lines = _parts(checkpoint.note)
    for line in lines:
        signer, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
        signed = _decode(encoded)
        if signer != name or signed[:4] != _key_id(name, public, _COSIGNATURE):
            continue
        time = int.from_bytes(signed[4:12], "big")
        message = f"cosignature/v1\ntime {time}\n{text}"
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signed[12:], message.encode())
        except InvalidSignature:
            raise NoteInvalid from None
        if time > _LATEST:
            raise NoteInvalid
        return Cosignature(name=name, time=time)
    raise NoteInvalid


def _is_name(text: str) -> bool:
    """Return whether a text is a signer's name; it is printed, so that it must not steer a terminal."""
    return text.isprintable() and _NAME.fullmatch(text) is not None


def _key_id(name: str, public: bytes, algorithm: bytes = _ED25519) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


def _parts(note: str) -> tuple[str, list[str]]:
    """Return the signed text and the lines of signatures."""
    if not isinstance(note, str):  # SQLite may have bytes or a number there
        raise NoteInvalid
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if len(note) > _MAX_NOTE or not separator or lines.pop() or not lines:
        raise NoteInvalid
    if not all(line.startswith(_SIGNATURE) for line in lines):
        raise NoteInvalid
    return text + "\n", lines


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteInvalid from None
