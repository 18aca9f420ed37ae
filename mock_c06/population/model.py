"""A person as the registry holds one. Synthetic only; codes are the wire's own (openapi/c06.xsd)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mock_c06.light import light_value


class LifeStatus(StrEnum):
    """`TrangThai` (a guess, see the parity ledger)."""

    LIVING = "1"
    DECEASED = "2"
    MISSING = "3"
    CANCELLED = "4"


@light_value
class Address:
    """GSO codes (2, 3 and 5 digits; the district absent in units since July 2025), words, country."""

    province_code: str | None = None
    district_code: str | None = None
    ward_code: str | None = None
    detail: str = ""
    country: str = "VN"


@light_value
class Kin:
    """A relative as another person's record names them: no birth year."""

    full_name: str
    nationality: str = "VN"
    citizen_id: str | None = None
    id_card_number: str | None = None


@light_value
class Person:
    """One synthetic person. At least one number is set; `birth_date` is None where only the year is known.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A hand-made person of the catalogue: a slug to call them by and the reason why they exist.

    `confirmed` is what a yes/no question about exactly this person's own data must answer. `theme` is the data
    file it lives in. `legacy_mismatch`: the number contradicts gender or year on purpose; `unit_mismatch`: an
    address contradicts its code on purpose. `same_human_as`: the slug of the same human's other record.
    """

    slug: str
    why: str
    person: Person
    confirmed: bool
    theme: str = ""
    legacy_mismatch: bool = False
    unit_mismatch: bool = False
    same_human_as: str | None = None
