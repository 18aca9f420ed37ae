"""The Merkle tree over the audit's rows: hashes, roots and proofs of RFC 9162 §2.1 (the same as RFC 6962's).

A `Frontier` has the roots of the perfect subtrees at the right edge, so that a tree of any size grows in O(log n) memory.
Proofs are built from subtree roots that the caller reads (`SubtreeRoot`), so that none reads the whole log.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence

TILE_HEIGHT = 8
"""Every subtree of 256^n leaves has its root stored: the hashes of C2SP tlog-tiles."""

EMPTY_ROOT = hashlib.sha256(b"").digest()

SubtreeRoot = Callable[[int, int], Awaitable[bytes]]
"""Returns the root of the perfect subtree of 2^level leaves that begins at leaf index × 2^level: (level, index)."""


class ProofInvalid(Exception):
    """A proof does not lead from its hashes to the root."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: its size and the roots of its perfect subtrees, the largest first.

    `completed` collects (level, index, root) of each subtree of 256^n leaves that new leaves complete, n ≥ 1.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        self.completed: list[tuple[int, int, bytes]] = []
        if len(self.hashes) != size.bit_count():
            raise ValueError(size)

    def append(self, leaf: bytes) -> None:
        """Add the next leaf by its hash."""
        size, level = self.size, 0
        while size & 1:
            leaf = hashlib.sha256(b"\x01" + self.hashes.pop() + leaf).digest()
            size >>= 1
            level += 1
            if level % TILE_HEIGHT == 0:
                self.completed.append((level // TILE_HEIGHT, size, leaf))
        self.hashes.append(leaf)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the next leaves by their hashes: as `append` for each of them, but a whole level of the tree at a time."""
        nodes, level = list(leaves), 0
        first = self.size  # the place of the first new node in its level
        right: list[bytes] = []
        completed: list[tuple[int, int, bytes]] = []
        self.size += len(nodes)
        while nodes:
            if first & 1:
                nodes.insert(0, self.hashes.pop())
            if len(nodes) & 1:
                right.append(nodes.pop())
            pairs = zip(nodes[::2], nodes[1::2], strict=True)
            nodes = [hashlib.sha256(b"\x01" + one + other).digest() for one, other in pairs]
            first >>= 1
            level += 1
            if level % TILE_HEIGHT == 0:
                completed += [(level // TILE_HEIGHT, first + n, node) for n, node in enumerate(nodes)]
        self.hashes += reversed(right)
        # In the order in which the leaves complete them.
        self.completed += sorted(
            completed, key=lambda each: ((each[1] + 1) << TILE_HEIGHT * each[0], each[0])
        )

    def root(self) -> bytes:
        """Return the tree's root."""
        return _fold(self.hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over subtree roots, the largest first."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


async def root_of(begin: int, end: int, subtree: SubtreeRoot) -> bytes:
    """Return the root over the leaves from `begin` to before `end`; `begin` is aligned to their subtree."""
    hashes, at = [], begin
    while at < end:
        level = (end - at).bit_length() - 1
        hashes.append(await subtree(level, at >> level))
        at += 1 << level
    return _fold(hashes)


async def prove_inclusion(index: int, size: int, subtree: SubtreeRoot) -> list[bytes]:
    """Return the audit path of a leaf in the tree of `size` leaves, from the leaf upwards (RFC 9162 §2.1.3.1).

    Raises `ValueError` for a leaf that is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError(index)
    path, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        left = index < middle
        path.append(await root_of(*((middle, end) if left else (begin, middle)), subtree))
        begin, end = (begin, middle) if left else (middle, end)
    return path[::-1]


async def prove_consistency(former: int, size: int, subtree: SubtreeRoot) -> list[bytes]:
    """Return the proof that the tree of `former` leaves is a prefix of that of `size` leaves (RFC 9162 §2.1.4.1).

    Raises `ValueError` unless 0 < former ≤ size.
    """
    if not 0 < former <= size:
        raise ValueError(former)
    path, begin, end, known = [], 0, size, True
    while former != end:
        middle = begin + _split(end - begin)
        if former <= middle:
            path.append(await root_of(middle, end, subtree))
            end = middle
        else:
            path.append(await root_of(begin, middle, subtree))
            begin, known = middle, False
    return ([] if known else [await root_of(begin, end, subtree)]) + path[::-1]


def _split(size: int) -> int:
    """Return the largest power of two below a size above one."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check an audit path (RFC 9162 §2.1.3.2). Raises `ProofInvalid`."""
    if not 0 <= index < size:
        raise ProofInvalid
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofInvalid
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last != 0 or found != root:
        raise ProofInvalid
