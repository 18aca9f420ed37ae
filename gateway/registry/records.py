"""Read a record or a verdict from an answer's tree, and check that it answers the question.

Refuses a person other than the one asked for (number, birth date, name), more than one person, a count that disagrees,
malformed codes and dates, dates that don't exist, control and direction-changing characters, and lengths beyond C06's
documents; in a verdict, anything but yes or no, and two forms that disagree (C06 has three). Ignores unknown elements,
and a relative's number, which must not be delivered. Codes stay text, since their leading zeros matter.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from gateway.clock import vietnam
from gateway.errors.requests import RegistryAnswerInvalid
from gateway.identifiers import normalise
from gateway.registry import wire as names
from gateway.registry.model import (
    Address,
    Claim,
    Found,
    LifeStatus,
    NobodyFound,
    Record,
    Relative,
    is_same_name,
)
from gateway.registry.reader import BLANKS, Branch, Tree, branch_of, branches_of, is_blank, leaf

_BLANKS = re.compile("[ \t\r\n\u00a0]+")
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_DATE = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")
_YEAR = re.compile(r"[0-9]{4}")
_EARLIEST_YEAR = 1850
_MAX_RAW_FACTOR = 4
"""A raw value, before blanks and zero-width characters are removed, may have this many times as many characters as its limit."""
_EARLIEST_DATA = 1900
_LATEST_DATA = 2199


def text(raw: str, limit: int) -> str | None:
    """Return a text of at most `limit` characters in NFC with single spaces; None if it is empty."""
    if not raw:
        return None
    if len(raw) > _MAX_RAW_FACTOR * limit:
        raise RegistryAnswerInvalid("value too long")
    # Most values are clean already, and this test costs a tenth of cleaning.
    tidy = raw.isprintable() and "  " not in raw
    value = (raw if tidy else _BLANKS.sub(" ", raw.translate(_ZERO_WIDTH))).strip(" ")
    if not value:
        return None
    if len(value) > limit:
        raise RegistryAnswerInvalid("value too long")
    if not tidy and not value.isprintable():
        raise RegistryAnswerInvalid("control character in a value")
    return normalise("NFC", value, longest=limit)


def birth(date_text: str, year_text: str, today: date) -> tuple[date | None, int | None]:
    """Return the birth date, if known, and the year; raises if they disagree or are impossible."""
    day = None
    if _YEAR.fullmatch(date_text) is not None:
        date_text, year_text = "", year_text or date_text
    if date_text:
        day = _day(date_text)
    if not year_text:
        year = day.year if day is not None else None
    elif _YEAR.fullmatch(year_text) is not None:
        year = int(year_text)
    else:
        raise RegistryAnswerInvalid("malformed birth year")
    if day is not None and (day.year != year or day > today):
        raise RegistryAnswerInvalid("impossible birth date")
    if year is not None and not _EARLIEST_YEAR <= year <= today.year:
        raise RegistryAnswerInvalid("impossible birth date")
    return day, year


def instant(raw: str) -> datetime | None:
    """Return an xs:dateTime as an instant in UTC; without an offset it is in Vietnam's time.

    Raises `RegistryAnswerInvalid` for an impossible time, such as .NET's 0001-01-01T00:00:00.
    """
    if not raw:
        return None
    try:
        found = datetime.fromisoformat(raw)
        local = found if found.tzinfo is not None else found.replace(tzinfo=vietnam())
        settled = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RegistryAnswerInvalid("malformed time of data") from None
    if not _EARLIEST_DATA <= settled.year <= _LATEST_DATA:
        raise RegistryAnswerInvalid("impossible time of data")
    return settled


def _day(raw: str) -> date:
    parts = _DATE.fullmatch(raw)
    if parts is None:
        raise RegistryAnswerInvalid("malformed birth date")
    try:
        return date(int(parts[1]), int(parts[3]), int(parts[4]))
    except ValueError:
        raise RegistryAnswerInvalid("impossible birth date") from None


_NAME_LIMIT = 100
_DETAIL_LIMIT = 500
_MEMBER_LIMIT = 200

_SHORT_CODE = re.compile(r"[0-9]{1,2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PERSON_CODES = {
    names.CITIZEN_ID: re.compile(r"[0-9]{12}"),
    names.ID_CARD_NUMBER: re.compile(r"[0-9]{9}"),
    names.GENDER: _SHORT_CODE,
    names.ETHNICITY: _SHORT_CODE,
    names.RELIGION: _SHORT_CODE,
    names.MARITAL_STATUS: _SHORT_CODE,
    names.BLOOD_TYPE: _SHORT_CODE,
    names.NATIONALITY: _COUNTRY,
    names.LIFE_STATUS: _SHORT_CODE,
}
_ADDRESS_CODES = {
    names.PROVINCE: re.compile(r"[0-9]{2}"),
    names.DISTRICT: re.compile(r"[0-9]{3}"),
    names.WARD: re.compile(r"[0-9]{5}"),
    names.COUNTRY: _COUNTRY,
}
_ADDRESSES = {
    "birth_registration_place": names.BIRTH_REGISTRATION,
    "native_place": names.NATIVE_PLACE,
    "permanent_residence": names.PERMANENT_RESIDENCE,
    "current_residence": names.CURRENT_RESIDENCE,
}
_RELATIVES = {
    "father": names.FATHER,
    "mother": names.MOTHER,
    "spouse": names.SPOUSE,
    "representative": names.REPRESENTATIVE,
    "household_head": names.HOUSEHOLD_HEAD,
}
_RELATIVE_CODES = {names.RELATION: re.compile(r"[0-9A-Z]{1,10}")}
_LIFE = {
    "1": LifeStatus.LIVING,
    "2": LifeStatus.DECEASED,
    "3": LifeStatus.MISSING,
    "4": LifeStatus.CANCELLED,
}


def read_answer(body: Branch, claim: Claim, today: date) -> Found | NobodyFound:
    """Return the one person in the body of an answer; raises unless it is the person of the claim."""
    if names.COLLECTION not in body:
        raise RegistryAnswerInvalid("answer to another operation")
    collection = branch_of(body[names.COLLECTION])
    # Two public clients read a person without any text as no match.
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
    """Read an attribute; converters of XML to JSON keep its name or prefix it with `@` or `-`."""
    return leaf(collection, name) or leaf(collection, f"@{name}") or leaf(collection, f"-{name}")


def _check_person(record: Record, claim: Claim) -> None:
    if claim.citizen_id is not None and record.citizen_id != claim.citizen_id:
        raise RegistryAnswerInvalid("another person")
    if claim.id_card_number is not None and record.id_card_number != claim.id_card_number:
        raise RegistryAnswerInvalid("another person")
    if claim.birth_date and record.birth_date and claim.birth_date != record.birth_date:
        raise RegistryAnswerInvalid("another birth date")
    # The answer has no name if the account lacks that field.
    if record.full_name and not is_same_name(record.full_name, claim.full_name):
        raise RegistryAnswerInvalid("another name")


def _record(person: Branch, as_of: str, today: date) -> Record:
    born = person.get(names.BIRTH)
    if isinstance(born, str):
        born = {names.BIRTH_DATE: born}
    parts = branch_of(born)
    birth_date, birth_year = birth(leaf(parts, names.BIRTH_DATE), leaf(parts, names.BIRTH_YEAR), today)
    codes = _codes(person, _PERSON_CODES)
    # In a one-digit code, any other digit means unknown.
    gender, marital_status, life_status = (
        (codes[name] or "").lstrip("0") for name in (names.GENDER, names.MARITAL_STATUS, names.LIFE_STATUS)
    )
    parts_of: dict[str, Any] = {
        **{field: _address(person[name]) for field, name in _ADDRESSES.items() if person.get(name)},
        **{field: _relative(person[name]) for field, name in _RELATIVES.items() if person.get(name)},
    }
    return Record(
        as_of=instant(as_of),
        citizen_id=codes[names.CITIZEN_ID],
        id_card_number=codes[names.ID_CARD_NUMBER],
        full_name=_full_name(person),
        gender=gender if gender in {"1", "2"} else None,
        ethnicity=_two_digits(codes[names.ETHNICITY], unknown="00"),
        # "00" is a religion code: no religion.
        religion=_two_digits(codes[names.RELIGION], unknown=None),
        marital_status=marital_status if marital_status in {"1", "2", "3"} else None,
        blood_type=_two_digits(codes[names.BLOOD_TYPE], unknown="00"),
        birth_date=birth_date,
        birth_year=birth_year,
        nationality=codes[names.NATIONALITY],
        **parts_of,
        household_members=_members(person),
        life_status=_LIFE.get(life_status, LifeStatus.UNKNOWN),
    )


def _codes(holder: Branch, forms: Mapping[str, re.Pattern[str]]) -> dict[str, str | None]:
    """Return the code under each name; None if it is absent or empty. Raises for another form."""
    found: dict[str, str | None] = {}
    for name, form in forms.items():
        value = holder.get(name)
        if value and not isinstance(value, str):
            raise RegistryAnswerInvalid("structure where a value belongs")
        code = value.strip(BLANKS) if isinstance(value, str) else ""
        if code and form.fullmatch(code) is None:
            raise RegistryAnswerInvalid("malformed code")
        found[name] = code or None
    return found


def _full_name(holder: Branch) -> str | None:
    """Read a name: one text, or three parts of which usually only the last is set, to the full name."""
    found = holder.get(names.FULL_NAME, "")
    if isinstance(found, str):
        return text(found, _NAME_LIMIT)
    parts = branch_of(found)
    whole = (leaf(parts, name) for name in (names.FAMILY_NAME, names.MIDDLE_NAME, names.GIVEN_NAME))
    return text(" ".join(part for part in whole if part), _NAME_LIMIT)


def _two_digits(code: str | None, *, unknown: str | None) -> str | None:
    padded = None if code is None else code.zfill(2)
    return None if padded == unknown else padded


def _address(value: Tree) -> Address | None:
    parts = branch_of(value)
    codes = _codes(parts, _ADDRESS_CODES)
    address = Address(
        province_code=codes[names.PROVINCE],
        district_code=codes[names.DISTRICT],
        ward_code=codes[names.WARD],
        detail=text(leaf(parts, names.ADDRESS_DETAIL), _DETAIL_LIMIT),
        country=codes[names.COUNTRY],
    )
    return None if address == Address() else address


def _relative(value: Tree | None) -> Relative | None:
    """Read a relative; None without a name."""
    holder = branch_of(value)
    full_name = _full_name(holder)
    if full_name is None:
        return None
    return Relative(full_name=full_name, relation=_codes(holder, _RELATIVE_CODES)[names.RELATION])


def _members(person: Branch) -> tuple[Relative, ...]:
    found = person.get(names.HOUSEHOLD_MEMBER)
    if not found:
        return ()
    members = found if isinstance(found, list) else [found]
    if len(members) > _MEMBER_LIMIT:
        raise RegistryAnswerInvalid("too many household members")
    return tuple(member for member in map(_relative, members) if member is not None)


_COUNTS = {"0": False, "1": True}
_BOOLEANS = {"false": False, "true": True}


def read_verdict(body: Branch) -> bool:
    """Return the verdict in the body of an answer; raises `RegistryAnswerInvalid`."""
    if names.VERDICT not in body and names.VERDICT_RESULT not in body:
        raise RegistryAnswerInvalid("answer to another operation")
    answer = branch_of(body.get(names.VERDICT))
    result = branch_of(body.get(names.VERDICT_RESULT) or answer.get(names.VERDICT_RESULT))
    said: set[bool | None] = set()
    for branch, name, words in (
        (answer, names.VERDICT_COUNT, _COUNTS),
        (answer, names.VERDICT_EXISTS, _BOOLEANS),
        (result, names.VERDICT_EXISTS, _BOOLEANS),
    ):
        if branch and (word := leaf(branch, name)):
            said.add(words.get(word.lower()))
    if len(said) != 1:
        raise RegistryAnswerInvalid("neither yes nor no")
    verdict = said.pop()
    if verdict is None:
        raise RegistryAnswerInvalid("neither yes nor no")
    return verdict
