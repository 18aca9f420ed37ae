"""The fields of a record in the contract's form."""

from datetime import date
from typing import Any

from gateway.procedures.fields import address_value, code_value
from gateway.registry.model import Address, Record, Relative

_RELATION_LIST = "relation-mock"
_CODE_LISTS = {
    "gender": "gender",
    "ethnicity": "ethnic-qd121",
    "religion": "religion-portal",
    "nationality": "iso3166-1",
    "blood_type": "blood",
    "marital_status": "marital",
}


def value_of(field: str, record: Record) -> Any:
    """Return a record's field in the contract's form, None if the registry has no value.

    Of a relative only name and birth year are returned; a missing year is null, and never taken from a number.
    """
    value: Any
    match found := getattr(record, field):
        case date():
            value = found.isoformat()
        case Address():
            value = address_value(
                found.province_code, found.district_code, found.ward_code, found.detail, found.country
            )
        case Relative() if field != "household_head":
            value = {"full_name": found.full_name, "birth_year": found.birth_year}
        case Relative():
            value = _member_value(found)
        case tuple():
            value = [_member_value(member) for member in found] or None
        case str() if field in _CODE_LISTS:
            value = code_value(found, _CODE_LISTS[field])
        case _:
            value = found
    return value


def _member_value(member: Relative) -> dict[str, Any]:
    relation = None if member.relation is None else code_value(member.relation, _RELATION_LIST)
    return {"full_name": member.full_name, "birth_year": member.birth_year, "relation": relation}
