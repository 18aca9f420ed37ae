"""`GET /me`: what the calling account is and may do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.accounts.answers import MeAnswer, shape_me
from gateway.accounts.use_cases import list_credentials
from gateway.edge.answers import respond
from gateway.edge.bodies import check_acceptable
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.verifications.use_cases import read_budgets


def build_router() -> APIRouter:
    """Return the route of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["accounts"])
    router.add_api_route(
        "/me",
        _me,
        methods=["GET"],
        operation_id="get_me",
        summary="The calling account",
        responses={200: {"model": MeAnswer}},
    )
    return router


async def _me(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer(None))],
    acceptable: Annotated[None, Depends(check_acceptable)],
) -> Response:
    del acceptable
    parts = gateway_of(request).parts
    credentials = await list_credentials(parts, caller.account)
    used = await read_budgets(parts, place, caller)
    return respond(shape_me(caller.account, place.policy, credentials, used=used))
