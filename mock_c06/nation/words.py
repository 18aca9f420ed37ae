"""Words by chance: `Lò*20 Vì*7 Lường` is three words, the first twenty times as likely as the last."""

from bisect import bisect_right
from itertools import accumulate

from mock_c06.nation.draws import Lots


class Words:
    """Words with their weights."""

    __slots__ = ("_cuts", "_words")

    def __init__(self, text: str) -> None:
        pairs = [entry.partition("*") for entry in text.split()]
        kept = [(word.replace("_", " "), int(weight or 1)) for word, _, weight in pairs]
        self._words = [word for word, weight in kept if weight]
        self._cuts = list(accumulate(weight for _, weight in kept if weight))

    def draw(self, lots: Lots, *, other_than: str = "") -> str:
        """Draw a word; the one after it where it is the word that is not wanted twice."""
        at = bisect_right(self._cuts, lots.take(self._cuts[-1]))
        if self._words[at] == other_than:
            at = (at + 1) % len(self._words)
        return self._words[at]
