"""Decide whether a claim agrees with a person: number, folded name and birth, all three exact.

Does not look at life status (the wire answers for the dead and the cancelled) and does not say which part
differs (`control/explain_web.py` does, for the control face alone).

A name is compared in the form `NGUYENVANAN`. Folding ignores case, diacritics, the position of tone marks, spaces,
apostrophes, hyphens and the Unicode form; it keeps every letter, so i and y, and a name with and without a middle name,
stay different. A name with letters or digits outside the Latin alphabet, or of more than 400 code points, folds to
nothing, which matches nobody. Source: the specification's required fields and three public integrations, which build
exactly this form; C06's own rule is not published (parity ledger).
"""

import unicodedata

from mock_c06.accounts.model import AS_BUILT, Switches
from mock_c06.people.model import Claim, Person

LONGEST = 400
"""Code points: 100 letters, each with three marks. Sorting a sequence of marks costs the square of its length."""

# Unicode does not decompose these into D and a mark: Đ, Icelandic Ð, African Ɖ, each often typed for Đ.
_STROKED = frozenset("\u0110\u00d0\u0189")
# Latin letters and their marks have lower code points; higher ones are not cached, so the table stays small.
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


def matches(person: Person, claim: Claim, switches: Switches = AS_BUILT) -> bool:
    """Return whether every part agrees, as an account with these switches is answered.

    A part that the claim lacks never agrees. A date does not agree with a person known by year alone, nor a year with
    a date: `year_matches_date` compares the years of both. `exact_names` takes a name only in its folded form, as
    three known clients send it. `nine_digits_alone`: nine digits find nobody who has twelve.
    """
    return (
        number_agrees(person, claim, nine_digits_alone=switches.nine_digits_alone)
        and name_agrees(person, claim.full_name, exact=switches.exact_names)
        and birth_agrees(person, claim, year_matches_date=switches.year_matches_date)
    )


def number_agrees(person: Person, claim: Claim, *, nine_digits_alone: bool = False) -> bool:
    """Compare each number of the claim; a claim without a number does not agree."""
    if claim.citizen_id is None and (
        claim.id_card_number is None or (nine_digits_alone and person.citizen_id)
    ):
        return False
    numbers = {None, person.citizen_id}, {None, person.id_card_number}
    return claim.citizen_id in numbers[0] and claim.id_card_number in numbers[1]


def name_agrees(person: Person, full_name: str, *, exact: bool = False) -> bool:
    """Compare the folded names; a name that folds to nothing agrees with nobody. `exact`: do not fold the claim's."""
    folded = full_name if exact else fold_name(full_name)
    return folded != "" and folded == fold_name(person.full_name)


def birth_agrees(person: Person, claim: Claim, *, year_matches_date: bool) -> bool:
    """Compare a date with a date and a year with a year; under the switch also a date with a year."""
    if claim.birth_date is None:
        same_kind = person.birth_date is None or year_matches_date
        return same_kind and person.birth_year == claim.birth_year
    if claim.birth_year not in {None, claim.birth_date.year}:
        return False
    if person.birth_date is None:
        return year_matches_date and person.birth_year == claim.birth_date.year
    return person.birth_date == claim.birth_date
