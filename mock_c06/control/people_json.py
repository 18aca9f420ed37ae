"""People as the control face reads and writes them. A missing member keeps what the run already holds for that
number, else takes a default; a null clears. So `{"citizen_id": …, "alive": false}` is enough to let somebody die.

Refuses, naming the member: unknown members, malformed codes, a person without number, name or birth, and
members that contradict each other.
"""

import re
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mock_c06.control.values import Day, Flag, Whole, Words
from mock_c06.errors import PersonIncomplete
from mock_c06.population.model import Address, Kin, LifeStatus, Person

StatusName = Literal["living", "deceased", "missing", "cancelled"]
_CITIZEN_ID = r"^[0-9]{12}$"
_CARD = r"^[0-9]{9}$"
_UNKNOWN_GENDER = "0"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


def gender_code(written: Any) -> Any:
    """Take the word for the code: tests are written by people."""
    code = {"male": "1", "nam": "1", "female": "2", "nữ": "2"}.get(str(written).lower(), str(written))
    if re.fullmatch("[0-9]", code) is None:
        raise ValueError("write male, female or a code of one digit")
    return code


class AddressBody(_Body):
    """An address: GSO codes, words, country."""

    province_code: str | None = Field(default=None, pattern=r"^[0-9]{2}$")
    district_code: str | None = Field(default=None, pattern=r"^[0-9]{3}$")
    ward_code: str | None = Field(default=None, pattern=r"^[0-9]{5}$")
    detail: Words = ""
    country: str = Field(default="VN", pattern=r"^[A-Z]{2}$")


class KinBody(_Body):
    """A relative as a record names them."""

    full_name: str = Field(min_length=1, max_length=200)
    nationality: str = Field(default="VN", pattern=r"^[A-Z]{2}$")
    citizen_id: str | None = Field(default=None, pattern=_CITIZEN_ID)
    id_card_number: str | None = Field(default=None, pattern=_CARD)


class PersonBody(_Body):
    """A synthetic person, or a change to one."""

    citizen_id: str | None = Field(default=None, pattern=_CITIZEN_ID)
    id_card_number: str | None = Field(default=None, pattern=_CARD)
    full_name: str | None = Field(default=None, min_length=1, max_length=10_000)
    birth_date: Day | None = None
    birth_year: Whole | None = Field(default=None, ge=1, le=9999)
    gender: Annotated[str, BeforeValidator(gender_code)] | None = Field(default=None, pattern=r"^[0-9]$")
    ethnicity: str | None = Field(default=None, pattern=r"^[0-9]{2}$")
    religion: str | None = Field(default=None, pattern=r"^[0-9]{2}$")
    marital_status: str | None = Field(default=None, pattern=r"^[0-9]$")
    blood_type: str | None = Field(default=None, pattern=r"^[0-9]{2}$")
    nationality: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    birth_registration_place: AddressBody | None = None
    native_place: AddressBody | None = None
    permanent_residence: AddressBody | None = None
    current_residence: AddressBody | None = None
    father: KinBody | None = None
    mother: KinBody | None = None
    spouse: KinBody | None = None
    representative: KinBody | None = None
    household: Words | None = None
    relation_to_head: Words | None = None
    household_book: Words | None = None
    alive: Flag | None = None
    status: StatusName | None = None

    def key(self) -> str:
        """Say which person of a run this is about (see `person_key`)."""
        return self.citizen_id or f"cmnd:{self.id_card_number}"


class WorldBody(_Body):
    """People to add or change in a run."""

    people: list[PersonBody]


def make_person(body: PersonBody, known: Person | None) -> Person:
    """Make the person that the body means, on top of the known one; raises `PersonIncomplete`."""
    if body.citizen_id is None and body.id_card_number is None:
        raise PersonIncomplete("citizen_id", "a person needs citizen_id or id_card_number")
    if body.full_name is None and known is None:
        raise PersonIncomplete("full_name", "a new person needs a full name")
    given = body.model_fields_set
    values = {name: getattr(known, name) for name in Person.__dataclass_fields__} if known else {}
    values |= {name: _inner(getattr(body, name)) for name in given & set(Person.__dataclass_fields__)}
    values |= _birth(body, known) | {"status": _status(body, known)}
    values.setdefault("citizen_id", None)
    values["gender"] = values.get("gender") or _gender_of(body.citizen_id)
    absent = {name for name, value in values.items() if value is None and name in _NEVER_NULL}
    return Person(**{name: value for name, value in values.items() if name not in absent})


_NEVER_NULL = {"ethnicity", "religion", "marital_status", "blood_type", "nationality"}


def _inner(value: Any) -> Any:
    match value:
        case AddressBody():
            return Address(**value.model_dump())
        case KinBody():
            return Kin(**value.model_dump())
    return value


def _birth(body: PersonBody, known: Person | None) -> dict[str, Any]:
    """Give both members of a birth: the year follows the date, and a year alone clears the date."""
    if body.birth_date is not None:
        if body.birth_year not in {None, body.birth_date.year}:
            raise PersonIncomplete("birth_year", "differs from the year of birth_date")
        return {"birth_date": body.birth_date, "birth_year": body.birth_date.year}
    if body.birth_year is not None:
        return {"birth_date": None, "birth_year": body.birth_year}
    if known is None:
        raise PersonIncomplete("birth_date", "a new person needs birth_date or birth_year")
    return {"birth_date": known.birth_date, "birth_year": known.birth_year}


def _status(body: PersonBody, known: Person | None) -> LifeStatus:
    """Give the life status: `status` is exact, `alive` alone moves between living and deceased."""
    if body.status is not None:
        status = LifeStatus[body.status.upper()]
        if body.alive is not None and body.alive is not is_alive(status):
            raise PersonIncomplete("alive", "contradicts status")
        return status
    before = known.status if known is not None else LifeStatus.LIVING
    if body.alive is None or body.alive is is_alive(before):
        return before
    return LifeStatus.LIVING if body.alive else LifeStatus.DECEASED


def is_alive(status: LifeStatus) -> bool:
    """Say whether a person counts as alive: everybody who isn't known to be dead."""
    return status is not LifeStatus.DECEASED


def _gender_of(citizen_id: str | None) -> str:
    """Read the gender out of the number's fourth digit: even is male, odd is female."""
    if citizen_id is None:
        return _UNKNOWN_GENDER
    return "2" if int(citizen_id[3]) % 2 else "1"


def person_json(person: Person) -> dict[str, Any]:
    """Write a person so that PUT takes them back unchanged."""
    return asdict(person) | {"status": person.status.name.lower(), "alive": is_alive(person.status)}
