"""Operators over HTTP: sign in, sign out, list; and the dependency that protects every route of `/ops/v1`.

`Depends(operator)` identifies the caller; `Depends(SignedIn(Role.APPROVER))` requires a role as well.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from gateway.edge.requests import Body, StrictBody, check_acceptable
from gateway.edge.responses import Answer, Instant, OperatorCheck, add_route, respond
from gateway.errors import GatewayError
from gateway.errors.operators import LoginInvalid, RoleMissing
from gateway.errors.requests import Overloaded, RateLimited, StoreUnavailable, TokenInvalid, TokenMissing
from gateway.identifiers import OPERATORS
from gateway.oauth.bearer_web import read_authorization
from gateway.oauth.web import gateway_of
from gateway.operators.model import NAME, Login, Operator, OperatorState, RequestSource, Role
from gateway.operators.sessions import identify, login, logout, require_role
from gateway.operators.use_cases import list_operators

PREFIX = f"/{OPERATORS}/v1"


class LoginBody(Body):
    """`POST /ops/v1/sessions`."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$", examples=["lan.nguyen"])]
    password: Annotated[str, Field(min_length=1, max_length=512, repr=False)]
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False, description="The authenticator's code.")]


class SessionAnswer(Answer):
    """A session. The token is shown once; it ends after 30 minutes without a call, and at `expires_at` at the latest."""

    token: str
    expires_at: Instant


class OperatorAnswer(Answer):
    """One operator. `created_by` admitted them and saw their one-time code; `local` is a command without a sign-in.

    `admitted_in` is the change by which two people admitted them. `role_since` is when they enrolled or got their role.
    """

    name: str
    role: Role
    state: OperatorState
    created_at: Instant
    created_by: str
    admitted_in: str | None
    role_since: Instant | None


class OperatorsAnswer(Answer):
    """Every operator, by name."""

    operators: list[OperatorAnswer]


class SignedIn(OperatorCheck):
    """A dependency that returns the calling operator, who must have one of these roles (none: any role)."""

    refuses: tuple[type[GatewayError], ...] = (TokenMissing, TokenInvalid)

    def __init__(self, *roles: Role) -> None:
        self.roles = roles
        if roles:
            self.refuses = (*SignedIn.refuses, RoleMissing)

    async def __call__(self, request: Request) -> Operator:
        """Return the operator. Raises `TokenMissing`, `TokenInvalid`, `RoleMissing`."""
        found = await identify(gateway_of(request), _read_token(request))
        request.state.known = True
        if self.roles:
            await require_role(gateway_of(request), found, *self.roles, source=source_of(request))
        return found


operator = SignedIn()
"""The dependency of a route that any operator may call."""

AnyOperator = Annotated[Operator, Depends(operator)]


def build_router() -> APIRouter:
    """Return the routes of operators."""
    router = APIRouter(prefix=PREFIX)
    add = partial(add_route, router)
    refused = (LoginInvalid, RateLimited, Overloaded, StoreUnavailable)
    shown = "Signed in; the token is shown only now"
    add("POST", "/sessions", _open_session, "Sign in", SessionAnswer, *refused, status=201, description=shown)
    ended = "The session has ended"
    add("DELETE", "/sessions/current", _close_session, "Sign out", None, status=204, description=ended)
    summary = "Every operator, with role and state"
    add("GET", "/operators", _list_operators, summary, OperatorsAnswer)
    return router


async def _open_session(
    request: Request, body: Annotated[LoginBody, Depends(StrictBody(LoginBody))]
) -> Response:
    state = request.app.state
    tried = Login(name=body.name, password=body.password, totp=body.totp)
    session = await login(
        gateway_of(request), state.passwords, state.throttle, tried, source=source_of(request)
    )
    request.state.known = True
    return respond(SessionAnswer.of(session), status=201)


async def _close_session(request: Request, caller: AnyOperator) -> Response:
    del caller
    await logout(gateway_of(request), _read_token(request), source=source_of(request))
    return Response(status_code=204)


async def _list_operators(
    request: Request, caller: AnyOperator, acceptable: Annotated[None, Depends(check_acceptable)]
) -> Response:
    del caller, acceptable
    found = await list_operators(gateway_of(request).deps)
    return respond(OperatorsAnswer(operators=[OperatorAnswer.of(each) for each in found]))


def source_of(request: Request) -> RequestSource:
    """Return the address and the ids of a call."""
    return RequestSource(
        address=request.client.host if request.client else "",
        request_id=request.state.request_id,
        correlation_id=request.state.correlation_id,
    )


def _read_token(request: Request) -> str:
    _, token = read_authorization(request, "bearer")
    return token
