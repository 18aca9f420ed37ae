"""Unicode normal forms of texts whose length is limited first: sorting a run of marks costs the square of its length.

Only this file calls `unicodedata.normalize`. Source: UAX #15 §11: one character decomposes to at most 4 code points.
"""

import unicodedata

_MAX_CODE_POINTS = 4
_LONGEST_SEARCH = 200


def compose(text: str, *, longest: int) -> str:
    """Return a text in NFC; one that no spelling makes as short as `longest` is returned as it is."""
    return text if len(text) > _MAX_CODE_POINTS * longest else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return the first 200 characters of a text in lower case without tone marks."""
    lower = text[:_LONGEST_SEARCH].lower().replace("đ", "d")
    plain = unicodedata.normalize("NFD", lower)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
