"""The control face's bearer token, which every route needs but `/livez` and `/metrics`."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

_BEARER = HTTPBearer(auto_error=False)


def _require_token(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> None:
    """Refuse a request without the token of its application (`app.state.control_token`).

    Raises:
        HTTPException: 401.
    """
    offered = sent.credentials if sent is not None else ""
    if not hmac.compare_digest(offered.encode(), request.app.state.control_token.encode()):
        raise HTTPException(401, "bearer token required", {"WWW-Authenticate": "Bearer"})


def guarded_router(tag: str) -> APIRouter:
    """Return an empty router whose routes need the token."""
    return APIRouter(tags=[tag], dependencies=[Depends(_require_token)])
