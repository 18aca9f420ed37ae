"""A registry record's part as the contract's value of one field.

Relatives give their name and birth year only; a year the registry doesn't give is null, never read out of a
number. None means that the registry has none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.procedures.value_shapes import address_value, code_value
from gateway.registry.model import Address, Record, Relative

HOUSEHOLD_RELATIONS = "relation-mock"


def value_of(field: str, record: Record) -> Any:
    """Return a field's value in the contract's shape, None where the record has none."""
    return _SHAPES[field](record)


def _plain(member: str) -> Callable[[Record], Any]:
    return lambda record: getattr(record, member)


def _code(member: str, code_list: str) -> Callable[[Record], Any]:
    def shape(record: Record) -> Any:
        code = getattr(record, member)
        return None if code is None else code_value(code, code_list)

    return shape


def _address(member: str) -> Callable[[Record], Any]:
    def shape(record: Record) -> Any:
        found: Address | None = getattr(record, member)
        if found is None:
            return None
        return address_value(
            found.province_code, found.district_code, found.ward_code, found.detail, found.country
        )

    return shape


def _relative(member: str) -> Callable[[Record], Any]:
    def shape(record: Record) -> Any:
        found: Relative | None = getattr(record, member)
        return None if found is None else {"full_name": found.full_name, "birth_year": found.birth_year}

    return shape


def _birth_date(record: Record) -> Any:
    return None if record.birth_date is None else record.birth_date.isoformat()


def _household_head(record: Record) -> Any:
    return None if record.household_head is None else _member(record.household_head)


def _household_members(record: Record) -> Any:
    return [_member(member) for member in record.household_members] or None


def _member(found: Relative) -> dict[str, Any]:
    relation = None if found.relation is None else code_value(found.relation, HOUSEHOLD_RELATIONS)
    return {"full_name": found.full_name, "birth_year": found.birth_year, "relation": relation}


_SHAPES: Mapping[str, Callable[[Record], Any]] = {
    **{name: _plain(name) for name in ("full_name", "birth_year", "citizen_id", "id_card_number")},
    "birth_date": _birth_date,
    "gender": _code("gender", "gender"),
    "ethnicity": _code("ethnicity", "ethnic-qd121"),
    "religion": _code("religion", "religion-portal"),
    "nationality": _code("nationality", "iso3166-1"),
    "blood_type": _code("blood_type", "blood"),
    "marital_status": _code("marital_status", "marital"),
    **{
        name: _address(name)
        for name in ("birth_registration_place", "native_place", "permanent_residence", "current_residence")
    },
    **{name: _relative(name) for name in ("father", "mother", "spouse", "representative")},
    "household_head": _household_head,
    "household_members": _household_members,
}
