"""Coded values and addresses in the shape that portals get them in.

Takes plain values, not the registry's records: the registry's room may use this one, never the reverse.
Refuses nothing: a code without meaning is passed on with a null label. Source: the contract's prefill answer.
"""

from typing import TypedDict

from gateway.procedures.codes import canonical, label
from gateway.procedures.units import code_list_of


class CodeValue(TypedDict):
    """A code, what it means, and the list that says so."""

    code: str
    label: str | None
    code_list: str


class AddressValue(TypedDict):
    """An address; absent parts are None, `code_list` too where the codes can't be read with certainty."""

    province_code: str | None
    district_code: str | None
    ward_code: str | None
    code_list: str | None
    detail: str | None
    country: str | None


def code_value(code: str, code_list: str) -> CodeValue:
    """Return a coded value; the label is None for a code that the list doesn't hold."""
    return {"code": canonical(code_list, code), "label": label(code_list, code), "code_list": code_list}


def address_value(
    province_code: str | None,
    district_code: str | None,
    ward_code: str | None,
    detail: str | None,
    country: str | None,
) -> AddressValue:
    """Return an address with the list that its codes are read in; empty parts count as absent."""
    return {
        "province_code": province_code or None,
        "district_code": district_code or None,
        "ward_code": ward_code or None,
        "code_list": code_list_of(
            province_code=province_code,
            district_code=district_code,
            ward_code=ward_code,
            detail=detail,
            country=country,
        ),
        "detail": detail or None,
        "country": country or None,
    }
