"""Discrepancies over HTTP: portals file and read their own, operators read and resolve those of all accounts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.discrepancies.resolution import ROLES, Resolution, list_all, read_one, resolve
from gateway.discrepancies.responses import (
    DiscrepanciesAnswer,
    DiscrepancyAnswer,
    DiscrepancyBody,
    DiscrepancyQuery,
    DisputedPageAnswer,
    DisputedWithNoteAnswer,
    FiledAnswer,
    OperatorsQuery,
    ResolutionBody,
    shape_discrepancy,
    shape_disputed,
    shape_disputed_page,
    shape_filed,
    shape_page,
)
from gateway.discrepancies.use_cases import file_discrepancy, get_own, list_own
from gateway.edge.requests import StrictBody, StrictQuery, check_acceptable
from gateway.edge.responses import refuses, respond
from gateway.enquiries.call_web import KeyedCall, KeyedChecks, to_kept_answer
from gateway.enquiries.idempotency_store import KeptAnswer
from gateway.enquiries.model import DiscrepancyState, Filing
from gateway.errors.operators import StateWrong
from gateway.errors.registry import StoreUnavailable
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid
from gateway.oauth.web import Call, Checks, gateway_of
from gateway.operators.model import Operator
from gateway.operators.web import PREFIX, SignedIn, source_of

Resolver = Annotated[Operator, Depends(SignedIn(*ROLES))]
Acceptable = Annotated[None, Depends(check_acceptable)]


def build_router() -> APIRouter:
    """Return the routes of portals and of operators."""
    router = APIRouter()
    _add_operators(router)  # before the portals' paths, whose first segment could be anything
    _add_portals(router)
    return router


def _add_portals(router: APIRouter) -> None:
    path, tags = "/{profile}/v1/discrepancies", ["discrepancies"]
    router.add_api_route(
        path,
        _file,
        methods=["POST"],
        tags=[*tags],
        operation_id="file_discrepancy",
        summary="Report a wrong field of the registry",
        status_code=201,
        openapi_extra=refuses(FieldUnknown, NotFound, RequestInvalid),
        responses={
            200: {"model": FiledAnswer, "description": "The same is open already: the first one"},
            201: {"model": FiledAnswer, "description": "Filed; the citizen declares the field"},
        },
    )
    router.add_api_route(
        path,
        _list,
        methods=["GET"],
        tags=[*tags],
        operation_id="list_discrepancies",
        summary="The account's discrepancies, the newest first",
        responses={200: {"model": DiscrepanciesAnswer}},
    )
    router.add_api_route(
        f"{path}/{{discrepancy_id}}",
        _get,
        methods=["GET"],
        tags=[*tags],
        operation_id="get_discrepancy",
        summary="One of the account's discrepancies, and how it ended",
        responses={200: {"model": DiscrepancyAnswer}},
    )


def _add_operators(router: APIRouter) -> None:
    path, tags = f"{PREFIX}/discrepancies", ["discrepancies of all accounts"]
    router.add_api_route(
        path,
        _list_all,
        methods=["GET"],
        tags=[*tags],
        operation_id="list_all_discrepancies",
        summary="The discrepancies of all accounts, without notes",
        responses={200: {"model": DisputedPageAnswer}},
    )
    router.add_api_route(
        f"{path}/{{discrepancy_id}}",
        _read,
        methods=["GET"],
        tags=[*tags],
        operation_id="read_discrepancy",
        summary="One discrepancy with its note; reading it is recorded",
        openapi_extra=refuses(NotFound),
        responses={200: {"model": DisputedWithNoteAnswer}},
    )
    router.add_api_route(
        f"{path}/{{discrepancy_id}}/resolve",
        _resolve,
        methods=["POST"],
        tags=[*tags],
        operation_id="resolve_discrepancy",
        summary="End a discrepancy as corrected or rejected, with a reason for the citizen",
        openapi_extra=refuses(NotFound, StateWrong, StoreUnavailable),
        responses={200: {"model": DisputedWithNoteAnswer}},
    )


async def _file(
    call: Annotated[KeyedCall[DiscrepancyBody], Depends(KeyedChecks("prefill", StrictBody(DiscrepancyBody)))],
) -> Response:
    filing = Filing(prefill=call.body.prefill, field=call.body.field, note=call.body.note)

    async def make() -> KeptAnswer:
        found, is_new = await file_discrepancy(call.deps, call.place, call.caller, filing)
        return to_kept_answer(shape_filed(found), status=201 if is_new else 200)

    return await call.answer(make)


async def _list(
    call: Annotated[Call[DiscrepancyQuery], Depends(Checks("prefill", StrictQuery(DiscrepancyQuery)))],
) -> Response:
    page = await list_own(call.deps, call.place, call.caller, call.body.to_model())
    return respond(shape_page(page))


async def _get(
    call: Annotated[Call[None], Depends(Checks("prefill", check_acceptable))], discrepancy_id: str
) -> Response:
    return respond(shape_discrepancy(await get_own(call.deps, call.place, call.caller, discrepancy_id)))


async def _list_all(
    request: Request,
    caller: Resolver,
    query: Annotated[OperatorsQuery, Depends(StrictQuery(OperatorsQuery))],
) -> Response:
    page = await list_all(
        gateway_of(request), caller, query.to_model(), query.of_profile(), source=source_of(request)
    )
    return respond(shape_disputed_page(page))


async def _read(request: Request, caller: Resolver, acceptable: Acceptable, discrepancy_id: str) -> Response:
    del acceptable
    found = await read_one(gateway_of(request), caller, discrepancy_id, source=source_of(request))
    return respond(shape_disputed(found))


async def _resolve(
    request: Request,
    caller: Resolver,
    discrepancy_id: str,
    body: Annotated[ResolutionBody, Depends(StrictBody(ResolutionBody))],
) -> Response:
    resolution = Resolution(
        state=DiscrepancyState(body.outcome), reason_vi=body.reason_vi, reason=body.reason
    )
    found = await resolve(gateway_of(request), caller, discrepancy_id, resolution, source=source_of(request))
    return respond(shape_disputed(found))
