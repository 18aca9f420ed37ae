"""An essential service: its codes, its roles and the form of each role; a field's operation, code list and value.

`catalogue.py` reads and checks the services. A mã TTHC changes with time and level, a MaDVC doesn't, so a service keeps
the two apart. A field's code needs its list, since the same two digits have different meanings in different lists; numeric
codes are compared as numbers ("1" is "01"), and a code outside its list gets a null label. Doesn't use the registry's
records, so the folder `registry` may import it. Sources: the data files, whose lines name theirs and say where they guess;
the contract's table of fields and operations.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

from gateway.identifiers import Language
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
    return labels_of(code_list).get(canonical(code_list, code))


def canonical(code_list: str, code: str) -> str:
    """Return the code in the list's form ("4" is "04" in ethnic-qd121); an unknown code unchanged."""
    labels = labels_of(code_list)
    if code in labels or not (code.isascii() and code.isdigit()):
        return code
    number = code.lstrip("0")
    return next((known for known in labels if known.isdigit() and known.lstrip("0") == number), code)


@cache
def labels_of(code_list: str) -> Mapping[str, str]:
    """Return labels by code, in the list's order. Raises `KeyError` for an unknown list."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dated:
    """A line of the data files that is valid from a first to a last day; None if no source names that day."""

    valid_from: date | None = None
    valid_to: date | None = None
    source: str
    guess: bool = False

    def valid_on(self, day: date) -> bool:
        """Return whether it is valid on that day."""
        return (self.valid_from or day) <= day <= (self.valid_to or day)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureCode(_Dated):
    """A mã TTHC."""

    code: str
    covers: str | None = None


class FieldType(StrEnum):
    """How a form takes the value of a field."""

    TEXT = "text"
    DATE = "date"
    YEAR = "year"
    CODE = "code"
    ADDRESS = "address"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field of a form. `operation` is None for a field that the citizen declares.

    `code_list` is None for an address too: the list of its codes depends on the address (`units.py`).
    """

    name: str
    label_vi: str
    label_en: str
    from_registry: bool
    operation: Operation | None
    sensitive: bool
    type: FieldType
    required: bool
    code_list: str | None
    source: str
    guess: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRole:
    """A role of a person in the procedure, and the form's fields about that person, in order."""

    name: str
    fields: tuple[FormField, ...]

    def find_field(self, name: str) -> FormField | None:
        """Return the field with this name; None if the form doesn't have it."""
        return next((field for field in self.fields if field.name == name), None)


SUBJECT_ROLES: Mapping[Language, Mapping[str, str]] = {
    Language.VI: {
        "requester": "Người yêu cầu",
        "father": "Cha",
        "mother": "Mẹ",
        "husband": "Chồng",
        "wife": "Vợ",
        "deceased": "Người chết",
        "guest": "Người lưu trú",
        "household_head": "Chủ hộ",
    },
    Language.EN: {
        "requester": "requester",
        "father": "father",
        "mother": "mother",
        "husband": "husband",
        "wife": "wife",
        "deceased": "deceased",
        "guest": "guest",
        "household_head": "head of household",
    },
}
"""As whom a procedure asks about a person: the names of the roles in Vietnamese and English, by `SubjectRole.name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalBasis(_Dated):
    """A legal provision that allows reading the data."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One of the 25 essential services.

    `service_code` is the MaDVC (QĐ 362/QĐ-VPCP) that the registry gets, unless the connection maps it to another.
    """

    number: int
    slug: str
    name_vi: str
    name_en: str
    service_code: str
    service_code_guess: bool
    codes: tuple[ProcedureCode, ...]
    legal_bases: tuple[LegalBasis, ...]
    purpose: str
    purpose_en: str
    roles: tuple[SubjectRole, ...]

    @property
    def legal_basis(self) -> tuple[str, ...]:
        """Return the provisions as text."""
        return tuple(basis.text for basis in self.legal_bases)

    def legal_basis_on(self, day: date) -> tuple[str, ...]:
        """Return the provisions that are in force on that day, as text."""
        return tuple(basis.text for basis in self.legal_bases if basis.valid_on(day))

    def code_on(self, day: date) -> str | None:
        """Return the first mã TTHC valid on that day, or None."""
        return next((code.code for code in self.codes if code.valid_on(day)), None)

    def role(self, name: str) -> SubjectRole | None:
        """Return the role with this name; None if the procedure doesn't have it."""
        return next((role for role in self.roles if role.name == name), None)
