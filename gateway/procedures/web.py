"""The catalogue over HTTP: the services, and one service's forms with the caller's grants."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field
from starlette.responses import Response

from gateway.clock import today
from gateway.edge.requests import check_acceptable
from gateway.edge.responses import Answer, add_route, respond
from gateway.errors.requests import NotFound
from gateway.oauth.web import Call, Checks
from gateway.procedures.model import FormField, Operation


class ProcedureSummary(Answer):
    """A service: `code` is the mã TTHC valid today, or null."""

    slug: str
    code: str | None
    name_vi: str
    name_en: str
    roles: list[str]


class ProceduresAnswer(Answer):
    """The essential services, in the order of Đề án 06."""

    procedures: list[ProcedureSummary]


class FieldAnswer(Answer):
    """A field of a form: the registry returns it with `operation`, or the citizen declares it."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    name: str
    label_vi: str
    label_en: str
    brought_by: Literal["registry", "citizen"] = Field(alias="from")
    sensitive: bool
    granted: bool
    operation: Operation | None = None


class RoleAnswer(Answer):
    """The fields of a form about one role."""

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


AnyCall = Annotated[Call[None], Depends(Checks(None, check_acceptable))]


def build_router() -> APIRouter:
    """Return the routes of every profile."""
    router = APIRouter(prefix="/{profile}/v1")
    add_route(router, "GET", "/procedures", _list_procedures, "The essential services", ProceduresAnswer)
    path, summary = "/procedures/{procedure}", "One service and its forms"
    add_route(router, "GET", path, _get_procedure, summary, ProcedureAnswer)
    return router


async def _list_procedures(call: AnyCall) -> Response:
    deps = call.deps
    day = today(deps.clock)
    summaries = [
        ProcedureSummary.of(each, code=each.code_on(day), roles=[role.name for role in each.roles])
        for each in deps.catalogue.procedures
    ]
    return respond(ProceduresAnswer(procedures=summaries))


async def _get_procedure(call: AnyCall, procedure: str) -> Response:
    deps, caller = call.deps, call.caller
    day = today(deps.clock)
    found = deps.catalogue.find(procedure, day)
    if found is None:
        raise NotFound
    roles = [
        RoleAnswer(
            role=role.name,
            fields=[
                _shape_field(field, granted=caller.grants.allows_field(found.slug, role.name, field.name))
                for field in role.fields
            ],
        )
        for role in found.roles
    ]
    legal_basis = list(found.legal_basis_on(day))
    return respond(ProcedureAnswer.of(found, code=found.code_on(day), roles=roles, legal_basis=legal_basis))


def _shape_field(field: FormField, *, granted: bool) -> FieldAnswer:
    operation = {"operation": field.operation} if field.operation else {}
    return FieldAnswer(
        name=field.name,
        label_vi=field.label_vi,
        label_en=field.label_en,
        brought_by="registry" if field.from_registry else "citizen",
        sensitive=field.sensitive,
        granted=field.from_registry and granted,
        **operation,
    )
