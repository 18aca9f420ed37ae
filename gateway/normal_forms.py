"""Unicode normal forms, made only of texts whose raw length is bounded first (threat 46, docs/decisions/0064).

Normalising sorts each run of combining marks, which costs the square of its length: 32,000 marks take a second.
The bound refuses no spelling of a text that is short enough. Nothing else here calls `unicodedata.normalize`.
Source: UAX #15 §11: one character decomposes to at most 4 code points.
"""

import unicodedata
from typing import Literal

MOST_PARTS = 4
"""Code points that one composed character may be written with."""


def refuse_long(text: str, *, longest: int) -> None:
    """Raise `ValueError` for a text of more code points than any spelling of `longest` composed characters has."""
    if len(text) > MOST_PARTS * longest:
        raise ValueError(f"at most {longest} characters")


def normalise(form: Literal["NFC", "NFD", "NFKD"], text: str, *, longest: int) -> str:
    """Return a text in a normal form; it may still be longer than `longest`. Raises as `refuse_long`."""
    refuse_long(text, longest=longest)
    return unicodedata.normalize(form, text)
