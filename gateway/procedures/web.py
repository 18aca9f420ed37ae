"""The catalogue over HTTP: what procedures there are, and what a form holds for this caller."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from gateway.clock import today
from gateway.edge.bodies import check_acceptable
from gateway.errors import NotFound
from gateway.oauth.model import Caller
from gateway.oauth.web import Bearer, gateway_of
from gateway.procedures.model import FormField, Procedure, Role

AnyCaller = Annotated[Caller, Depends(Bearer(None))]
Acceptable = Annotated[None, Depends(check_acceptable)]


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["procedures"])
    router.add_api_route("/procedures", _list, methods=["GET"], summary="The essential services")
    router.add_api_route(
        "/procedures/{procedure}", _show, methods=["GET"], summary="One service and its forms"
    )
    return router


async def _list(request: Request, caller: AnyCaller, acceptable: Acceptable) -> Response:
    del caller, acceptable
    parts = gateway_of(request).parts
    day = today(parts.clock)
    return JSONResponse(
        {
            "procedures": [
                _summary(procedure, procedure.code_on(day)) for procedure in parts.catalogue.procedures
            ]
        }
    )


async def _show(request: Request, caller: AnyCaller, acceptable: Acceptable, procedure: str) -> Response:
    del acceptable
    parts = gateway_of(request).parts
    day = today(parts.clock)
    found = parts.catalogue.find(procedure, day)
    if found is None:
        raise NotFound
    return JSONResponse(
        _summary(found, found.code_on(day))
        | {
            "roles": [_role(found, role, caller) for role in found.roles],
            "legal_basis": list(found.legal_basis),
            "purpose": found.purpose,
            "purpose_en": found.purpose_en,
        }
    )


def _summary(procedure: Procedure, code: str | None) -> dict[str, Any]:
    return {
        "slug": procedure.slug,
        "code": code,
        "name_vi": procedure.name_vi,
        "name_en": procedure.name_en,
        "roles": [role.name for role in procedure.roles],
    }


def _role(procedure: Procedure, role: Role, caller: Caller) -> dict[str, Any]:
    return {"role": role.name, "fields": [_field(procedure, role, field, caller) for field in role.fields]}


def _field(procedure: Procedure, role: Role, field: FormField, caller: Caller) -> dict[str, Any]:
    members: dict[str, Any] = {
        "name": field.name,
        "label_vi": field.label_vi,
        "label_en": field.label_en,
        "from": "registry" if field.from_registry else "citizen",
        "sensitive": field.sensitive,
        "granted": field.from_registry and caller.grants.allows_field(procedure.slug, role.name, field.name),
    }
    if field.operation is not None:
        members["operation"] = field.operation.value
    return members
