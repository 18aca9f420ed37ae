"""Chance that is no chance: what a clan and a place in it draw depends on the seed alone, on any machine.

BLAKE2b under a key made of the seed; nothing of Python's own hashes or random numbers, which may differ. One hash
serves all draws of a place: each purpose has its own slice of it.
"""

from enum import IntEnum
from hashlib import blake2b
from struct import Struct

from mock_c06.nation.memory import OfOneClan

_MESSAGE = Struct(">QB")
_BYTES = 64
_SLICE = 46
_MASK = (1 << _SLICE) - 1


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


class Draws:
    """All draws of one seed.

    A draw is a large number that is used up part by part: `left, drawn = divmod(left, below)` gives one of `below`
    numbers from 0, and 46 bits are ample for half a dozen.
    """

    def __init__(self, seed: str) -> None:
        key = blake2b(seed.encode(), digest_size=32, person=b"mock-c06 nation").digest()
        self._keyed = blake2b(digest_size=_BYTES, key=key)
        self._known: OfOneClan[int, int] = OfOneClan()

    def draw(self, purpose: Purpose, clan: int, position: int) -> int:
        """Draw for a place in a clan; the same whenever it is asked."""
        known = self._known.of(clan)
        drawn = known.get(position)
        if drawn is None:
            drawn = known[position] = self._hash(clan, position)
        return drawn >> purpose * _SLICE & _MASK

    def draw_of_all(self, what: Whole, number: int = 0) -> int:
        """Draw what belongs to no clan."""
        return self._hash(number, what)

    def _hash(self, number: int, position: int) -> int:
        drawn = self._keyed.copy()
        drawn.update(_MESSAGE.pack(number, position))
        return int.from_bytes(drawn.digest(), "big")
