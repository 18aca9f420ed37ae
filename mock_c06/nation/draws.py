"""Chance that is no chance: what a clan and a place in it draw depends on the seed alone, on any machine.

BLAKE2b under a key made of the seed; nothing of Python's own hashes or random numbers, which may differ.
"""

from enum import IntEnum
from hashlib import blake2b
from struct import Struct

_MESSAGE = Struct(">BQB")
_BYTES = 32


class Purpose(IntEnum):
    """What is drawn for. Each has a stream of its own, so that one more draw of one changes no other."""

    LIFE = 1
    NAME = 2
    PEOPLE = 3
    HOME = 4
    BIRTHPLACE = 5
    COUPLE = 6
    KIN = 7
    SHUFFLE = 8
    CARD = 9
    SAMPLE = 10
    SURNAME = 11
    FAITH = 12
    NATIVE = 13
    RECORDED = 14


class Lots:
    """A large number that is used up draw by draw; its 256 bits are ample for a dozen."""

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

    def lots(self, purpose: Purpose, clan: int, position: int) -> Lots:
        """Give the lots of a place in a clan; the same whenever it is asked."""
        drawn = self._keyed.copy()
        drawn.update(_MESSAGE.pack(purpose, clan, position))
        return Lots(int.from_bytes(drawn.digest(), "big"))
