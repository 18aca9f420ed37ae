"""`/ops/v1`: profiles, revisions and changes over HTTP. Every route asks which operator is calling.

Parse, one use case, shape. Who may do what is `rules.py`'s, inside the commit of the act.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.changes import reading, use_cases
from gateway.changes.answers import (
    ChangeAnswer,
    ChangesAnswer,
    OneChangeAnswer,
    PreflightAnswer,
    ProfileAnswer,
    ProfilesAnswer,
    RevisionsAnswer,
    shape_change,
    shape_changes,
    shape_one,
    shape_preflight,
    shape_profile,
    shape_revision,
)
from gateway.changes.bodies import ApprovalBody, PreflightBody, ProposalBody, ReasonBody
from gateway.changes.proposals import propose_body
from gateway.changes.suspend import suspend_profile
from gateway.changes.trial import Trial
from gateway.edge.answers import respond
from gateway.edge.bodies import OptionalBody, StrictBody, check_acceptable, check_empty
from gateway.edge.guards import refuses
from gateway.errors.commands import StateWrong
from gateway.errors.operators import (
    DiffChanged,
    PreflightBudgetSpent,
    PreflightFailed,
    RoleMissing,
    SameOperator,
)
from gateway.errors.places import Overloaded
from gateway.errors.requests import NotFound
from gateway.oauth.web import gateway_of
from gateway.operators.web import PREFIX, AnyOperator
from gateway.places import Profile

Acceptable = Annotated[None, Depends(check_acceptable)]
NoBody = Annotated[None, Depends(check_empty)]
Reason = Annotated[ReasonBody, Depends(OptionalBody(ReasonBody))]

_MAY_NOT = (RoleMissing, StateWrong, NotFound, Overloaded)
_NOT_ALONE = (*_MAY_NOT, SameOperator)


def build_router() -> APIRouter:
    """Return the routes on profiles and changes."""
    router = APIRouter(prefix=PREFIX, tags=["changes"])
    _add_reading(router)
    _add_acts(router)
    return router


def _add_reading(router: APIRouter) -> None:
    router.add_api_route(
        "/profiles",
        _list_profiles,
        methods=["GET"],
        operation_id="list_profiles",
        summary="Both profiles: state, active revision, days left, policy",
        responses={200: {"model": ProfilesAnswer}},
    )
    router.add_api_route(
        "/profiles/{profile}/revisions",
        _list_revisions,
        methods=["GET"],
        operation_id="list_revisions",
        summary="A profile's revisions; secrets stay sealed",
        openapi_extra=refuses(NotFound),
        responses={200: {"model": RevisionsAnswer}},
    )
    router.add_api_route(
        "/changes",
        _list_changes,
        methods=["GET"],
        operation_id="list_changes",
        summary="Every change, the newest first",
        responses={200: {"model": ChangesAnswer}},
    )
    router.add_api_route(
        "/changes/{change}",
        _show_change,
        methods=["GET"],
        operation_id="get_change",
        summary="One change, with the lines of its preflight",
        openapi_extra=refuses(NotFound),
        responses={200: {"model": OneChangeAnswer}},
    )


def _add_acts(router: APIRouter) -> None:
    router.add_api_route(
        "/changes",
        _propose,
        methods=["POST"],
        operation_id="propose_change",
        summary="Propose a change; nothing holds yet",
        status_code=201,
        openapi_extra=refuses(RoleMissing, StateWrong, Overloaded),
        responses={201: {"model": ChangeAnswer, "description": "Proposed"}},
    )
    for path, endpoint, summary, answer, refused in (
        (
            "preflight",
            _preflight,
            "Try it outside of service",
            PreflightAnswer,
            (*_MAY_NOT, PreflightBudgetSpent),
        ),
        (
            "approve",
            _approve,
            "Approve exactly this diff",
            ChangeAnswer,
            (*_NOT_ALONE, DiffChanged, PreflightFailed),
        ),
        ("activate", _activate, "Let it happen", ChangeAnswer, (*_NOT_ALONE, DiffChanged, PreflightFailed)),
        ("reject", _reject, "End the proposal", ChangeAnswer, _MAY_NOT),
        ("rollback", _roll_back, "Return to the former revision", ChangeAnswer, _NOT_ALONE),
    ):
        router.add_api_route(
            f"/changes/{{change}}/{path}",
            endpoint,
            methods=["POST"],
            operation_id=f"{path}_change",
            summary=summary,
            openapi_extra=refuses(*refused),
            responses={200: {"model": answer}},
        )
    router.add_api_route(
        "/profiles/{profile}/suspend",
        _suspend,
        methods=["POST"],
        operation_id="suspend_profile",
        summary="Ask the registry nothing more, at once; one person's act",
        openapi_extra=refuses(RoleMissing, StateWrong, NotFound, Overloaded),
        responses={200: {"model": ProfileAnswer}},
    )


async def _list_profiles(request: Request, caller: AnyOperator, acceptable: Acceptable) -> Response:
    del caller, acceptable
    views = await reading.list_profiles(gateway_of(request))
    return respond(ProfilesAnswer(profiles=[shape_profile(view) for view in views]))


async def _list_revisions(
    request: Request, caller: AnyOperator, acceptable: Acceptable, profile: str
) -> Response:
    del caller, acceptable
    found = await reading.list_revisions(gateway_of(request), _profile(profile))
    return respond(
        RevisionsAnswer(
            revisions=[shape_revision(view.revision, view.state, view.days_left) for view in found]
        )
    )


async def _list_changes(request: Request, caller: AnyOperator, acceptable: Acceptable) -> Response:
    del caller, acceptable
    return respond(shape_changes(await reading.list_changes(gateway_of(request))))


async def _show_change(
    request: Request, caller: AnyOperator, acceptable: Acceptable, change: str
) -> Response:
    del caller, acceptable
    return respond(shape_one(await use_cases.get_change(gateway_of(request), change)))


async def _propose(
    request: Request, caller: AnyOperator, body: Annotated[ProposalBody, Depends(StrictBody(ProposalBody))]
) -> Response:
    change = await propose_body(gateway_of(request), caller, body)
    return respond(shape_change(change), status=201)


async def _preflight(
    request: Request,
    caller: AnyOperator,
    change: str,
    body: Annotated[PreflightBody, Depends(OptionalBody(PreflightBody))],
) -> Response:
    trial = Trial(way_out=request.app.state.way_out, actor=caller.name, login_only=body.login_only)
    after, found = await use_cases.preflight_change(gateway_of(request), caller, change, trial)
    return respond(shape_preflight(after, found))


async def _approve(
    request: Request,
    caller: AnyOperator,
    change: str,
    body: Annotated[ApprovalBody, Depends(StrictBody(ApprovalBody))],
) -> Response:
    return respond(
        shape_change(await use_cases.approve_change(gateway_of(request), caller, change, body.diff_hash))
    )


async def _activate(request: Request, caller: AnyOperator, change: str, body: NoBody) -> Response:
    del body
    done = await use_cases.activate_change(gateway_of(request), caller, change)
    return respond(shape_change(done.change, done))


async def _reject(request: Request, caller: AnyOperator, change: str, body: Reason) -> Response:
    return respond(
        shape_change(await use_cases.reject_change(gateway_of(request), caller, change, body.reason))
    )


async def _roll_back(request: Request, caller: AnyOperator, change: str, body: Reason) -> Response:
    return respond(
        shape_change(await use_cases.roll_back_change(gateway_of(request), caller, change, body.reason))
    )


async def _suspend(request: Request, caller: AnyOperator, profile: str, body: Reason) -> Response:
    gateway, place = gateway_of(request), _profile(profile)
    await suspend_profile(gateway, caller, place, body.reason)
    return respond(shape_profile(await reading.get_profile(gateway, place)))


def _profile(text: str) -> Profile:
    try:
        return Profile(text)
    except ValueError:
        raise NotFound from None
