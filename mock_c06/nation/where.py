"""A small, safe language to choose people by: `age>80 and province=01 and not married`.

Conditions joined by `and`; a field, a comparison and a value, or a yes/no field alone or after `not`. Nothing is
executed: a word that is no field, and a value that a field can't have, are refused with what would do.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mock_c06.errors import WhereInvalid
from mock_c06.nation.cells import Member
from mock_c06.nation.lives import Marriage
from mock_c06.nation.name_forms import load_peoples
from mock_c06.nation.nation import Nation
from mock_c06.nation.provinces import load_provinces
from mock_c06.population.model import LifeStatus
from mock_c06.population.selfcheck import CATALOGUE_DAY

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUALITY = {"=", "==", "!="}
_CONDITION = re.compile(r"(?P<no>not\s+)?(?P<field>\w+)\s*(?:(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>.+))?")
_GENDERS = {"male": 0, "nam": 0, "1": 0, "female": 1, "nữ": 1, "2": 1}
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Test = Callable[[Nation, Member], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: how it is read from a record, how a written value is read, what may be written."""

    read: Callable[[Nation, Member], Any]
    parse: Callable[[str], Any]
    expected: str
    ordered: bool = False


def parse_where(text: str) -> Test:
    """Make the test that the text means; an empty text lets everybody through. Raises `WhereInvalid`."""
    parts = [part.strip() for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE)]
    tests = [_parse_condition(part) for part in parts] if parts != [""] else []
    return lambda nation, member: all(test(nation, member) for test in tests)


def _parse_condition(text: str) -> Test:
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
        return lambda nation, member: not compare(read(nation, member), wanted)
    return lambda nation, member: compare(read(nation, member), wanted)


def _age(nation: Nation, member: Member) -> int:
    born = nation.lives.life_of(member).birth_date
    age = CATALOGUE_DAY.year - member.year
    return age - (born is not None and (born.month, born.day) > (CATALOGUE_DAY.month, CATALOGUE_DAY.day))


def _is_married(nation: Nation, member: Member) -> bool:
    return nation.lives.marriage_of(member, nation.lives.life_of(member).status)[0] is Marriage.LASTING


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


def _parse_status(text: str) -> LifeStatus | None:
    return LifeStatus.__members__.get(text.upper())


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
        read=lambda nation, member: nation.names.people_of(member),
        parse=_parse_people,
        expected="08 or another code of the 54 peoples, or its name",
    ),
    "status": Field(
        read=lambda nation, member: nation.lives.life_of(member).status,
        parse=_parse_status,
        expected="living, deceased, missing or cancelled",
    ),
    "alive": Field(
        read=lambda nation, member: nation.lives.life_of(member).status is not LifeStatus.DECEASED,
        parse=_parse_yes_no,
        expected="true or false",
    ),
    "married": Field(read=_is_married, parse=_parse_yes_no, expected="true or false"),
    "has_id_card": Field(
        read=lambda nation, member: nation.lives.life_of(member).has_card,
        parse=_parse_yes_no,
        expected="true or false",
    ),
    "year_only": Field(
        read=lambda nation, member: nation.lives.life_of(member).birth_date is None,
        parse=_parse_yes_no,
        expected="true or false",
    ),
}
