"""What is asked of the registry and what it answers, in our words, and the Protocol between.

Refuses nothing itself: reading is `records.py`'s, the last check before a packet `guard.py`'s. Source: docs/registry.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Protocol

from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.registry.connection import Owner


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim:
    """What a citizen claims: one number (12 digits, else 9), a name, and a full date or a year.

    Exactly one of `citizen_id` and `id_card_number`, and one of `birth_date` and `birth_year`, is set.
    """

    citizen_id: str | None = None
    id_card_number: str | None = None
    full_name: str
    birth_date: date | None = None
    birth_year: int | None = None

    def __repr__(self) -> str:
        return "Claim(…)"


async def leave_at_once() -> None:
    """Keep no packet back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One packet to be sent: it carries its profile and revision, so that it can't leave through another's door.

    `request_code` is unique per account (at most 40 characters); `deadline` is on the clock's
    monotonic scale and covers all attempts. `may_leave` is awaited directly before each attempt's packet: what it
    raises keeps the packet back, and is raised.
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
    may_leave: Callable[[], Awaitable[None]] = field(default=leave_at_once, compare=False, repr=False)

    @property
    def owner(self) -> Owner:
        """Return by whose connection alone it may leave."""
        return Owner(self.profile, self.revision)


class LifeStatus(Enum):
    """The registry's word on a person's state."""

    LIVING = "living"
    DECEASED = "deceased"
    MISSING = "missing"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """An address as answered: GSO codes (2, 3, 5 digits; any may be absent), words, ISO country."""

    province_code: str | None = None
    district_code: str | None = None
    ward_code: str | None = None
    detail: str | None = None
    country: str | None = None

    def __repr__(self) -> str:
        return "Address(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Relative:
    """A relative or household member: name, birth year where given, relation code in a household."""

    full_name: str
    birth_year: int | None = None
    relation: str | None = None

    def __repr__(self) -> str:
        return "Relative(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Record:
    """A person as the registry holds them; absent or empty on the wire is None here."""

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

    def __repr__(self) -> str:
        return "Record(…)"


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one person, and the right one."""

    record: Record


@dataclass(frozen=True, slots=True)
class NobodyFound:
    """The registry knows nobody by this number, name and date together; it never says which differs."""


class Registry(Protocol):
    """The registry behind one profile."""

    @property
    def profile(self) -> Profile:
        """The only profile whose questions may pass."""
        ...

    async def confirm(self, question: Question) -> bool:
        """Ask yes or no (`Operation.AUTHENTICATE`); raises `RegistryError`."""
        ...

    async def find_record(self, question: Question) -> Found | NobodyFound:
        """Ask for the part of a record that `question.operation` brings; raises `RegistryError`."""
        ...

    async def aclose(self) -> None:
        """Close the outbound client."""
        ...
