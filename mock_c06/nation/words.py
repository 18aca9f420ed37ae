"""Words by chance: `Lò*20 Vì*7 Lường` is three words, the first twenty times as likely as the last."""


class Words:
    """Words with their weights: a word of weight 20 has 20 places in a row."""

    __slots__ = ("_after", "_places")

    def __init__(self, text: str) -> None:
        pairs = [entry.partition("*") for entry in text.split()]
        kept = [(word.replace("_", " "), int(weight or 1)) for word, _, weight in pairs]
        self._places = [word for word, weight in kept for _ in range(weight)]
        words = [word for word, weight in kept if weight]
        self._after = dict(zip(words, (*words[1:], words[0]), strict=True))

    def draw(self, left: int, *, other_than: str = "") -> tuple[int, str]:
        """Draw a word, the one after it where it is the word that is not wanted twice; with what is left to draw from."""
        left, place = divmod(left, len(self._places))
        word = self._places[place]
        return left, self._after[word] if word == other_than else word
