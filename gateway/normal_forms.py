"""Unicode normal forms of texts, whose length is limited first (threat 46, docs/decisions/0064).

Normalisation sorts each run of combining marks in quadratic time: 32,000 marks take a second. The limit
allows every spelling of a text that is short enough. Only this file calls `unicodedata.normalize`.
Source: UAX #15 §11: one character decomposes to at most 4 code points.
"""

import unicodedata
from typing import Literal

MAX_CODE_POINTS = 4
"""Code points that one composed character may have."""


def refuse_long(text: str, *, longest: int) -> None:
    """Raise `ValueError` for a text with more code points than `longest` composed characters can have."""
    if len(text) > MAX_CODE_POINTS * longest:
        raise ValueError(f"at most {longest} characters")


def normalise(form: Literal["NFC", "NFD", "NFKD"], text: str, *, longest: int) -> str:
    """Return a text in a normal form; it may still be longer than `longest`. Raises as `refuse_long`."""
    if len(text) > MAX_CODE_POINTS * longest:  # inline: an enquiry normalises dozens of texts
        raise ValueError(f"at most {longest} characters")
    return unicodedata.normalize(form, text)
