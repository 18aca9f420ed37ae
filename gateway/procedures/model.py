"""An essential service as the gateway needs it: its codes, its roles, and each role's form.

Frozen values only; they are read from data files by `catalogue.py`, which refuses what doesn't hold.
A mã TTHC changes with time and level, MaDVC doesn't: the two are kept apart. Source: each line of
the data files names its own, and says where it is a guess.
"""

from dataclasses import dataclass
from datetime import date

from gateway.procedures.fields import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureCode:
    """A mã TTHC of the national list and the days on which it is valid, both ends included.

    An absent end is open: nothing read says when the code began, or that it has ended.
    """

    code: str
    valid_from: date | None = None
    valid_to: date | None = None
    covers: str | None = None
    source: str
    guess: bool = False

    def valid_on(self, day: date) -> bool:
        """Say whether the code is in force on that day."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a role's form, brought by the registry or declared by the citizen.

    `operation` is set exactly for the registry's fields; `code_list` names the list a coded value is
    read in. An address has none here: its list depends on the address (`units.py`).
    """

    name: str
    label_vi: str
    label_en: str
    from_registry: bool
    operation: Operation | None
    sensitive: bool
    code_list: str | None
    source: str
    guess: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who a person is in the procedure, and the fields the form holds about them, in form order."""

    name: str
    fields: tuple[FormField, ...]

    def find_field(self, name: str) -> FormField | None:
        """Return the field of that name, if the form has it."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalBasis:
    """A provision under which the data are read."""

    text: str
    source: str
    guess: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One of the 25 essential services.

    `service_code` is MaDVC (QĐ 362/QĐ-VPCP), what the registry is told unless a connection maps it
    otherwise; `codes` are mã TTHC. `purpose` is Vietnamese, `purpose_en` the same in English.
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
    roles: tuple[Role, ...]

    @property
    def legal_basis(self) -> tuple[str, ...]:
        """Return the provisions as text."""
        return tuple(basis.text for basis in self.legal_bases)

    def code_on(self, day: date) -> str | None:
        """Return the first mã TTHC valid on that day, None where there is none."""
        return next((code.code for code in self.codes if code.valid_on(day)), None)

    def role(self, name: str) -> Role | None:
        """Return the role of that name, if the procedure has it."""
        return next((role for role in self.roles if role.name == name), None)

    def form(self, role: str) -> tuple[FormField, ...]:
        """Return the role's form fields in order; raises KeyError for a role it doesn't have."""
        found = self.role(role)
        if found is None:
            raise KeyError(role)
        return found.fields
