"""The catalogue over HTTP: what procedures there are, and what a form holds for this caller."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.clock import today
from gateway.edge.answers import respond
from gateway.edge.bodies import check_acceptable
from gateway.errors.requests import NotFound
from gateway.oauth.model import Caller
from gateway.oauth.web import Bearer, gateway_of
from gateway.procedures.answers import ProcedureAnswer, ProceduresAnswer, shape_procedure, shape_summary

AnyCaller = Annotated[Caller, Depends(Bearer(None))]
Acceptable = Annotated[None, Depends(check_acceptable)]


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["procedures"])
    router.add_api_route(
        "/procedures",
        _list,
        methods=["GET"],
        operation_id="list_procedures",
        summary="The essential services",
        responses={200: {"model": ProceduresAnswer}},
    )
    router.add_api_route(
        "/procedures/{procedure}",
        _show,
        methods=["GET"],
        operation_id="get_procedure",
        summary="One service and its forms",
        responses={200: {"model": ProcedureAnswer}},
    )
    return router


async def _list(request: Request, caller: AnyCaller, acceptable: Acceptable) -> Response:
    del caller, acceptable
    parts = gateway_of(request).parts
    day = today(parts.clock)
    return respond(
        ProceduresAnswer(procedures=[shape_summary(found, day) for found in parts.catalogue.procedures])
    )


async def _show(request: Request, caller: AnyCaller, acceptable: Acceptable, procedure: str) -> Response:
    del acceptable
    parts = gateway_of(request).parts
    day = today(parts.clock)
    found = parts.catalogue.find(procedure, day)
    if found is None:
        raise NotFound

    def granted(role: str, field: str) -> bool:
        return caller.grants.allows_field(found.slug, role, field)

    return respond(shape_procedure(found, day, granted))
