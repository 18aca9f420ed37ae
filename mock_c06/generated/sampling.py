"""Choose people of the generated population by conditions, spread over all of it in the order of the seed.

Conditions are joined by `and`: `age>80 and province=01 and not married`. The text is parsed, not executed: an unknown
field or value is refused, and the message says what is possible.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import gcd
from typing import Any

from mock_c06.errors import WhereInvalid
from mock_c06.generated.cells import Member
from mock_c06.generated.draws import PopulationPurpose
from mock_c06.generated.names import load_peoples
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.units import load_provinces
from mock_c06.people.model import NEVER_CONFIRMED, LifeStatus, Persona
from mock_c06.people.rules import CATALOGUE_DAY

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUALITY = {"=", "==", "!="}
_CONDITION = re.compile(r"(?P<no>not\s+)?(?P<field>\w+)\s*(?:(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>.+))?")
_GENDERS = {"male": 0, "nam": 0, "1": 0, "female": 1, "nữ": 1, "2": 1}
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Condition = Callable[[GeneratedPopulation, Member], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: how to read it from a record, how to parse a value, and which values are expected."""

    read: Callable[[GeneratedPopulation, Member], Any]
    parse: Callable[[str], Any]
    expected: str
    ordered: bool = False


def parse_where(text: str) -> Condition:
    """Parse conditions into a test; an empty text accepts everybody. Raises `WhereInvalid`."""
    parts = [part.strip() for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE)]
    tests = [_parse_condition(part) for part in parts] if parts != [""] else []
    return lambda generated, member: all(test(generated, member) for test in tests)


def _parse_condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise WhereInvalid(f"can't read {text!r}: write conditions such as age>80, joined by and")
    name, sign, value = found["field"].lower(), found["sign"], found["value"]
    field = _FIELDS.get(name)
    if field is None:
        raise WhereInvalid(f"there is no field {name!r}: use {', '.join(sorted(_FIELDS))}")
    if sign is None:
        if field.parse is not _parse_yes_no:
            raise WhereInvalid(f"{name} needs a comparison, such as {name}={field.expected.split()[0]}")
        sign, value = "=", "true"
    if sign not in _EQUALITY and not field.ordered:
        raise WhereInvalid(f"{name} can only be compared by = or !=")
    wanted = field.parse(value.strip().strip("\"'"))
    if wanted is None:
        raise WhereInvalid(f"{name} can't be {value.strip()!r}: write {field.expected}")
    compare, read = _COMPARE[sign], field.read
    if found["no"]:
        return lambda generated, member: not compare(read(generated, member), wanted)
    return lambda generated, member: compare(read(generated, member), wanted)


def _age(generated: GeneratedPopulation, member: Member) -> int:
    born = generated.lives.life_of(member).birth_date
    age = CATALOGUE_DAY.year - member.year
    return age - (born is not None and (born.month, born.day) > (CATALOGUE_DAY.month, CATALOGUE_DAY.day))


def _parse_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None


def _parse_yes_no(text: str) -> bool | None:
    return _YES_NO.get(text.lower())


def _parse_province(text: str) -> int | None:
    codes = [province.code for province in load_provinces()]
    code = text[1:] if len(text) == 3 and text.startswith("0") else text
    return codes.index(code) if code in codes else None


def _parse_people(text: str) -> str | None:
    for people in load_peoples().values():
        if text.casefold() in {people.code, people.name.casefold()}:
            return people.code
    return None


def _flag(read: Callable[[GeneratedPopulation, Member], bool]) -> Field:
    return Field(read=read, parse=_parse_yes_no, expected="true or false")


_FIELDS = {
    "age": Field(read=_age, parse=_parse_number, expected="80 or another whole number", ordered=True),
    "birth_year": Field(
        read=lambda _, member: member.year, parse=_parse_number, expected="1950 or another year", ordered=True
    ),
    "gender": Field(
        read=lambda _, member: member.gender,
        parse=lambda text: _GENDERS.get(text.lower()),
        expected="male or female",
    ),
    "province": Field(
        read=lambda _, member: member.province,
        parse=_parse_province,
        expected="01 or another code of the 63 provinces",
    ),
    "ethnicity": Field(
        read=lambda generated, member: generated.names.people_of(member),
        parse=_parse_people,
        expected="08 or another code of the 54 peoples, or its name",
    ),
    "status": Field(
        read=lambda generated, member: generated.lives.life_of(member).status,
        parse=lambda text: LifeStatus.__members__.get(text.upper()),
        expected="living, deceased, missing or cancelled",
    ),
    "alive": _flag(
        lambda generated, member: generated.lives.life_of(member).status is not LifeStatus.DECEASED
    ),
    "married": _flag(lambda generated, member: generated.lives.is_married(member)),
    "has_id_card": _flag(lambda generated, member: generated.lives.life_of(member).has_card),
    "year_only": _flag(lambda generated, member: generated.lives.life_of(member).birth_date is None),
}


def scattered_indexes(count: int, generated: GeneratedPopulation) -> Iterator[int]:
    """Return `count` different record indexes, at most as many as there are."""
    whole = generated.count
    left, step = divmod(generated.draws.draw_of_all(PopulationPurpose.SAMPLE), whole)
    step = step or 1
    while gcd(step, whole) != 1:
        step += 1
    at = left % whole
    for _ in range(min(count, whole)):
        yield at
        at = (at + step) % whole


def sample(
    generated: GeneratedPopulation, *, where: Condition, count: int, looked_at: int, seed: str
) -> list[Persona]:
    """Return the first `count` people that pass the test, reading at most `looked_at` records."""
    members = (generated.cells.member_at(index) for index in scattered_indexes(looked_at, generated))
    chosen = islice((member for member in members if where(generated, member)), count)
    return [_persona_of(generated, member, seed) for member in chosen]


def _persona_of(generated: GeneratedPopulation, member: Member, seed: str) -> Persona:
    """Describe a generated person like a persona of the catalogue."""
    person = generated.person(member)
    other, other_vi = _other_number(generated, member)
    return Persona(
        slug=f"dan-so-{person.citizen_id}",
        why=f"Generated: record {member.record_index} of {generated.count}, seed {seed}{other}",
        why_vi=f"Dân số giả lập: bản ghi {member.record_index} trên tổng số {generated.count}, seed {seed}{other_vi}",
        person=person,
        confirmed=person.status not in NEVER_CONFIRMED,
        theme="generated",
    )


def _other_number(generated: GeneratedPopulation, member: Member) -> tuple[str, str]:
    """Return the text on the same human's other number in English and Vietnamese, or two empty ones."""
    former, number = generated.former_number(member), generated.number_in_force(member)
    if former is not None:
        return f"; issued anew in place of {former}", f"; cấp lại thay cho số {former}"
    if number != generated.numbering.citizen_id(member):
        return f"; cancelled, {number} was issued in its place", f"; đã hủy, số cấp thay là {number}"
    return "", ""
