"""Chance that is no chance: what a clan and a place in it draw depends on the seed alone, on any machine.

BLAKE2b under a key made of the seed; nothing of Python's own hashes or random numbers, which may differ. One hash
serves all draws of a place: each purpose has its own slice of it.
"""

from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

_MESSAGE = Struct(">QB")
_BYTES = 64
_SLICE = 46
_MASK = (1 << _SLICE) - 1
_KEPT = 1024


class Purpose(IntEnum):
    """What is drawn for. Each has a slice of its own, so that one more draw of one changes no other."""

    LIFE = 0
    NAME = 1
    SURNAME = 2
    PEOPLE = 3
    HOME = 4
    BIRTHPLACE = 5
    NATIVE = 6
    COUPLE = 7
    FAITH = 8
    RECORDED = 9
    KIN = 10


class Whole(IntEnum):
    """What is drawn for a population as a whole; places above those of a clan's records and houses."""

    SHUFFLE_LEFT = 251
    SHUFFLE_RIGHT = 252
    CARD = 253
    SAMPLE = 254


class Lots:
    """A large number that is used up draw by draw: 46 bits are ample for half a dozen."""

    __slots__ = ("_left",)

    def __init__(self, number: int) -> None:
        self._left = number

    def take(self, below: int) -> int:
        """Draw one of `below` numbers, from 0."""
        self._left, drawn = divmod(self._left, below)
        return drawn


class Draws:
    """All draws of one seed."""

    def __init__(self, seed: str) -> None:
        key = blake2b(seed.encode(), digest_size=32, person=b"mock-c06 nation").digest()
        self._keyed = blake2b(digest_size=_BYTES, key=key)
        # One look-up asks for the same few places again and again.
        self._kept = lru_cache(maxsize=_KEPT)(self._hash)

    def lots(self, purpose: Purpose, clan: int, position: int) -> Lots:
        """Give the lots of a place in a clan; the same whenever it is asked."""
        return Lots(self._kept(clan, position) >> purpose * _SLICE & _MASK)

    def lots_of_all(self, what: Whole, number: int = 0) -> Lots:
        """Give lots that belong to no clan."""
        return Lots(self._hash(number, what))

    def _hash(self, number: int, position: int) -> int:
        drawn = self._keyed.copy()
        drawn.update(_MESSAGE.pack(number, position))
        return int.from_bytes(drawn.digest(), "big")
