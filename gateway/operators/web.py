"""Operators over HTTP: sign in and out, who there is; and the guard that every route of `/ops/v1` calls.

`Depends(operator)` says who is calling, `Depends(SignedIn(Role.APPROVER))` holds a role as well.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.edge.answers import respond
from gateway.edge.bodies import StrictBody, check_acceptable
from gateway.edge.guards import OperatorGuard, refuses
from gateway.errors import GatewayError
from gateway.errors.callers import RateLimited, TokenInvalid, TokenMissing
from gateway.errors.operators import LoginInvalid, RoleMissing
from gateway.errors.places import Overloaded
from gateway.oauth.web import gateway_of
from gateway.operators.answers import OperatorsAnswer, SessionAnswer, shape_operators, shape_session
from gateway.operators.bodies import LoginBody
from gateway.operators.model import Arrival, Login, Operator, Role
from gateway.operators.sessions import identify, login, logout, require_role
from gateway.operators.use_cases import list_operators
from gateway.places import OPERATORS

PREFIX = f"/{OPERATORS}/v1"


def arrival_of(request: Request) -> Arrival:
    """Return whence a request came."""
    return Arrival(
        address=request.client.host if request.client else "",
        request_id=request.state.request_id,
        correlation_id=request.state.correlation_id,
    )


class SignedIn(OperatorGuard):
    """A dependency that says which operator is calling, and holds one of these roles (none: any role)."""

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
            await require_role(gateway_of(request), found, *self.roles, arrival=arrival_of(request))
        return found


operator = SignedIn()
"""The dependency of a route that any operator may call."""

AnyOperator = Annotated[Operator, Depends(operator)]


def build_router() -> APIRouter:
    """Return the routes of operators."""
    router = APIRouter(prefix=PREFIX, tags=["operators"])
    router.add_api_route(
        "/sessions",
        _login,
        methods=["POST"],
        operation_id="open_session",
        summary="Sign in",
        status_code=201,
        openapi_extra=refuses(LoginInvalid, RateLimited, Overloaded),
        responses={201: {"model": SessionAnswer, "description": "Signed in; the token is shown this once"}},
    )
    router.add_api_route(
        "/sessions/current",
        _logout,
        methods=["DELETE"],
        operation_id="close_session",
        summary="Sign out",
        status_code=204,
        responses={204: {"description": "The session is over"}},
    )
    router.add_api_route(
        "/operators",
        _list,
        methods=["GET"],
        operation_id="list_operators",
        summary="Every operator, with role and state",
        responses={200: {"model": OperatorsAnswer}},
    )
    return router


async def _login(request: Request, body: Annotated[LoginBody, Depends(StrictBody(LoginBody))]) -> Response:
    state = request.app.state
    tried = Login(name=body.name, password=body.password, totp=body.totp)
    arrival = arrival_of(request)
    session = await login(gateway_of(request), state.passwords, state.guesses, tried, arrival=arrival)
    request.state.known = True
    return respond(shape_session(session), status=201)


async def _logout(request: Request, caller: AnyOperator) -> Response:
    del caller
    await logout(gateway_of(request), _read_token(request), arrival=arrival_of(request))
    return Response(status_code=204)


async def _list(
    request: Request, caller: AnyOperator, acceptable: Annotated[None, Depends(check_acceptable)]
) -> Response:
    del caller, acceptable
    return respond(shape_operators(await list_operators(gateway_of(request).parts)))


def _read_token(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    if not headers:
        raise TokenMissing
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise TokenInvalid
    return token.strip()
