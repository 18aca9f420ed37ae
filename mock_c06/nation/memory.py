"""What was worked out for the clan that was asked about last, and for no other.

One look-up asks for the same few relatives again and again, the next one is about strangers: so nothing is kept from
one look-up to the next, and its cost hangs neither on how many people there are nor on who was asked for before.
"""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class OfOneClan(Generic[Key, Value]):
    """A table that is emptied when another clan is asked about."""

    __slots__ = ("_clan", "_known")

    def __init__(self) -> None:
        self._clan = -1
        self._known: dict[Key, Value] = {}

    def of(self, clan: int) -> dict[Key, Value]:
        """Give what is known of the clan, to read and to add to."""
        if clan != self._clan:
            self._clan = clan
            self._known = {}
        return self._known
