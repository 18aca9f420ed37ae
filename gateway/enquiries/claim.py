"""A claim about a citizen: its checks, its comparison with other claims, and its storage.

The checks refuse control and bidi characters and long runs of combining marks, which hide text from an officer;
zero-width characters, BOM and NBSP are only removed by folding. Dates are compared with today in Asia/Ho_Chi_Minh
(docs/registry.md). The raw length of a text is limited first (docs/decisions/0064).

A verification is reused for a claim whose fold is equal. The fold ignores NFC/NFD, case, spacing, zero-width characters,
look-alikes of đ, apostrophes, hyphens and the position of the tone (hoà/hòa). It keeps letters and diacritics, though the
registry ignores diacritics: with another letter it is another claim.

The store has a keyed MAC of the fold, under one of the accepted look-up keys, and the claim sealed under its own data key:
deleting the key deletes the claim (docs/decisions/0005). Look-up keys rotate, so a claim is searched under all of them,
and its rows are rekeyed before they are counted (`budgets.rekey`). The citizen's number is stored as the organisation's
pseudonyms of it (`Number`), and the person that a claim or a record is about as a *holder* of the number (`person_store.py`).
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from pydantic_core import to_json

from gateway.enquiries.model import Verification
from gateway.errors.requests import VerificationExpired
from gateway.identifiers import Profile, normalise
from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.sealing import seal_with_data_key, unseal_with_data_key
from gateway.registry.model import Claim, Record
from gateway.registry.model import fold_name as registry_name

EARLIEST_YEAR = 1875
MAX_NAME = 100
SHOWN_NAME = r"^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+$"
"""The pattern of a name in the OpenAPI document; `parse_full_name` refuses more."""

CITIZEN_ID = re.compile(r"[0-9]{12}")
ID_CARD = re.compile(r"[0-9]{9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_MARKS = 30
"""Limit of combining marks in a row: UAX #15 §12, Stream-Safe Text Format. No language needs as many."""

_REMOVED_BY_FOLD = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SHOWN = re.compile(r"[ -~\u00a0-\u00ac\u00ae-\u024f\u1e00-\u1eff]*")
"""Composed letters and signs of Latin, as nearly all names have them: none of them hides text or is a mark."""
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_citizen_id(text: str) -> str:
    """Return a 12-digit number. Raises `ValueError` with what is expected."""
    if not CITIZEN_ID.fullmatch(text):
        raise ValueError("12 digits, as printed on the card")
    return text


def parse_id_card_number(text: str) -> str:
    """Return a 9-digit number. Raises `ValueError` with what is expected."""
    if not ID_CARD.fullmatch(text):
        raise ValueError("9 digits, as printed on the card")
    return text


def parse_full_name(text: str) -> str:
    """Return a name of 1 to 100 composed characters, in a form that the registry accepts.

    Raises `ValueError` with what is expected.
    """
    composed = normalise("NFC", text, longest=MAX_NAME)  # first: it bounds the raw length
    refuse_hidden(text)
    if len(composed) > MAX_NAME:
        raise ValueError(f"at most {MAX_NAME} characters")
    if not any(character.isalpha() for character in registry_name(text)):
        raise ValueError(
            "letters of the Latin alphabet, with or without marks, and digits: at least one letter, at most 100 of both "
            "after the marks are removed"
        )
    return text


def parse_birth_date(text: str, *, today: date) -> date:
    """Return a date that exists and is not in the future. Raises `ValueError`."""
    if not _DATE.fullmatch(text):
        raise ValueError("a date written YYYY-MM-DD")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day that exists in the calendar") from None
    if day > today:
        raise ValueError("a day that is not in the future")
    if day.year < EARLIEST_YEAR:
        raise ValueError(f"a day in {EARLIEST_YEAR} or later")
    return day


def parse_birth_year(year: int, *, today: date) -> int:
    """Return a year from 1875 to this one. Raises `ValueError`."""
    if not EARLIEST_YEAR <= year <= today.year:
        raise ValueError(f"a year from {EARLIEST_YEAR} to this year")
    return year


def refuse_hidden(text: str) -> None:
    """Raise `ValueError` for characters that hide text from an officer, and for too many marks on one letter."""
    if _SHOWN.fullmatch(text):
        return
    marks = 0
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _REMOVED_BY_FOLD:
            raise ValueError("no control, bidirectional or unassigned characters")
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            raise ValueError(f"at most {MAX_MARKS} marks on one letter")


_INVISIBLE = dict.fromkeys(map(ord, _REMOVED_BY_FOLD))
_LOOK_ALIKES = str.maketrans(
    {"ð": "đ", "ɖ": "đ"}
    | dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_TONE = re.compile(f"[{_TONES}]")
_OPEN = re.compile(r"(?<!q)uy$|o[ae]$")
_LIKE_OPEN = re.compile(
    f"[^ -]*(?:[uùúũủụṹ][{_TONES}]*[yỳýỹỷỵ]|[oòóõỏọṍ][{_TONES}]*[aàáãảạeèéẽẻẹ])[{_TONES}]*(?![^ -])"
)
"""A syllable that may be open without its tones; `_OPEN` decides."""


def fold_name(name: str) -> str:
    """Return the fold of a name, which is equal for all spellings of the name."""
    visible = normalise("NFC", name, longest=MAX_NAME).translate(_INVISIBLE).lower().translate(_LOOK_ALIKES)
    return _LIKE_OPEN.sub(_put_tone_last, normalise("NFC", " ".join(visible.split()), longest=MAX_NAME))


def _put_tone_last(syllable: re.Match[str]) -> str:
    """Move the tone of an open oa, oe or uy to the end of the syllable.

    Closed syllables (hoàn) and qu- (quý) have only one spelling and are unchanged.
    """
    parts = normalise("NFD", syllable[0], longest=MAX_NAME)
    toneless = normalise("NFC", _TONE.sub("", parts), longest=MAX_NAME)
    return toneless + "".join(_TONE.findall(parts)) if _OPEN.search(toneless) else syllable[0]


def fold_claim(claim: Claim) -> str:
    """Return a claim as one text, in which a year differs from a date, and 9 digits from 12."""
    number = f"12:{claim.citizen_id}" if claim.citizen_id else f"9:{claim.id_card_number}"
    birth = f"day:{claim.birth_date.isoformat()}" if claim.birth_date else f"year:{claim.birth_year}"
    return f"{number}|{birth}|{fold_name(claim.full_name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimKeys:
    """The MACs of an organisation's claim: `current` under the serving look-up key, `others` under the other accepted ones.

    All accounts of an organisation have the same MACs, since they share the budget of a number.
    """

    profile: Profile
    organisation: str
    subject: str
    key_id: str
    current: str
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Return every MAC under which the claim may be stored."""
        return (self.current, *self.others)


def key_claim(keys: PlaceKeys, organisation: str, folded: str, *, subject: str, now: datetime) -> ClaimKeys:
    """Return the MACs of a claim's fold (`fold_claim`); `subject` is the pseudonym of its number."""
    text = f"claim|{organisation}|{folded}"
    serving, *others = keys.accepted(Purpose.LOOKUP, now)
    return ClaimKeys(
        profile=keys.profile,
        organisation=organisation,
        subject=subject,
        key_id=serving.kid,
        current=serving.mac(text),
        others=tuple(key.mac(text) for key in others),
    )


def seal_claim(keys: PlaceKeys, verification_id: str, claim: Claim, *, now: datetime) -> tuple[bytes, bytes]:
    """Return the sealed claim and its wrapped data key."""
    members = {
        "citizen_id": claim.citizen_id,
        "id_card_number": claim.id_card_number,
        "full_name": claim.full_name,
        "birth_date": claim.birth_date.isoformat() if claim.birth_date else None,
        "birth_year": claim.birth_year,
    }
    owner = f"verification/{verification_id}"
    return seal_with_data_key(keys, to_json(members), owner=owner, part="claim", now=now)


def open_claim(keys: PlaceKeys, verification: Verification) -> Claim:
    """Return the claim of a live verification.

    Raises:
        VerificationExpired: its data key is gone.
    """
    if verification.sealed_claim is None or verification.wrapped_key is None:
        raise VerificationExpired
    owner = f"verification/{verification.id}"
    plain = unseal_with_data_key(
        keys, verification.sealed_claim, verification.wrapped_key, owner=owner, part="claim"
    )
    members = json.loads(plain)
    born = members.pop("birth_date")
    return Claim(**members, birth_date=date.fromisoformat(born) if born else None)


CARD, TWELVE, ANY_HOLDER = "9-", "12-", ""
"""The prefix of a nine-digit number's holder and of a twelve-digit one's; every holder of a twelve-digit one, one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One organisation's pseudonyms of a citizen's number, one for each pseudonym key, the newest first."""

    profile: Profile
    organisation: str
    pseudonyms: tuple[str, ...]

    @property
    def stable(self) -> str:
        """Return the pseudonym under the oldest key, which no rotation changes."""
        return self.pseudonyms[-1]


def key_number(keys: PlaceKeys, organisation: str, number: str) -> Number:
    """Return the pseudonyms of a number of nine or twelve digits."""
    found = keys.pseudonyms("citizen", organisation, number)
    return Number(profile=keys.profile, organisation=organisation, pseudonyms=found)


def key_holder(keys: PlaceKeys, organisation: str, claim: Claim, number: str | None = None) -> str:
    """Return the holder: a digest of the claim's person together with a number, by default the claim's own.

    The name is folded as the registry compares it, and only the year of the birth date counts, so that each way to
    claim gives the same holder. Its prefix shows nine or twelve digits; no rotation changes it.
    """
    number = number or claim.number
    year = claim.birth_date.year if claim.birth_date else claim.birth_year
    found = keys.pseudonyms("holder", organisation, f"{number}|{year}|{claim.registry_name}")[-1]
    return f"{CARD if len(number) == 9 else TWELVE}{found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Two numbers of one person in one record: each with its holder."""

    card: Number
    card_holder: str
    person: Number
    person_holder: str


def join_numbers(keys: PlaceKeys, organisation: str, claim: Claim, record: Record) -> Joined | None:
    """Return both numbers of a record about the claim's person; None if it has only one."""
    if record.citizen_id is None or record.id_card_number is None:
        return None
    return Joined(
        card=key_number(keys, organisation, record.id_card_number),
        card_holder=key_holder(keys, organisation, claim, record.id_card_number),
        person=key_number(keys, organisation, record.citizen_id),
        person_holder=key_holder(keys, organisation, claim, record.citizen_id),
    )
