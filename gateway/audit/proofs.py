"""Proofs about the audit's tree: a row is in it, and a smaller tree is a prefix of it; and the tiles that monitors read.

Hashes only: nobody learns an entry from them. A tree of any size up to the last checkpoint can be proved, since rows never
change. Source: RFC 9162 §2.1.3 and §2.1.4, C2SP tlog-tiles and tlog-proof.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.audit import tree_store
from gateway.audit.checkpoints import Checkpoint, parse_checkpoint
from gateway.audit.tree import (
    TILE_HEIGHT,
    ProofInvalid,
    prove_consistency,
    prove_inclusion,
    verify_inclusion,
)
from gateway.errors import FieldError
from gateway.errors.registry import ProofPending
from gateway.errors.requests import NotFound, RequestInvalid
from gateway.storage.database import Database

TILE_WIDTH = 1 << TILE_HEIGHT


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


async def prove_row(database: Database, row: int, *, size: int | None = None) -> tuple[Inclusion, Checkpoint]:
    """Return the proof that a row is in the tree of `size` rows, by default the last checkpoint's; and that checkpoint.

    Raises:
        RequestInvalid: no such row, or no tree of that size, under a checkpoint.
    """
    async with database.read(snapshot=True) as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
        reached = 0 if last is None else last.size
        if last is None or not 1 <= row <= reached:
            raise _refused("row", f"1 to {reached} is expected" if reached else "the audit has no rows yet")
        size = reached if size is None else size
        if not row <= size <= reached:
            raise _refused("tree_size", f"{row} to {reached} is expected")
        hashes = await prove_inclusion(row - 1, size, tree_store.subtree_reader(transaction))
        (leaf,) = await tree_store.list_leaves(transaction, after=row - 1, most=1)
    return Inclusion(row=row, size=size, leaf=leaf, hashes=hashes), parse_checkpoint(last.note)


async def prove_promise(database: Database, verification: str, *, cosigned: Checkpoint | None = None) -> str:
    """Return the C2SP tlog-proof of the entry that records a verification; its extra data is the entry's leaf hash.

    It is under the checkpoint that a witness has `cosigned`, if that has the row, else under the last one.

    Raises:
        ProofPending: no signed checkpoint has the entry yet.
    """
    async with database.read() as transaction:
        row = await tree_store.find_promised_row(transaction, verification)
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
    """
    async with database.read(snapshot=True) as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
        reached = 0 if last is None else last.size
        if not 1 <= former <= reached:
            raise _refused("from", f"1 to {reached} is expected")
        if not former <= size <= reached:
            raise _refused("to", f"{former} to {reached} is expected")
        return await prove_consistency(former, size, tree_store.subtree_reader(transaction))


async def read_tile(database: Database, *, level: int, index: int, width: int) -> bytes:
    """Return the first `width` hashes of a tile, 32 bytes each.

    Raises:
        NotFound: the signed tree has no such hashes.
    """
    async with database.read(snapshot=True) as transaction:
        last = await tree_store.find_last_checkpoint(transaction)
        complete = 0 if last is None else last.size >> (TILE_HEIGHT * level)
        if not 1 <= width <= TILE_WIDTH or index * TILE_WIDTH + width > complete:
            raise NotFound
        hashes = await tree_store.list_subtrees(
            transaction, level=level, after=index * TILE_WIDTH, most=width
        )
    return b"".join(hashes)


def _refused(field: str, detail: str) -> RequestInvalid:
    return RequestInvalid((FieldError(field=field, code="request_invalid", detail=detail),))


def encode(hashes: Sequence[bytes]) -> list[str]:
    """Return hashes in base64."""
    return [base64.b64encode(each).decode() for each in hashes]


def write_proof(found: Inclusion, checkpoint: Checkpoint) -> str:
    """Return a C2SP tlog-proof of a row under its checkpoint; the extra data is the row's leaf hash."""
    (leaf,) = encode([found.leaf])
    lines = ["c2sp.org/tlog-proof@v1", f"extra {leaf}", f"index {found.row - 1}", *encode(found.hashes)]
    return "\n".join(lines) + "\n\n" + checkpoint.note
