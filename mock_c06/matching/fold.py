"""Fold a name to the form C06 most likely compares: `NGUYENVANAN`.

Ignores case, diacritics, the position of tone marks, spaces, apostrophes, hyphens and the Unicode form; keeps every
letter, so i and y, and a name with and without a middle name, stay different. A name with letters or digits outside
the Latin alphabet, or of more than 400 code points, folds to nothing, which matches nobody. Source: three public
integrations build exactly this form; the server's own rule is not published, so this is an inference (parity ledger).
"""

import unicodedata

LONGEST = 400
"""Code points: 100 letters, each with three marks. Sorting a sequence of marks costs the square of its length."""

# These do not decompose, so stripping marks leaves them alone: Đ, Icelandic Ð, African Ɖ, each often typed for Đ.
_STROKED = frozenset("\u0110\u00d0\u0189")
# Latin letters and their marks are below it; characters above it are not cached, so the table stays small.
_LAST_OF_NAMES = 0x2000

# Apostrophes that Unicode counts as letters (the others are punctuation, which is dropped).
_LETTER_APOSTROPHES = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\ua78b\ua78c"
)


def fold_name(text: str) -> str:
    """Return the name in `[A-Z0-9]` alone, or "" if nothing is left or a letter cannot be folded."""
    if text.isascii() and text.isalnum():
        return text.upper()
    if len(text) > LONGEST:
        return ""
    # Decomposed twice: upper-casing may compose again, and NFC and NFD must be equal before it. By way of lower
    # case: ß and ẞ are one letter, and only ß has capitals, SS.
    upper = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).lower().upper())
    folded = upper.translate(_FOLDS)
    return folded if folded.isascii() else ""


def fold_words(text: str) -> str:
    """Return the first 400 characters of a text in lower case without tone marks, for a search."""
    plain = unicodedata.normalize("NFD", text[:LONGEST].lower().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


class _Folds(dict[int, str | None]):
    """The folded form of a character: itself, D, or None if it is dropped. Computed once, and cached."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold(chr(code))
        if code < _LAST_OF_NAMES:
            self[code] = folded
        return folded


def _fold(character: str) -> str | None:
    if character in _STROKED:
        return "D"
    counts = character not in _LETTER_APOSTROPHES and unicodedata.category(character)[0] in {"L", "N"}
    return character if counts else None


_FOLDS = _Folds()
