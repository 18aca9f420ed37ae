"""Signed checkpoints of the audit's tree, as notes that anyone can check with the public key; and the proofs under them.

Source: C2SP tlog-checkpoint and signed-note (Ed25519, c2sp.org/tlog-checkpoint). The origin, which is also the name of every
key, is that of the first checkpoint: the gateway's first public address. Text of extensions and signatures of others, such
as a witness, are kept out of what is stored and are skipped in what is read.

A proof shows that a row is in the tree of a checkpoint, or that a smaller tree is a prefix of it; monitors read tiles. These
have hashes only: nobody learns an entry from them. A tree of any size up to the last checkpoint can be proved, since rows
never change. Source: RFC 9162 §2.1.3 and §2.1.4, C2SP tlog-tiles and tlog-proof.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit import tree_store
from gateway.audit.store import find_promised_row
from gateway.audit.tree import (
    TILE_HEIGHT,
    ProofInvalid,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_inclusion,
)
from gateway.errors.operators import AuditBroken
from gateway.errors.requests import NotFound, ProofPending, RequestInvalid
from gateway.identifiers import parse_witness_key
from gateway.keys.model import Key
from gateway.storage.database import Database, Transaction

_ED25519, _COSIGNATURE = b"\x01", b"\x04"
_MAX_NOTE = 16_384
_SIGNATURE = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]{1,200}")
_LATEST = 253_402_300_799
"""The last second of the year 9999: later times can't be shown."""
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_SIGNATURES = r"\n(?:\N{EM DASH} [^\n]{1,8000}\n){1,32}"
_NOTE = re.compile(r"^(?:[^\n]{1,1000}\n){3,16}" + _SIGNATURES, re.MULTILINE)
_PLAIN_NOTE = re.compile(r"^(?:[^\n]{1,1000}\n){3}" + _SIGNATURES, re.MULTILINE)
"""Without text of extensions, as the gateway writes it: half a note before it is not read as the first lines of its text."""


TILE_WIDTH = 1 << TILE_HEIGHT


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


def find_only_notes(text: str) -> list[Checkpoint]:
    """Return the checkpoints of a text that has notes one after another and nothing else; else none."""
    text = text.rstrip() + "\n"
    try:
        found = [parse_checkpoint(note) for note in _PLAIN_NOTE.findall(text)]
    except NoteInvalid:
        return []
    return [] if _PLAIN_NOTE.sub("", text).strip() else found


def signer_ids(checkpoint: Checkpoint) -> set[bytes]:
    """Return the ids of the keys that a note names as signers under its origin; the signatures are not checked."""
    found = set[bytes]()
    for name, encoded in _parts(checkpoint.note)[1]:
        if name == checkpoint.origin:
            with suppress(NoteInvalid):
                found.add(_decode(encoded)[:4])
    return found


class Signers:
    """The public keys that may have signed a checkpoint, read once."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._public = [public_key_of(key) for key in keys]
        self._by_name: dict[str, dict[bytes, bytes]] = {}

    def check(self, checkpoint: Checkpoint) -> None:
        """Raise `NoteInvalid` unless one of the keys signed the note under its origin, and no signature of theirs is false."""
        text, signatures = _parts(checkpoint.note)
        valid = 0
        for name, encoded in signatures:
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

    def are_named(self, checkpoint: Checkpoint) -> bool:
        """Return whether the note names one of the keys as its signer; the signature is not checked."""
        return any(self._find(checkpoint.origin, each) is not None for each in signer_ids(checkpoint))

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
    try:
        name, public = parse_witness_key(witness)
    except ValueError:
        raise NoteInvalid from None
    text, signatures = _parts(checkpoint.note)
    for signer, encoded in signatures:
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


def _parts(note: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the signed text, and the signer's name and the encoded signature of each line after it."""
    try:  # SQLite may have bytes, a number or text that is no UTF-8 there
        note.encode()
    except (AttributeError, UnicodeEncodeError):
        raise NoteInvalid from None
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if len(note) > _MAX_NOTE or not separator or lines.pop() or not lines:
        raise NoteInvalid
    if not all(line.startswith(_SIGNATURE) for line in lines):
        raise NoteInvalid
    parted = (line.removeprefix(_SIGNATURE).partition(" ") for line in lines)
    return text + "\n", [(name, encoded) for name, _, encoded in parted]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteInvalid from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """The proof that a row is in the tree of `size` rows."""

    row: int
    size: int
    leaf: bytes
    hashes: Sequence[bytes]


async def find_checkpoint(database: Database) -> Checkpoint | None:
    """Return the last signed checkpoint; None before the first row. Raises `Overloaded`, `NoteInvalid`."""
    async with database.read() as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
    return None if last is None else parse_checkpoint(last.note)


async def find_intact_checkpoint(database: Database) -> Checkpoint | None:
    """As `find_checkpoint`. Raises `AuditBroken` for one that was changed."""
    async with database.read() as transaction:
        return await _find_intact(transaction)


async def _find_intact(transaction: Transaction) -> Checkpoint | None:
    last = await tree_store.find_last_checkpoint(transaction)
    if last is None:
        return None
    with suppress(NoteInvalid):
        found = parse_checkpoint(last.note)
        if found.size == last.size:
            return found
    raise AuditBroken("the last checkpoint was changed: gateway audit verify names it")


@contextmanager
def _reading_tree() -> Iterator[None]:
    """Raise `AuditBroken` if a stored hash is missing, or a proof does not lead to the signed root."""
    try:
        yield
    except (LookupError, ProofInvalid):
        raise AuditBroken(
            "the stored tree differs from the signed one: gateway audit verify names the bad row"
        ) from None


async def prove_row(database: Database, row: int, *, size: int | None = None) -> tuple[Inclusion, Checkpoint]:
    """Return the proof that a row is in the tree of `size` rows, by default the last checkpoint's; and that checkpoint.

    Raises:
        RequestInvalid: no such row, or no tree of that size, under a checkpoint.
        AuditBroken: the checkpoint or the tree was changed.
    """
    async with database.read(snapshot=True) as transaction:
        last = await _find_intact(transaction)
        reached = 0 if last is None else last.size
        if last is None or not 1 <= row <= reached:
            expected = f"from 1 to {reached}" if reached else "the audit has no rows yet"
            raise RequestInvalid.of("row", expected)
        size = reached if size is None else size
        if not row <= size <= reached:
            raise RequestInvalid.of("tree_size", f"from {row} to {reached}")
        with _reading_tree():
            hashes = await prove_inclusion(row - 1, size, tree_store.subtree_reader(transaction))
            leaf = (await tree_store.list_leaves(transaction, after=row - 1, most=1))[0]
            if size == reached:
                verify_inclusion(leaf, row - 1, size, hashes, last.root)
    return Inclusion(row=row, size=size, leaf=leaf, hashes=hashes), last


async def prove_promise(database: Database, verification: str, *, cosigned: Checkpoint | None = None) -> str:
    """Return the C2SP tlog-proof of the entry that records a verification; its extra data is the entry's leaf hash.

    It is under the checkpoint that a witness has `cosigned`, if that has the row, else under the last one.

    Raises:
        ProofPending: no signed checkpoint has the entry yet.
    """
    async with database.read() as transaction:
        row = await find_promised_row(transaction, verification)
    if row is None:
        raise ProofPending
    found, last = await prove_row(database, row)
    if cosigned is not None and cosigned.origin == last.origin and row <= cosigned.size <= last.size:
        under, _ = await prove_row(database, row, size=cosigned.size)
        with suppress(ProofInvalid):  # what the witness has is not this log
            verify_inclusion(under.leaf, row - 1, under.size, under.hashes, cosigned.root)
            return write_proof(under, cosigned)
    return write_proof(found, last)


async def prove_prefix(database: Database, *, former: int, size: int) -> list[bytes]:
    """Return the proof that the tree of `former` rows is a prefix of the tree of `size` rows.

    Raises:
        RequestInvalid: not 1 ≤ former ≤ size ≤ the last checkpoint's size.
        AuditBroken: the checkpoint or the tree was changed.
    """
    async with database.read(snapshot=True) as transaction:
        last = await _find_intact(transaction)
        reached = 0 if last is None else last.size
        if not 1 <= former <= reached:
            raise RequestInvalid.of("from", f"from 1 to {reached}")
        if not former <= size <= reached:
            raise RequestInvalid.of("to", f"from {former} to {reached}")
        with _reading_tree():
            return await prove_consistency(former, size, tree_store.subtree_reader(transaction))


async def count_later(database: Database, checkpoint: Checkpoint) -> int:
    """Return how many signed rows the log has after a checkpoint. Raises `AuditBroken` if its rows up to there are others."""
    async with database.read(snapshot=True) as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
        if last is not None and checkpoint.size <= last.size:
            with _reading_tree():
                root = await root_of(0, checkpoint.size, tree_store.subtree_reader(transaction))
            if root == checkpoint.root:
                return last.size - checkpoint.size
    raise AuditBroken(
        f"the log differs from the checkpoint at row {checkpoint.size}: gateway audit verify names the bad row"
    )


async def read_tile(database: Database, *, level: int, index: int, width: int) -> bytes:
    """Return the first `width` hashes of a tile, 32 bytes each.

    Raises:
        NotFound: the signed tree has no such hashes.
        AuditBroken: the checkpoint or the tree was changed.
    """
    async with database.read(snapshot=True) as transaction:
        last = await _find_intact(transaction)
        complete = 0 if last is None else last.size >> (TILE_HEIGHT * level)
        if not 1 <= width <= TILE_WIDTH or index * TILE_WIDTH + width > complete:
            raise NotFound
        hashes = await tree_store.list_subtrees(
            transaction, level=level, after=index * TILE_WIDTH, most=width
        )
    with _reading_tree():
        if [len(each) for each in hashes] != [hashlib.sha256().digest_size] * width:
            raise LookupError(level, index)
    return b"".join(hashes)


def encode(hashes: Sequence[bytes]) -> list[str]:
    """Return hashes in base64."""
    return [base64.b64encode(each).decode() for each in hashes]


def write_proof(found: Inclusion, checkpoint: Checkpoint) -> str:
    """Return a C2SP tlog-proof of a row under its checkpoint; the extra data is the row's leaf hash."""
    (leaf,) = encode([found.leaf])
    lines = ["c2sp.org/tlog-proof@v1", f"extra {leaf}", f"index {found.row - 1}", *encode(found.hashes)]
    return "\n".join(lines) + "\n\n" + checkpoint.note
