"""An essential service: its codes, its roles and the form of each role.

`catalogue.py` reads and checks them. A mã TTHC changes with time and level, a MaDVC doesn't, so a service keeps
the two apart. Each line of the data files names its source, and says where it is a guess.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.procedures.fields import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dated:
    """What is valid from a first to a last day; None where no source names one."""

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
    name_source: str
    service_code: str
    service_code_source: str
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

    def form(self, role: str) -> tuple[FormField, ...]:
        """Return the fields of a role in order; raises KeyError for a role that the procedure doesn't have."""
        return {each.name: each.fields for each in self.roles}[role]
