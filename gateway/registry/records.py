"""Make a `Record` of an answered tree, and check that it is the answer to the question that was put.

Refuses: a person other than the one asked for (number, birth date, name), more than one person, a count that disagrees,
codes and dates out of form. Ignores what it doesn't know; reads no relative's number, since nothing may deliver it.
"""

import re
from datetime import date

from gateway.errors.registry import RegistryAnswerInvalid
from gateway.registry import values
from gateway.registry import wire_names as names
from gateway.registry.model import Address, Claim, Found, LifeStatus, NobodyFound, Record, Relative
from gateway.registry.tree import Branch, Tree, branch_of, branches_of, is_blank, leaf
from gateway.registry.wire import is_same_name

_NAME_LIMIT = 100
_DETAIL_LIMIT = 500
_MEMBER_LIMIT = 200

_TWELVE = re.compile(r"[0-9]{12}")
_NINE = re.compile(r"[0-9]{9}")
_SHORT_CODE = re.compile(r"[0-9]{1,2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PROVINCE = re.compile(r"[0-9]{2}")
_DISTRICT = re.compile(r"[0-9]{3}")
_WARD = re.compile(r"[0-9]{5}")
_RELATION = re.compile(r"[0-9A-Z]{1,10}")

_LIFE = {
    "1": LifeStatus.LIVING,
    "2": LifeStatus.DECEASED,
    "3": LifeStatus.MISSING,
    "4": LifeStatus.CANCELLED,
}


def read_answer(body: Branch, claim: Claim, today: date) -> Found | NobodyFound:
    """Return the one person that the body of an answer holds, who must be the one the claim names."""
    if names.COLLECTION not in body:
        raise RegistryAnswerInvalid("answer to another operation")
    collection = branch_of(body[names.COLLECTION])
    # Two clients read a person with nothing in them as nobody.
    people = [person for person in branches_of(collection.get(names.CITIZEN)) if not is_blank(person)]
    count = _attribute(collection, names.COLLECTION_COUNT)
    if len(people) > 1:
        raise RegistryAnswerInvalid("more than one person")
    if count and count != str(len(people)):
        raise RegistryAnswerInvalid("count of people disagrees")
    if not people:
        return NobodyFound()
    record = _record(people[0], _attribute(collection, names.COLLECTION_AS_OF), today)
    _check_person(record, claim)
    return Found(record)


def _attribute(collection: Branch, name: str) -> str:
    """Read an attribute; converters of XML to JSON keep its name or mark it with `@` or `-`."""
    return leaf(collection, name) or leaf(collection, f"@{name}") or leaf(collection, f"-{name}")


def _check_person(record: Record, claim: Claim) -> None:
    if claim.citizen_id is not None and record.citizen_id != claim.citizen_id:
        raise RegistryAnswerInvalid("another person")
    if claim.id_card_number is not None and record.id_card_number != claim.id_card_number:
        raise RegistryAnswerInvalid("another person")
    if claim.birth_date and record.birth_date and claim.birth_date != record.birth_date:
        raise RegistryAnswerInvalid("another birth date")
    # An account without that field is answered without a name; a name that is there is the one asked for.
    if record.full_name and not is_same_name(record.full_name, claim.full_name):
        raise RegistryAnswerInvalid("another name")


def _record(person: Branch, as_of: str, today: date) -> Record:
    born = person.get(names.BIRTH)
    if isinstance(born, str):
        born = {names.BIRTH_DATE: born}
    parts = branch_of(born)
    birth_date, birth_year = values.birth(leaf(parts, names.BIRTH_DATE), leaf(parts, names.BIRTH_YEAR), today)
    return Record(
        as_of=values.instant(as_of),
        citizen_id=values.code(leaf(person, names.CITIZEN_ID), _TWELVE),
        id_card_number=values.code(leaf(person, names.ID_CARD_NUMBER), _NINE),
        full_name=_full_name(person),
        gender=_known(person, names.GENDER, "12"),
        ethnicity=_two_digits(person, names.ETHNICITY, unknown="00"),
        # "00" is a religion code of its own: none.
        religion=_two_digits(person, names.RELIGION, unknown=None),
        marital_status=_known(person, names.MARITAL_STATUS, "123"),
        blood_type=_two_digits(person, names.BLOOD_TYPE, unknown="00"),
        birth_date=birth_date,
        birth_year=birth_year,
        nationality=values.code(leaf(person, names.NATIONALITY), _COUNTRY),
        birth_registration_place=_address(person, names.BIRTH_REGISTRATION),
        native_place=_address(person, names.NATIVE_PLACE),
        permanent_residence=_address(person, names.PERMANENT_RESIDENCE),
        current_residence=_address(person, names.CURRENT_RESIDENCE),
        father=_relative(branch_of(person.get(names.FATHER))),
        mother=_relative(branch_of(person.get(names.MOTHER))),
        spouse=_relative(branch_of(person.get(names.SPOUSE))),
        representative=_relative(branch_of(person.get(names.REPRESENTATIVE))),
        household_head=_relative(branch_of(person.get(names.HOUSEHOLD_HEAD))),
        household_members=_members(person),
        life_status=_life_status(person),
    )


def _full_name(holder: Branch) -> str | None:
    """Read a name: one text, or three parts of which the last alone usually holds the whole."""
    found: Tree = holder.get(names.FULL_NAME, "")
    if isinstance(found, str):
        return values.text(found, _NAME_LIMIT)
    parts = branch_of(found)
    whole = (leaf(parts, name) for name in (names.FAMILY_NAME, names.MIDDLE_NAME, names.GIVEN_NAME))
    return values.text(" ".join(part for part in whole if part), _NAME_LIMIT)


def _short_code(holder: Branch, name: str) -> str | None:
    return values.code(leaf(holder, name), _SHORT_CODE)


def _known(holder: Branch, name: str, known: str) -> str | None:
    """Read a one-digit code; any other digit is the registry's way of saying unknown."""
    found = _short_code(holder, name)
    digit = None if found is None else str(int(found))
    return digit if digit is not None and digit in known else None


def _two_digits(holder: Branch, name: str, *, unknown: str | None) -> str | None:
    found = _short_code(holder, name)
    padded = None if found is None else found.zfill(2)
    return None if padded == unknown else padded


def _life_status(person: Branch) -> LifeStatus:
    found = _short_code(person, names.LIFE_STATUS)
    return LifeStatus.UNKNOWN if found is None else _LIFE.get(str(int(found)), LifeStatus.UNKNOWN)


def _address(person: Branch, name: str) -> Address | None:
    parts = branch_of(person.get(name))
    address = Address(
        province_code=values.code(leaf(parts, names.PROVINCE), _PROVINCE),
        district_code=values.code(leaf(parts, names.DISTRICT), _DISTRICT),
        ward_code=values.code(leaf(parts, names.WARD), _WARD),
        detail=values.text(leaf(parts, names.ADDRESS_DETAIL), _DETAIL_LIMIT),
        country=values.code(leaf(parts, names.COUNTRY), _COUNTRY),
    )
    return None if address == Address() else address


def _relative(holder: Branch) -> Relative | None:
    """Read a relative; without a name there is nobody to speak of."""
    full_name = _full_name(holder)
    if full_name is None:
        return None
    return Relative(full_name=full_name, relation=values.code(leaf(holder, names.RELATION), _RELATION))


def _members(person: Branch) -> tuple[Relative, ...]:
    found = branches_of(person.get(names.HOUSEHOLD_MEMBER))
    if len(found) > _MEMBER_LIMIT:
        raise RegistryAnswerInvalid("too many household members")
    return tuple(member for member in map(_relative, found) if member is not None)
