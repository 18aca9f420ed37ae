"""`/ops/v1`: profiles, revisions and changes over HTTP. Every route requires a signed-in operator.

A route parses, calls one use case and shapes the answer; `rules.py` checks inside the commit who may do what.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.changes import lifecycle, store
from gateway.changes.kind import PreflightOptions
from gateway.changes.propose import propose_body
from gateway.changes.requests import ApprovalBody, PreflightBody, ProposalBody, ReasonBody
from gateway.changes.responses import (
    ChangeAnswer,
    ChangesAnswer,
    OneChangeAnswer,
    PreflightAnswer,
    ProfileAnswer,
    ProfilesAnswer,
    RevisionsAnswer,
    shape_change,
    shape_one,
    shape_preflight,
    shape_revision,
)
from gateway.clock import today
from gateway.edge.requests import OptionalBody, StrictBody, check_acceptable, check_empty
from gateway.edge.responses import add_route, respond
from gateway.errors.operators import (
    DiffChanged,
    PreflightBudgetSpent,
    PreflightFailed,
    RoleMissing,
    SameOperator,
    StateWrong,
)
from gateway.errors.requests import NotFound, StoreUnavailable
from gateway.identifiers import Profile
from gateway.oauth.web import gateway_of
from gateway.operators.web import PREFIX, AnyOperator
from gateway.profiles.state import describe_profile

Acceptable = Annotated[None, Depends(check_acceptable)]
NoBody = Annotated[None, Depends(check_empty)]
Reason = Annotated[ReasonBody, Depends(OptionalBody(ReasonBody))]

_MAY_NOT = (RoleMissing, StateWrong, NotFound, StoreUnavailable)
_NOT_ALONE = (*_MAY_NOT, SameOperator)
_NOT_MADE = (RoleMissing, StateWrong, StoreUnavailable)
_NOT_RUN = (*_MAY_NOT, PreflightBudgetSpent)
_NOT_READY = (*_NOT_ALONE, DiffChanged, PreflightFailed)
"""What the steps of a change are refused with."""


def build_router() -> APIRouter:
    """Return the routes on profiles and changes."""
    router = APIRouter(prefix=PREFIX)
    add = partial(add_route, router)
    summary = "Both profiles: state, active revision, days left, policy"
    add("GET", "/profiles", _list_profiles, summary, ProfilesAnswer)
    summary = "A profile's revisions; secrets stay sealed"
    add("GET", "/profiles/{profile}/revisions", _list_revisions, summary, RevisionsAnswer, NotFound)
    add("GET", "/changes", _list_changes, "Every change, the newest first", ChangesAnswer)
    summary = "One change, with the lines of its preflight"
    add("GET", "/changes/{change}", _get_change, summary, OneChangeAnswer, NotFound)
    act = partial(add, "POST")
    summary, proposed = "Propose a change; nothing is applied yet", "Proposed"
    act("/changes", _propose_change, summary, ChangeAnswer, *_NOT_MADE, status=201, description=proposed)
    summary = "Run its preflight, which affects no portal"
    act("/changes/{change}/preflight", _preflight_change, summary, PreflightAnswer, *_NOT_RUN)
    act("/changes/{change}/approve", _approve_change, "Approve exactly this diff", ChangeAnswer, *_NOT_READY)
    act("/changes/{change}/activate", _activate_change, "Apply the change", ChangeAnswer, *_NOT_READY)
    act("/changes/{change}/reject", _reject_change, "End the proposal", ChangeAnswer, *_MAY_NOT)
    summary = "Return to the former revision"
    act("/changes/{change}/rollback", _rollback_change, summary, ChangeAnswer, *_NOT_ALONE)
    summary = "Suspend a profile at once, as one person: the registry is asked nothing more"
    act("/profiles/{profile}/suspend", _suspend_profile, summary, ProfileAnswer, *_MAY_NOT)
    return router


async def _list_profiles(request: Request, _caller: AnyOperator, _acceptable: Acceptable) -> Response:
    gateway = gateway_of(request)
    found = [await describe_profile(gateway, profile) for profile in gateway.places]
    return respond(ProfilesAnswer.model_validate({"profiles": found}))


async def _list_revisions(
    request: Request, _caller: AnyOperator, _acceptable: Acceptable, profile: str
) -> Response:
    gateway = gateway_of(request)
    async with gateway.deps.database.read() as transaction:
        found = await store.list_revisions(transaction, _parse_profile(profile))
    on = today(gateway.deps.clock)
    return respond(
        RevisionsAnswer(revisions=[shape_revision(revision, state, on=on) for revision, state in found])
    )


async def _list_changes(request: Request, _caller: AnyOperator, _acceptable: Acceptable) -> Response:
    found = await lifecycle.list_changes(gateway_of(request))
    return respond(ChangesAnswer(changes=[shape_change(change) for change in found]))


async def _get_change(
    request: Request, _caller: AnyOperator, _acceptable: Acceptable, change: str
) -> Response:
    return respond(shape_one(await lifecycle.get_change(gateway_of(request), change)))


async def _propose_change(
    request: Request, caller: AnyOperator, body: Annotated[ProposalBody, Depends(StrictBody(ProposalBody))]
) -> Response:
    change = await propose_body(gateway_of(request), caller, body)
    return respond(shape_change(change), status=201)


async def _preflight_change(
    request: Request,
    caller: AnyOperator,
    change: str,
    body: Annotated[PreflightBody, Depends(OptionalBody(PreflightBody))],
) -> Response:
    options = PreflightOptions(
        preflight_network=request.app.state.preflight_network, actor=caller.name, login_only=body.login_only
    )
    after, found = await lifecycle.preflight_change(gateway_of(request), caller, change, options)
    return respond(shape_preflight(after, found))


async def _approve_change(
    request: Request,
    caller: AnyOperator,
    change: str,
    body: Annotated[ApprovalBody, Depends(StrictBody(ApprovalBody))],
) -> Response:
    after = await lifecycle.approve_change(gateway_of(request), caller, change, body.diff_hash)
    return respond(shape_change(after))


async def _activate_change(request: Request, caller: AnyOperator, change: str, _body: NoBody) -> Response:
    return respond(shape_change(await lifecycle.activate_change(gateway_of(request), caller, change)))


async def _reject_change(request: Request, caller: AnyOperator, change: str, body: Reason) -> Response:
    after = await lifecycle.reject_change(gateway_of(request), caller, change, body.reason)
    return respond(shape_change(after))


async def _rollback_change(request: Request, caller: AnyOperator, change: str, body: Reason) -> Response:
    after = await lifecycle.roll_back_change(gateway_of(request), caller, change, body.reason)
    return respond(shape_change(after))


async def _suspend_profile(request: Request, caller: AnyOperator, profile: str, body: Reason) -> Response:
    gateway, named = gateway_of(request), _parse_profile(profile)
    await lifecycle.suspend_profile(gateway, caller, named, body.reason)
    return respond(ProfileAnswer.model_validate(await describe_profile(gateway, named)))


def _parse_profile(text: str) -> Profile:
    try:
        return Profile(text)
    except ValueError:
        raise NotFound from None
