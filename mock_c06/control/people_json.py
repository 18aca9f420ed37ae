"""People as the control face reads and writes them. A missing member keeps what the run already has for that number,
or else gets a default; a null clears. So `{"citizen_id": …, "alive": false}` is enough to make a person deceased.

Refuses, naming the member: unknown members, malformed codes, a person without number, name or birth, and
members that contradict each other.
"""

import re
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from mock_c06.bodies import BoundedText, ControlBody, Day, Flag, Integer
from mock_c06.errors import PersonIncomplete
from mock_c06.people.model import Address, Kin, LifeStatus, Person, Persona
from mock_c06.people.rules import gender_of

StatusName = Literal["living", "deceased", "missing", "cancelled"]
_CITIZEN_ID = r"^[0-9]{12}$"
_CARD = r"^[0-9]{9}$"
_UNKNOWN_GENDER = "0"


class _NumbersAsText(ControlBody):
    model_config = ConfigDict(coerce_numbers_to_str=True)


def gender_code(written: Any) -> Any:
    """Accept a word for the code, for the authors of tests."""
    code = {"male": "1", "nam": "1", "female": "2", "nữ": "2"}.get(str(written).lower(), str(written))
    if re.fullmatch("[0-9]", code) is None:
        raise ValueError("write male, female or a code of one digit")
    return code


class AddressBody(_NumbersAsText):
    """An address: GSO codes, words, country."""

    province_code: str | None = Field(default=None, pattern=r"^[0-9]{2}$")
    district_code: str | None = Field(default=None, pattern=r"^[0-9]{3}$")
    ward_code: str | None = Field(default=None, pattern=r"^[0-9]{5}$")
    detail: BoundedText = ""
    country: str = Field(default="VN", pattern=r"^[A-Z]{2}$")


class KinBody(_NumbersAsText):
    """A relative as a record names them."""

    full_name: str = Field(min_length=1, max_length=200)
    nationality: str = Field(default="VN", pattern=r"^[A-Z]{2}$")
    citizen_id: str | None = Field(default=None, pattern=_CITIZEN_ID)
    id_card_number: str | None = Field(default=None, pattern=_CARD)


class PersonBody(_NumbersAsText):
    """A synthetic person, or a change to one."""

    citizen_id: str | None = Field(default=None, pattern=_CITIZEN_ID)
    id_card_number: str | None = Field(default=None, pattern=_CARD)
    full_name: str | None = Field(default=None, min_length=1, max_length=10_000)
    birth_date: Day | None = None
    birth_year: Integer | None = Field(default=None, ge=1, le=9999)
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
    household: BoundedText | None = None
    relation_to_head: BoundedText | None = None
    household_book: BoundedText | None = None
    alive: Flag | None = None
    status: StatusName | None = None

    def key(self) -> str:
        """Return the key of the person (see `person_key`)."""
        return self.citizen_id or f"cmnd:{self.id_card_number}"


class WorldBody(_NumbersAsText):
    """People to add or change in a run."""

    people: list[PersonBody]


def make_person(body: PersonBody, known: Person | None) -> Person:
    """Make the person from the body and the known person; raises `PersonIncomplete`."""
    if body.citizen_id is None and body.id_card_number is None:
        raise PersonIncomplete("citizen_id", "a person needs citizen_id or id_card_number")
    if body.full_name is None and known is None:
        raise PersonIncomplete("full_name", "a new person needs a full name")
    given = body.model_fields_set
    values = {name: getattr(known, name) for name in Person.__dataclass_fields__} if known else {}
    values |= {name: _inner(getattr(body, name)) for name in given & set(Person.__dataclass_fields__)}
    values |= _birth(body, known) | {"status": _status(body, known)}
    values.setdefault("citizen_id", None)
    values["gender"] = values.get("gender") or (
        gender_of(body.citizen_id) if body.citizen_id else _UNKNOWN_GENDER
    )
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
    """Return date and year of birth: the year follows the date, and a year alone clears the date."""
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
    """Return the life status: `status` is exact, `alive` alone changes between living and deceased."""
    if body.status is not None:
        status = LifeStatus[body.status.upper()]
        if body.alive is not None and body.alive is not _is_alive(status):
            raise PersonIncomplete("alive", "contradicts status")
        return status
    before = known.status if known is not None else LifeStatus.LIVING
    if body.alive is None or body.alive is _is_alive(before):
        return before
    return LifeStatus.LIVING if body.alive else LifeStatus.DECEASED


def _is_alive(status: LifeStatus) -> bool:
    """Return whether a person counts as alive: every status but deceased."""
    return status is not LifeStatus.DECEASED


def person_json(person: Person) -> dict[str, Any]:
    """Write a person so that PUT accepts the same person again."""
    return asdict(person) | {"status": person.status.name.lower(), "alive": _is_alive(person.status)}


def persona_json(persona: Persona) -> dict[str, Any]:
    """Write a person of the catalogue."""
    person = persona.person
    return {
        "slug": persona.slug,
        "why": persona.why,
        "why_vi": persona.why_vi,
        "citizen_id": person.citizen_id,
        "id_card_number": person.id_card_number,
        "full_name": person.full_name,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "birth_year": person.birth_year,
        "alive": _is_alive(person.status),
        "expect": {"confirmed": persona.confirmed},
    }
