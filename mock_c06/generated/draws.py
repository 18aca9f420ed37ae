"""Draw values that depend on the seed, the clan and the position alone: the same on every machine.

BLAKE2b under a key made of the seed; Python's own hashes and random numbers may differ between versions. One hash
serves all draws of a position: each purpose has its own slice of it. Only the values of the last clan are cached,
because one look-up reads the same relatives again and the next one reads another clan.
"""

from enum import IntEnum
from hashlib import blake2b
from struct import Struct
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LastClanCache(Generic[Key, Value]):
    """A cache that is cleared when another clan is read."""

    __slots__ = ("_clan", "_known")

    def __init__(self) -> None:
        self._clan = -1
        self._known: dict[Key, Value] = {}

    def of(self, clan: int) -> dict[Key, Value]:
        """Return the clan's cached values, to read and to extend."""
        if clan != self._clan:
            self._clan = clan
            self._known = {}
        return self._known


_MESSAGE = Struct(">QB")
_BYTES = 64
_SLICE = 46
_MASK = (1 << _SLICE) - 1


class Purpose(IntEnum):
    """The purpose of a draw. Each has its own slice of the hash, so that more draws for one purpose change no other."""

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
        # A cache of the last clan as `LastClanCache`, without its call: each record draws 20 times.
        self._clan = -1
        self._known: dict[int, int] = {}

    def draw(self, purpose: Purpose, clan: int, position: int) -> int:
        """Draw for a position in a clan; always the same."""
        if clan != self._clan:
            self._clan = clan
            self._known = {}
        drawn = self._known.get(position)
        if drawn is None:
            drawn = self._known[position] = self._hash(clan, position)
        return drawn >> purpose * _SLICE & _MASK

    def draw_of_all(self, what: PopulationPurpose, number: int = 0) -> int:
        """Draw for the whole population."""
        return self._hash(number, what)

    def _hash(self, number: int, position: int) -> int:
        drawn = self._keyed.copy()
        drawn.update(_MESSAGE.pack(number, position))
        return int.from_bytes(drawn.digest(), "big")
