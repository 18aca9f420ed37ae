"""What portals get of the catalogue: the contract's members, as the document shows them."""

from collections.abc import Callable
from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field

from gateway.edge.answers import Answer
from gateway.procedures.fields import Operation
from gateway.procedures.model import FormField, Procedure, Role

IsGranted = Callable[[str, str], bool]
"""Says whether the caller was granted a field of a role, by their names."""


class ProcedureSummary(Answer):
    """A service: `code` is the mã TTHC valid today, null where there is none."""

    slug: str
    code: str | None
    name_vi: str
    name_en: str
    roles: list[str]


class ProceduresAnswer(Answer):
    """The essential services, in the order of Đề án 06."""

    procedures: list[ProcedureSummary]


class FieldAnswer(Answer):
    """A form's field: brought by the registry, in one operation, or declared by the citizen."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    name: str
    label_vi: str
    label_en: str
    brought_by: Literal["registry", "citizen"] = Field(alias="from")
    sensitive: bool
    granted: bool
    operation: Operation | None = None


class RoleAnswer(Answer):
    """What a form holds about one role."""

    role: str
    fields: list[FieldAnswer]


class ProcedureAnswer(Answer):
    """A service with its forms."""

    slug: str
    code: str | None
    name_vi: str
    name_en: str
    roles: list[RoleAnswer]
    legal_basis: list[str]
    purpose: str
    purpose_en: str


def shape_summary(procedure: Procedure, day: date) -> ProcedureSummary:
    """Return one service of the list."""
    return ProcedureSummary(
        slug=procedure.slug,
        code=procedure.code_on(day),
        name_vi=procedure.name_vi,
        name_en=procedure.name_en,
        roles=[role.name for role in procedure.roles],
    )


def shape_procedure(procedure: Procedure, day: date, granted: IsGranted) -> ProcedureAnswer:
    """Return a service with its forms, saying what the caller was granted."""
    return ProcedureAnswer(
        slug=procedure.slug,
        code=procedure.code_on(day),
        name_vi=procedure.name_vi,
        name_en=procedure.name_en,
        roles=[_role(role, granted) for role in procedure.roles],
        legal_basis=list(procedure.legal_basis),
        purpose=procedure.purpose,
        purpose_en=procedure.purpose_en,
    )


def _role(role: Role, granted: IsGranted) -> RoleAnswer:
    return RoleAnswer(role=role.name, fields=[_field(role, field, granted) for field in role.fields])


def _field(role: Role, field: FormField, granted: IsGranted) -> FieldAnswer:
    answer = FieldAnswer(
        name=field.name,
        label_vi=field.label_vi,
        label_en=field.label_en,
        brought_by="registry" if field.from_registry else "citizen",
        sensitive=field.sensitive,
        granted=field.from_registry and granted(role.name, field.name),
    )
    return answer.model_copy(update={"operation": field.operation}) if field.operation else answer
