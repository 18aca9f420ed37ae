"""When are two claims the same? The folding under which a verification is reused.

Folds NFC/NFD, case, spacing, zero-width characters, look-alikes of đ, apostrophes, hyphens and tone placement
(hoà/hòa). Keeps every letter and diacritic: stricter than the registry, which sees none of them, so that
changing one letter is another claim. Source: docs/registry.md on names.
"""

import re

from gateway.normal_forms import normalise
from gateway.registry.model import Claim
from gateway.verifications.claims import MAX_NAME

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_LOOK_ALIKES = str.maketrans(
    {"ð": "đ", "ɖ": "đ"}
    | dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_TONE = re.compile(f"[{_TONES}]")
_OPEN = re.compile(r"(?<!q)uy$|o[ae]$")


def fold_name(name: str) -> str:
    """Return the form of a name under which spellings of one name are equal."""
    visible = normalise("NFC", name, longest=MAX_NAME).translate(_INVISIBLE).lower().translate(_LOOK_ALIKES)
    return " ".join(_fold_word(word) for word in visible.split())


def _fold_word(word: str) -> str:
    return "-".join(_fold_syllable(syllable) for syllable in word.split("-"))


def _fold_syllable(word: str) -> str:
    """Write the tone of an open oa, oe or uy behind the syllable, wherever it stood.

    Closed syllables (hoàn) and qu- (quý) have one spelling only and are left alone.
    """
    parts = normalise("NFD", word, longest=MAX_NAME)
    toneless = normalise("NFC", _TONE.sub("", parts), longest=MAX_NAME)
    if not _OPEN.search(toneless):
        return normalise("NFC", parts, longest=MAX_NAME)
    return toneless + "".join(_TONE.findall(parts))


def fold_claim(claim: Claim) -> str:
    """Return a claim as one text: a year is not a date, a 9-digit number not a 12-digit one."""
    number = f"12:{claim.citizen_id}" if claim.citizen_id else f"9:{claim.id_card_number}"
    birth = f"day:{claim.birth_date.isoformat()}" if claim.birth_date else f"year:{claim.birth_year}"
    return f"{number}|{birth}|{fold_name(claim.full_name)}"
