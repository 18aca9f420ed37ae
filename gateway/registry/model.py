"""Questions to the registry and its answers, in the gateway's own terms and as the contract shows them; a client's protocol.

Checks nothing: `records.py` checks answers, `egress.py` checks endpoints. Source: docs/registry.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol

from gateway.identifiers import Profile
from gateway.procedures.fields import Operation, address_value, code_value


class _Personal:
    """Values of a person, which never show in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim(_Personal):
    """What a citizen claims: one number (12 digits, else 9), a name, and a full date or a year.

    Exactly one of `citizen_id` and `id_card_number`, and one of `birth_date` and `birth_year`, is set.
    """

    citizen_id: str | None = None
    id_card_number: str | None = None
    full_name: str
    birth_date: date | None = None
    birth_year: int | None = None


async def check_nothing() -> None:
    """Check nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. A connection of another `profile` or `revision` refuses it.

    `request_code` is unique per account (at most 40 characters); `deadline` is on the clock's monotonic scale and covers
    all attempts. `before_sending` is awaited directly before each attempt; if it raises, nothing is sent. `content` is the
    body as `dialects.write` wrote it for the connection; None: it is written when it is sent.
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
    """A relative or household member: name, birth year if given, relation code in a household."""

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


class Registry(Protocol):
    """The registry behind one profile."""

    @property
    def profile(self) -> Profile:
        """The profile whose questions this client sends."""
        ...

    async def confirm(self, question: Question) -> bool:
        """Ask yes or no (`Operation.AUTHENTICATE`); raises `RegistryError`."""
        ...

    async def find_record(self, question: Question) -> Found | NobodyFound:
        """Ask for the part of a record that `question.operation` returns; raises `RegistryError`."""
        ...

    async def aclose(self) -> None:
        """Close the transport."""
        ...


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
