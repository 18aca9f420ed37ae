"""Discrepancies over HTTP: portals file and read their own, operators read and resolve those of all accounts."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

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
    shape_disputed,
    shape_disputed_page,
)
from gateway.discrepancies.use_cases import (
    ROLES,
    file_discrepancy,
    get_own,
    list_all,
    list_own,
    read_one,
    resolve,
)
from gateway.edge.requests import StrictBody, StrictQuery, check_acceptable
from gateway.edge.responses import add_route, respond
from gateway.enquiries.call_web import KeyedCall, KeyedChecks, to_kept_answer
from gateway.enquiries.idempotency_store import KeptAnswer
from gateway.enquiries.model import DiscrepancyState
from gateway.errors.operators import StateWrong
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid, StoreUnavailable
from gateway.identifiers import Profile
from gateway.oauth.web import Call, Checks, gateway_of
from gateway.operators.model import Operator
from gateway.operators.web import PREFIX, SignedIn, source_of

Resolver = Annotated[Operator, Depends(SignedIn(*ROLES))]
Acceptable = Annotated[None, Depends(check_acceptable)]


def build_router() -> APIRouter:
    """Return the routes of portals and of operators."""
    router = APIRouter()
    # The operators' paths first: the first segment of a portal's path could be anything.
    router.routes += [*_build_operators().routes, *_build_portals().routes]
    return router


def _build_portals() -> APIRouter:
    router = APIRouter(prefix="/{profile}/v1/discrepancies")
    add_route(
        router,
        "POST",
        "",
        _file_discrepancy,
        "Report a wrong field of the registry",
        FiledAnswer,
        *(FieldUnknown, NotFound, RequestInvalid),
        status=201,
        description="Filed; the citizen declares the field",
        also={200: "The same is open already: the first one"},
    )
    summary = "The account's discrepancies, the newest first"
    add_route(router, "GET", "", _list_discrepancies, summary, DiscrepanciesAnswer)
    summary = "One of the account's discrepancies, and how it ended"
    add_route(router, "GET", "/{discrepancy_id}", _get_discrepancy, summary, DiscrepancyAnswer)
    return router


def _build_operators() -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/discrepancies")
    add = partial(add_route, router)
    summary = "The discrepancies of all accounts, without notes"
    add("GET", "", _list_all_discrepancies, summary, DisputedPageAnswer)
    summary = "One discrepancy with its note; reading it is recorded"
    add("GET", "/{discrepancy_id}", _read_discrepancy, summary, DisputedWithNoteAnswer, NotFound)
    summary = "End a discrepancy as corrected or rejected, with a reason for the citizen"
    refused, path = (NotFound, StateWrong, StoreUnavailable), "/{discrepancy_id}/resolve"
    add("POST", path, _resolve_discrepancy, summary, DisputedWithNoteAnswer, *refused)
    return router


async def _file_discrepancy(
    call: Annotated[KeyedCall[DiscrepancyBody], Depends(KeyedChecks("prefill", StrictBody(DiscrepancyBody)))],
) -> Response:
    body = call.body

    async def make() -> KeptAnswer:
        found, is_new = await file_discrepancy(
            call.deps, call.place, call.caller, prefill=body.prefill, field=body.field, note=body.note
        )
        return to_kept_answer(FiledAnswer.of(found), status=201 if is_new else 200)

    return await call.answer(make)


async def _list_discrepancies(
    call: Annotated[Call[DiscrepancyQuery], Depends(Checks("prefill", StrictQuery(DiscrepancyQuery)))],
) -> Response:
    page = await list_own(call.deps, call.place, call.caller, call.body.to_model())
    found = [DiscrepancyAnswer.of(each) for each in page.found]
    return respond(DiscrepanciesAnswer.of(page, discrepancies=found))


async def _get_discrepancy(
    call: Annotated[Call[None], Depends(Checks("prefill", check_acceptable))], discrepancy_id: str
) -> Response:
    found = await get_own(call.deps, call.place, call.caller, discrepancy_id)
    return respond(DiscrepancyAnswer.of(found))


async def _list_all_discrepancies(
    request: Request,
    caller: Resolver,
    query: Annotated[OperatorsQuery, Depends(StrictQuery(OperatorsQuery))],
) -> Response:
    profile = None if query.profile is None else Profile(query.profile)
    page = await list_all(gateway_of(request), caller, query.to_model(), profile, source=source_of(request))
    return respond(shape_disputed_page(page))


async def _read_discrepancy(
    request: Request, caller: Resolver, acceptable: Acceptable, discrepancy_id: str
) -> Response:
    del acceptable
    found = await read_one(gateway_of(request), caller, discrepancy_id, source=source_of(request))
    return respond(shape_disputed(found))


async def _resolve_discrepancy(
    request: Request,
    caller: Resolver,
    discrepancy_id: str,
    body: Annotated[ResolutionBody, Depends(StrictBody(ResolutionBody))],
) -> Response:
    found = await resolve(
        gateway_of(request),
        caller,
        discrepancy_id,
        DiscrepancyState(body.outcome),
        reason_vi=body.reason_vi,
        reason=body.reason,
        source=source_of(request),
    )
    return respond(shape_disputed(found))
