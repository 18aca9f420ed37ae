"""What can't be in the people that a test puts: they are taken as they are, and the answer warns of them.

A test may want an impossible record, so nothing is refused here: unknown codes, wards that no list has, births after
the run's day, relatives who are the person or are younger. Codes: QĐ 121 order for ethnic groups, 55 a foreigner and 99
unknown; the portals' table for religions, 99 in the QCVN 109 sample.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from mock_c06.generated.units import list_of, load_wards
from mock_c06.people.model import (
    HEAD_OF_HOUSEHOLD,
    YEARS_TO_PARENT,
    Address,
    Kin,
    LifeStatus,
    Person,
    key_of_kin,
    person_key,
)
from mock_c06.people.rules import (
    GENDER_OF_PARENT,
    addresses_of,
    birth_year_of,
    gender_of,
    kin_of_record,
    load_relations,
)
from mock_c06.runs.world import World

_FIRST_YEAR = 1900
_TWELVE = 12
_CODES = {
    "gender": {"0", "1", "2", "3"},
    "ethnicity": {*(f"{code:02d}" for code in range(1, 56)), "99"},
    "religion": {*(f"{code:02d}" for code in range(15)), "99"},
    "marital_status": {"0", "1", "2", "3"},
    "blood_type": {"00", "01", "02", "03", "04"},
}

Found = tuple[str, str]
"""The member, and why it can't be."""


def warnings_json(
    put: list[tuple[Person, Person | None]], world: World, today: date
) -> list[dict[str, str | None]]:
    """Return what can't be, person by person: the person's number, the member, and why. `put` has each person, and the
    record of the person before."""
    times = Counter(person_key(person) for person, _ in put)
    return [
        {"person": person.citizen_id or person.id_card_number, "member": member, "detail": detail}
        for person, former in put
        for member, detail in (
            *_warn_of_repetition(person, times[person_key(person)]),
            *_warn(person, world, today),
            *_warn_of_left_household(person, former, world),
        )
    ]


def _warn_of_repetition(person: Person, times: int) -> Iterator[Found]:
    if times > 1:
        member = "citizen_id" if person.citizen_id else "id_card_number"
        yield member, f"{times} of these people have this number: the last one counts"


def _warn(person: Person, world: World, today: date) -> Iterator[Found]:
    yield from _warn_of_birth(person, today)
    for name, known in _CODES.items():
        if getattr(person, name) not in known:
            yield name, f"no code list has {getattr(person, name)}"
    for name, address in addresses_of(person).items():
        member = name.replace(" ", "_")
        yield from ((f"{member}.{part}", detail) for part, detail in _warn_of_address(address))
    for role, kin in kin_of_record(person).items():
        yield from ((role, detail) for detail in _warn_of_relative(person, role, kin, world))
    yield from _warn_of_household(person, world)


def _warn_of_birth(person: Person, today: date) -> Iterator[Found]:
    member = "birth_year" if person.birth_date is None else "birth_date"
    if (person.birth_date or date(person.birth_year, 1, 1)) > today:
        yield member, f"is after the run's day, {today}"
    if person.birth_year < _FIRST_YEAR:
        yield member, f"is before {_FIRST_YEAR}: no number can say so"
    if person.citizen_id is not None and person.citizen_id[0] == "0":
        if birth_year_of(person.citizen_id) != person.birth_year:
            yield member, f"the number says {birth_year_of(person.citizen_id)}"
        if person.gender in {"1", "2"} and person.gender != gender_of(person.citizen_id):
            yield "gender", "the number says the other gender"


def _warn_of_address(address: Address) -> Iterator[Found]:
    if address.country != "VN" or address.ward_code is None:
        return
    code_list, known = list_of(address), load_wards().find_of(address)
    if known is None:
        yield "ward_code", f"{code_list} has no ward {address.ward_code}"
    elif address.province_code not in {None, known.province_code}:
        yield "province_code", f"{code_list} has ward {address.ward_code} in {known.province_code}"
    elif address.district_code != known.district_code:
        yield "district_code", f"{code_list} has ward {address.ward_code} in {known.district_code}"


def _warn_of_relative(person: Person, role: str, kin: Kin, world: World) -> Iterator[str]:
    key = key_of_kin(kin)
    if key is None:
        return
    if key == person_key(person):
        yield "is the person"
        return
    record = world.find_by_key(key)
    gender = record.gender if record is not None else ""
    born = _birth_year(kin, record)
    if role in GENDER_OF_PARENT:
        if born is not None and person.birth_year - born < YEARS_TO_PARENT:
            yield f"is less than {YEARS_TO_PARENT} years older: born in {born}, the child in {person.birth_year}"
        if gender in {"1", "2"} and gender != GENDER_OF_PARENT[role]:
            yield "has the other gender in the record of their own"
    elif role == "spouse":
        if gender in {"1", "2"} and gender == person.gender:
            yield "has the same gender"
        if record is not None and record.status is LifeStatus.DECEASED:
            yield "is deceased: the person is widowed"


def _birth_year(kin: Kin, record: Person | None) -> int | None:
    if record is not None:
        return record.birth_year
    number = kin.citizen_id or ""
    return birth_year_of(number) if len(number) == _TWELVE and number[0] == "0" else None


def _warn_of_household(person: Person, world: World) -> Iterator[Found]:
    relation = person.relation_to_head
    if relation is not None and relation not in load_relations():
        yield "relation_to_head", f"no code list has {relation}"
    if (person.household is None) != (relation is None):
        yield "household", "household and relation_to_head go together"
    if person.household is not None:
        members = world.household(person.household)
        heads = sum(member.relation_to_head == HEAD_OF_HOUSEHOLD for member in members)
        if heads != 1:
            yield "household", f"has {heads} heads"


def _warn_of_left_household(person: Person, former: Person | None, world: World) -> Iterator[Found]:
    left = former.household if former is not None else None
    if left is None or left == person.household:
        return
    members = world.household(left)
    if members and not any(member.relation_to_head == HEAD_OF_HOUSEHOLD for member in members):
        yield "household", f"{left} has members and no head any more"
