"""The Merkle tree of a log (RFC 9162 §2.1): its right edge, how it grows, and whether a leaf is in it.

The right edge, the roots of the perfect subtrees that make up the tree, is all that a witness keeps. A larger tree is consistent with
it exactly if the edge and the roots of the subtrees after it lead to the larger tree's root.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from witness.errors import NoteInvalid

EMPTY_ROOT = hashlib.sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A tree of `size` leaves, by the roots of its perfect subtrees, the largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.roots) != self.size.bit_count():
            raise ValueError(self.size)

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def subtrees_to(self, size: int) -> list[tuple[int, int]]:
        """Return (level, index) of the perfect subtrees of 2^level leaves from here to a tree of `size` leaves, in order."""
        found, at = [], self.size
        while at < size:
            level = (size - at).bit_length() - 1
            if at:
                level = min(level, (at & -at).bit_length() - 1)
            found.append((level, at >> level))
            at += 1 << level
        return found

    def grown(self, size: int, roots: Sequence[bytes]) -> "Edge":
        """Return the edge of the tree of `size` leaves, from the roots of `subtrees_to(size)`."""
        edge: list[tuple[int, bytes]] = []
        subtrees = [*Edge().subtrees_to(self.size), *self.subtrees_to(size)]
        for (level, _), root in zip(subtrees, [*self.roots, *roots], strict=True):
            edge.append((level, root))
            while len(edge) > 1 and edge[-1][0] == edge[-2][0]:
                (height, left), (_, right) = edge[-2:]
                edge[-2:] = [(height + 1, node_hash(left, right))]
        return Edge(size=size, roots=tuple(root for _, root in edge))


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over 2^n hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check the path of a leaf hash (RFC 9162 §2.1.3.2). Raises `NoteInvalid`."""
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise NoteInvalid("the path of hashes is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if not 0 <= index < size or last != 0 or found != root:
        raise NoteInvalid("the path of hashes doesn't lead to the checkpoint's root")
