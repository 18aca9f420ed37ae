"""Draw values that depend on the seed, the clan and the position alone: the same on every machine.

BLAKE2b under a key made of the seed; Python's own hashes and random numbers may differ between versions. One hash
serves all draws of a position: each purpose has its own slice of it. The clan keeps the hashes, because one look-up
draws for the same relatives again.
"""

from enum import IntEnum
from hashlib import blake2b
from struct import Struct

from mock_c06.generated.cells import Clan

_MESSAGE = Struct(">QB")
_BYTES = 64
_SLICE = 46
_MASK = (1 << _SLICE) - 1


class Purpose:
    """The purposes of draws. Each has its own slice of the hash, so that more draws for one purpose change no other.

    A purpose is the first bit of its slice. Plain numbers, because reading an enumeration's member is slow.
    """

    LIFE = 0
    NAME = 1 * _SLICE
    SURNAME = 2 * _SLICE
    PEOPLE = 3 * _SLICE
    HOME = 4 * _SLICE
    BIRTHPLACE = 5 * _SLICE
    NATIVE = 6 * _SLICE
    COUPLE = 7 * _SLICE
    FAITH = 8 * _SLICE
    RECORDED = 9 * _SLICE
    KIN = 10 * _SLICE


class PopulationPurpose(IntEnum):
    """The purpose of a draw for the whole population; the numbers are above a clan's positions and houses."""

    SHUFFLE_LEFT = 251
    SHUFFLE_RIGHT = 252
    CARD = 253
    SAMPLE = 254


class Draws:
    """All draws of one seed.

    A draw is a large number that is divided part by part: `left, drawn = divmod(left, below)` gives one of `below`
    numbers from 0, and 46 bits are ample for half a dozen.
    """

    def __init__(self, seed: str) -> None:
        key = blake2b(seed.encode(), digest_size=32, person=b"mock-c06 nation").digest()
        self._keyed = blake2b(digest_size=_BYTES, key=key)

    def draw(self, purpose: int, clan: Clan, position: int) -> int:
        """Draw for a position in a clan; always the same."""
        drawn = clan.drawn.get(position)
        if drawn is None:
            drawn = clan.drawn[position] = self._hash(clan.number, position)
        return drawn >> purpose & _MASK

    def draw_of_all(self, what: PopulationPurpose, number: int = 0) -> int:
        """Draw for the whole population."""
        return self._hash(number, what)

    def _hash(self, number: int, position: int) -> int:
        drawn = self._keyed.copy()
        drawn.update(_MESSAGE.pack(number, position))
        return int.from_bytes(drawn.digest(), "big")
