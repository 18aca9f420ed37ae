"""`GET /me`: what the calling account is and may do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from gateway.accounts.use_cases import list_credentials
from gateway.clock import rfc3339
from gateway.edge.bodies import check_acceptable
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.verifications.use_cases import count_wrong_claims


def build_router() -> APIRouter:
    """Return the route of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["accounts"])
    router.add_api_route("/me", _me, methods=["GET"], summary="The calling account")
    return router


async def _me(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer(None))],
    acceptable: Annotated[None, Depends(check_acceptable)],
) -> Response:
    del acceptable
    account = caller.account
    parts = gateway_of(request).parts
    credentials = await list_credentials(parts, account)
    used = await count_wrong_claims(parts, place, caller)
    return JSONResponse(
        {
            "client_id": account.client_id,
            "organisation": account.organisation,
            "profile": place.profile.value,
            "state": account.state.value,
            "authorization_details": caller.grants.to_details(),
            "scopes": sorted(caller.scopes),
            "budgets": {
                "account_hour": {"limit": place.policy.budget_account_hour, "used": used},
                "subject_day": {"limit": place.policy.budget_subject_day},
            },
            "credentials": [
                {"kind": kind, "expires_at": rfc3339(expires_at) if expires_at else None}
                for kind, expires_at in credentials
            ],
            "policy": {"reuse": place.policy.reuse, "reuse_seconds": place.policy.reuse_seconds},
        }
    )
