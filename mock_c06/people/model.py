"""A person of the registry. Synthetic only; codes are those of the wire (openapi/c06.xsd)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mock_c06.unfrozen import unfrozen

YEARS_TO_PARENT = 15
"""No parent is less than so many years older than the child (rules.py says why)."""

HEAD_OF_HOUSEHOLD = "CH01"


class LifeStatus(StrEnum):
    """`TrangThai` (a guess, see the parity ledger)."""

    LIVING = "1"
    DECEASED = "2"
    MISSING = "3"
    CANCELLED = "4"


NEVER_CONFIRMED = {LifeStatus.DECEASED, LifeStatus.CANCELLED}
"""A yes/no question about such a person is answered no, unless an account's switch says otherwise."""


@unfrozen
class Address:
    """GSO codes (2, 3 and 5 digits; no district in units since July 2025), words, country."""

    province_code: str | None = None
    district_code: str | None = None
    ward_code: str | None = None
    detail: str = ""
    country: str = "VN"


@unfrozen
class Kin:
    """A relative as another person's record names them, without birth year."""

    full_name: str
    nationality: str = "VN"
    citizen_id: str | None = None
    id_card_number: str | None = None


@unfrozen
class Person:
    """One synthetic person. At least one number is set; `birth_date` is None if only the year is known.

    `full_name` is in everyday case with diacritics; faces write it in upper case. `gender` is 1, 2 or 0;
    `ethnicity` is in QĐ 121 order, two digits; `religion`, `marital_status`, `blood_type` as in domain tables
    ("00" or "0" for unknown). `household` is a key shared by its members.
    """

    citizen_id: str | None
    id_card_number: str | None = None
    full_name: str
    gender: str
    birth_date: date | None
    birth_year: int
    ethnicity: str = "01"
    religion: str = "00"
    marital_status: str = "0"
    blood_type: str = "00"
    nationality: str = "VN"
    birth_registration_place: Address | None = None
    native_place: Address | None = None
    permanent_residence: Address | None = None
    current_residence: Address | None = None
    father: Kin | None = None
    mother: Kin | None = None
    spouse: Kin | None = None
    representative: Kin | None = None
    household: str | None = None
    relation_to_head: str | None = None
    household_book: str | None = None
    status: LifeStatus = LifeStatus.LIVING


def person_key(person: Person | Kin) -> str:
    """Return the key of a person, which changes do not alter: the twelve digits, or else the nine."""
    return person.citizen_id or f"cmnd:{person.id_card_number}"


def key_of_kin(kin: Kin | None) -> str | None:
    """Return the key of a relative (see `person_key`), None if the record gives no number."""
    if kin is None or not (kin.citizen_id or kin.id_card_number):
        return None
    return person_key(kin)


def parents_of(person: Person) -> set[str]:
    """Return the keys of the parents that a record names by number."""
    return {key for kin in (person.father, person.mother) if (key := key_of_kin(kin)) is not None}


@unfrozen
class Claim:
    """What a caller states of one person: a number, the name, and the date or the year of birth."""

    citizen_id: str | None = None
    id_card_number: str | None = None
    full_name: str
    birth_date: date | None = None
    birth_year: int | None = None

    @property
    def number(self) -> str | None:
        """The number that the caller asks by."""
        return self.citizen_id or self.id_card_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A hand-made person of the catalogue, with a slug and the reason why the persona exists.

    `why` is English, `why_vi` says the same in Vietnamese.
    `confirmed` is the right answer to a yes/no question with this person's own data. `theme` is the data file.
    `legacy_mismatch`: the number contradicts gender or year on purpose; `unit_mismatch`: an address contradicts its
    code on purpose. `same_human_as`: the slug of the same human's other record.
    """

    slug: str
    why: str
    why_vi: str
    person: Person
    confirmed: bool
    theme: str = ""
    legacy_mismatch: bool = False
    unit_mismatch: bool = False
    same_human_as: str | None = None
