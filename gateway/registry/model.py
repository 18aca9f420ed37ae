"""Questions to the registry and its answers, in the gateway's own terms and as the contract shows them; names as it compares them.

Checks nothing but a claim's name: `records.py` checks answers, `egress.py` checks endpoints. Source: docs/registry.md.
"""

import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from typing import Any

from gateway.errors.requests import ClaimInvalid
from gateway.identifiers import MAX_CODE_POINTS, Profile, normalise
from gateway.procedures.model import Operation, address_value, code_value


class _Personal:
    """Values of a person, which never show in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


_BARRED_D = frozenset("Đ\u00d0\u0189")
# Apostrophes that Unicode counts as letters; the others are dropped as punctuation.
_LETTER_APOSTROPHES = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\ua78b\ua78c"
)
# Latin letters and their marks have lower code points; higher ones are not cached, so that the table stays small.
_LAST_OF_NAMES = 0x2000
_NAME_LIMIT = 100
_MAX_CAPITALS = 12
"""Code points that one character can become: four when decomposed, each with at most three capitals."""


def fold_name(full_name: str) -> str:
    """Return a name as three known clients send it: upper case, no marks, no spaces, only `[A-Z0-9]`.

    "" if a letter or digit is none of these even without its marks, if nothing is left, or if it is too long.
    """
    if len(full_name) > MAX_CODE_POINTS * _NAME_LIMIT:
        return ""
    # First to lower case: ß and ẞ are one letter (`enquiries/claim.py`), and only ß has the capitals SS.
    capitals = normalise("NFD", full_name, longest=_NAME_LIMIT).lower().upper()
    folded = normalise("NFD", capitals, longest=_MAX_CAPITALS * _NAME_LIMIT).translate(_FOLDS)
    return folded if folded.isascii() and len(folded) <= _NAME_LIMIT else ""


def is_same_name(answered: str, claimed: str) -> bool:
    """Return whether two names are equal once folded: the registry compares folded names."""
    folded = fold_name(answered)
    return folded != "" and folded == fold_name(claimed)


class _Folds(dict[int, str | None]):
    """Maps a code point to itself, to D, or to None if it is dropped; computed once.

    Keeps letters and digits that are not Latin, so that the name is refused: without them it would be another name.
    """

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        folded: str | None = None
        if character in _BARRED_D:
            folded = "D"
        elif character not in _LETTER_APOSTROPHES and unicodedata.category(character)[0] in {"L", "N"}:
            folded = character
        if code < _LAST_OF_NAMES:
            self[code] = folded
        return folded


_FOLDS = _Folds()

REFUSED_VALUE = "the registry does not accept this value"
"""The detail of a field's error."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Claim(_Personal):
    """What a citizen claims: one number (12 digits, else 9), a name, and a full date or a year.

    Exactly one of `citizen_id` and `id_card_number`, and one of `birth_date` and `birth_year`, is set.
    """

    citizen_id: str | None = None
    id_card_number: str | None = None
    full_name: str
    birth_date: date | None = None
    birth_year: int | None = None

    @cached_property
    def number(self) -> str:
        """Return the one number, of 12 or 9 digits."""
        return self.citizen_id or self.id_card_number or ""

    @cached_property
    def registry_name(self) -> str:
        """The name as the registry compares it (`fold_name`). Raises `ClaimInvalid` if the registry accepts no such name."""
        folded = fold_name(self.full_name)
        if not folded:
            raise ClaimInvalid.of("claim.full_name", REFUSED_VALUE)
        return folded


async def check_nothing() -> None:
    """Let the question be sent: the default of `Question.before_sending`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. A connection of another `profile` or `revision` refuses it.

    `request_code` is unique per account (at most 40 characters). `deadline` is in seconds of the monotonic clock and
    covers all attempts. `before_sending` is awaited directly before each attempt; if it raises, nothing is sent. `content`
    is the body as `dialects.write` wrote it for the connection; None: `dialects.ask` writes it. Questions of different
    `account`s take turns where they wait; empty for the gateway's own.
    """

    profile: Profile
    revision: int
    operation: Operation
    request_code: str
    procedure: str
    service_code: str
    officer: str
    claim: Claim
    deadline: float
    account: str = ""
    before_sending: Callable[[], Awaitable[None]] = field(default=check_nothing, compare=False, repr=False)
    content: bytes | None = field(default=None, compare=False, repr=False)


class LifeStatus(Enum):
    """Whether a person lives, is dead or missing, or the number was cancelled."""

    LIVING = "living"
    DECEASED = "deceased"
    MISSING = "missing"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address(_Personal):
    """An address in an answer: GSO codes (2, 3, 5 digits; any may be absent), a text, an ISO country code."""

    province_code: str | None = None
    district_code: str | None = None
    ward_code: str | None = None
    detail: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Relative(_Personal):
    """A relative or household member: the name, and the relation code in a household.

    `birth_year` is in the contract; no known answer of the registry has it, so it is always None.
    """

    full_name: str
    birth_year: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Record(_Personal):
    """A person's record; a value that is absent or empty in the answer is None."""

    as_of: datetime | None
    citizen_id: str | None
    id_card_number: str | None = None
    full_name: str | None = None
    gender: str | None = None
    ethnicity: str | None = None
    religion: str | None = None
    marital_status: str | None = None
    blood_type: str | None = None
    birth_date: date | None = None
    birth_year: int | None = None
    nationality: str | None = None
    birth_registration_place: Address | None = None
    native_place: Address | None = None
    permanent_residence: Address | None = None
    current_residence: Address | None = None
    father: Relative | None = None
    mother: Relative | None = None
    spouse: Relative | None = None
    representative: Relative | None = None
    household_head: Relative | None = None
    household_members: tuple[Relative, ...] = ()
    life_status: LifeStatus = LifeStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one person, who was checked to be the one asked about."""

    record: Record


@dataclass(frozen=True, slots=True)
class NobodyFound:
    """The registry has nobody with this number, name and date together; it never says which differs."""


_RELATION_LIST = "relation-mock"
_CODE_LISTS = {
    "gender": "gender",
    "ethnicity": "ethnic-qd121",
    "religion": "religion-portal",
    "nationality": "iso3166-1",
    "blood_type": "blood",
    "marital_status": "marital",
}


def value_of(field: str, record: Record) -> Any:
    """Return a record's field in the contract's form, None if the registry has no value.

    Returns only the name and birth year of a relative; a missing year is null, and is never taken from a number.
    """
    value: Any
    match found := getattr(record, field):
        case date():
            value = found.isoformat()
        case Address():
            value = address_value(
                found.province_code, found.district_code, found.ward_code, found.detail, found.country
            )
        case Relative() if field != "household_head":
            value = {"full_name": found.full_name, "birth_year": found.birth_year}
        case Relative():
            value = _member_value(found)
        case tuple():
            value = [_member_value(member) for member in found] or None
        case str() if field in _CODE_LISTS:
            value = code_value(found, _CODE_LISTS[field])
        case _:
            value = found
    return value


def _member_value(member: Relative) -> dict[str, Any]:
    relation = None if member.relation is None else code_value(member.relation, _RELATION_LIST)
    return {"full_name": member.full_name, "birth_year": member.birth_year, "relation": relation}
