"""The proof that a log has a row, as a file: checked offline with the public keys of the log and of witnesses.

Source: C2SP tlog-proof. Its extra data is the leaf hash, which proves nothing unless it is also what a receipt promises.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from witness.errors import NotCosigned, NoteInvalid
from witness.notes import (
    HASH_BYTES,
    MOST_NOTE,
    Algorithm,
    Checkpoint,
    Signed,
    VerifierKey,
    decode,
    find_signed,
    parse_checkpoint,
)
from witness.tree import verify_inclusion

HEAD = "c2sp.org/tlog-proof@v1"

_MOST_PATH = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The place of a leaf in the tree of a checkpoint, and the hashes from the leaf to the root; None without extra data."""

    leaf: bytes | None
    index: int
    path: Sequence[bytes]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A row that is in the tree of a checkpoint, and who signed this checkpoint."""

    row: int
    leaf: bytes
    checkpoint: Checkpoint
    signed: Sequence[Signed]


def parse_proof(text: str) -> Proof:
    """Read a proof; nothing in it is checked yet. Raises `NoteInvalid`."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > 2 * MOST_NOTE or not separator or lines.pop(0) != HEAD:
        raise NoteInvalid(f"not a proof; expected a file that begins with {HEAD}")
    leaf = None
    if lines and lines[0].startswith("extra "):
        leaf = decode(lines.pop(0).removeprefix("extra "))
    found = _INDEX.fullmatch(lines.pop(0)) if lines else None
    path = [decode(line) for line in lines]
    if found is None or len(path) > _MOST_PATH or any(len(each) != HASH_BYTES for each in path):
        raise NoteInvalid("not a proof; expected the row's index and its hashes")
    return Proof(leaf=leaf, index=int(found[1]), path=path, checkpoint=parse_checkpoint(note))


def verify_proof(proof: Proof, keys: Sequence[VerifierKey], *, leaf: bytes | None = None) -> Proved:
    """Check a proof against a checkpoint that a witness of `keys` cosigned.

    If one of `keys` is the log's, the log must have signed too. `leaf`: what a receipt promises; without it the leaf in the proof is checked.

    Raises:
        NotCosigned: no witness of `keys` signed it.
        NoteInvalid: names what else is wrong or missing.
    """
    checkpoint, leaf = proof.checkpoint, proof.leaf if leaf is None else leaf
    if leaf is None or len(leaf) != HASH_BYTES:
        raise NoteInvalid("the proof has no leaf hash; give the receipt too")
    if proof.leaf not in {None, leaf}:
        raise NoteInvalid("the proof is about another row than the receipt")
    signed = find_signed(checkpoint, keys)
    for algorithm, who in ((Algorithm.COSIGNATURE, "a witness"), (Algorithm.ED25519, "the log")):
        given = [key for key in keys if key.algorithm is algorithm]
        if not given and algorithm is Algorithm.COSIGNATURE:
            raise NoteInvalid("no key of a witness was given")
        if given and not any(each.key.algorithm is algorithm for each in signed):
            names = ", ".join(sorted({key.name for key in given}))
            refusal = NotCosigned if algorithm is Algorithm.COSIGNATURE else NoteInvalid
            raise refusal(f"the checkpoint is not signed by {who} whose key was given ({names})")
    verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root)
    return Proved(row=proof.index + 1, leaf=leaf, checkpoint=checkpoint, signed=signed)
