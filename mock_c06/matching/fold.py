"""Fold a name to the form C06 most likely compares: `NGUYENVANAN`.

Sees no difference of case, diacritic, tone place, spacing, apostrophe, hyphen or Unicode form; does see
every letter, so i/y and a missing middle name stay apart. Refuses to guess at letters and digits outside the
Latin alphabet, and at names of more than 400 code points: such a name folds to nothing, which matches nobody, instead
of to what is left of it.
Source: three public integrations build exactly this form; the server's own rule is not published, so
this is an inference (parity ledger).
"""

import unicodedata

LONGEST = 400
"""Code points: 100 letters, each written with four. Sorting a run of marks costs the square of its length."""

# These do not decompose, so stripping marks leaves them alone: Đ, Icelandic Ð, African Ɖ, each often typed for Đ.
_STROKED = frozenset("\u0110\u00d0\u0189")
# Latin letters and their marks stand before it; nothing is kept of what stands behind, so the table stays small.
_LAST_OF_NAMES = 0x2000

# Apostrophes that Unicode counts as letters (the others are punctuation, and fall away as such).
_LETTER_APOSTROPHES = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\ua78b\ua78c"
)


def fold_name(text: str) -> str:
    """Give the name in `[A-Z0-9]` alone, or "" where it has none or has a letter that cannot be folded."""
    if text.isascii() and text.isalnum():
        return text.upper()
    if len(text) > LONGEST:
        return ""
    # Twice: upper-casing may compose anew, and decomposing first makes NFC and NFD one from the start. By way of lower
    # case: ß and ẞ are one letter, and only ß has capitals, SS.
    upper = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).lower().upper())
    folded = upper.translate(_FOLDS)
    return folded if folded.isascii() else ""


class _Folds(dict[int, str | None]):
    """What becomes of a character: itself, D, or None where it doesn't count. Looked up once, and kept."""

    def __missing__(self, code: int) -> str | None:
        kept = _fold(chr(code))
        if code < _LAST_OF_NAMES:
            self[code] = kept
        return kept


def _fold(character: str) -> str | None:
    if character in _STROKED:
        return "D"
    counts = character not in _LETTER_APOSTROPHES and unicodedata.category(character)[0] in {"L", "N"}
    return character if counts else None


_FOLDS = _Folds()
