"""The fields of forms: the operation that returns a field, its code list, and its value for portals.

A code needs its list, since the same two digits have different meanings in different lists. Numeric codes are compared
as numbers ("1" is "01"). A code outside its list gets a null label. Leaves out administrative units (`units.py`) and
doesn't use the registry's records, so the folder `registry` may import it. Sources: `data/codes/*.toml`; the
contract's table of fields and operations.
"""

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

from gateway.procedures.units import code_list_of

CODE_LISTS = (
    "gender",
    "marital",
    "blood",
    "religion-portal",
    "ethnic-qd121",
    "iso3166-1",
    "relation-mock",
)
_FOLDER = Path(__file__).parent / "data" / "codes"


def label(code_list: str, code: str) -> str | None:
    """Return the meaning of a code, None for a code outside the list. Raises `KeyError` for an unknown list."""
    return _labels(code_list).get(canonical(code_list, code))


def canonical(code_list: str, code: str) -> str:
    """Return the code in the list's form ("4" is "04" in ethnic-qd121); an unknown code unchanged."""
    labels = _labels(code_list)
    if code in labels or not (code.isascii() and code.isdigit()):
        return code
    number = code.lstrip("0")
    return next((known for known in labels if known.isdigit() and known.lstrip("0") == number), code)


def codes_of(code_list: str) -> dict[str, str]:
    """Return a copy of the list: labels by code, in the list's order."""
    return dict(_labels(code_list))


@cache
def _labels(code_list: str) -> dict[str, str]:
    if code_list not in CODE_LISTS:
        raise KeyError(code_list)
    content = tomllib.loads((_FOLDER / f"{code_list}.toml").read_text(encoding="utf-8"))
    return {str(code): str(text) for code, text in content["codes"].items()}


class Operation(StrEnum):
    """The five operations of C06 in use, by their names in messages; answers and settings use these names too."""

    AUTHENTICATE = "XacThucThongTinCongDan"
    LOOK_UP = "TraCuuThongTinCongDan"
    MARITAL_STATUS = "XacMinhTinhTrangHonNhan"
    RELATIVES = "XacMinhThongTinNhanThan"
    HOUSEHOLD = "CungCapThongTinHoGiaDinh"


FIELD_OPERATIONS: dict[str, Operation] = {
    "marital_status": Operation.MARITAL_STATUS,
    **dict.fromkeys(("father", "mother", "spouse", "representative"), Operation.RELATIVES),
    **dict.fromkeys(("household_head", "household_members"), Operation.HOUSEHOLD),
    **dict.fromkeys(
        (
            "full_name",
            "birth_date",
            "birth_year",
            "gender",
            "citizen_id",
            "id_card_number",
            "ethnicity",
            "religion",
            "nationality",
            "blood_type",
            "birth_registration_place",
            "native_place",
            "permanent_residence",
            "current_residence",
        ),
        Operation.LOOK_UP,
    ),
}

SENSITIVE_FIELDS = frozenset({"ethnicity", "religion"})
"""NĐ 13/2023 Đ2 k4: ethnic origin and religion are sensitive; blood group is expressly not."""


def code_value(code: str, code_list: str) -> dict[str, str | None]:
    """Return a code with its label, None for a code outside the list."""
    return {"code": canonical(code_list, code), "label": label(code_list, code), "code_list": code_list}


def address_value(
    province_code: str | None,
    district_code: str | None,
    ward_code: str | None,
    detail: str | None,
    country: str | None,
) -> dict[str, str | None]:
    """Return an address with the list of its codes, None if that isn't certain; empty members become None."""
    codes = {"province_code": province_code, "district_code": district_code, "ward_code": ward_code}
    return {
        **{name: code or None for name, code in codes.items()},
        "code_list": code_list_of(**codes, detail=detail, country=country),
        "detail": detail or None,
        "country": country or None,
    }
