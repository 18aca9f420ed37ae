"""A place's OAuth endpoints over HTTP, and the guard that every route of its API calls (RFC 6749, 7009, 7662, 7517)."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from gateway.edge.guards import CallerGuard, refuses
from gateway.edge.rates import RateLimits
from gateway.errors import GatewayError
from gateway.errors.callers import (
    AccountSuspended,
    DpopProofInvalid,
    ProfileMismatch,
    RateLimited,
    ScopeMissing,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from gateway.errors.places import Overloaded
from gateway.errors.requests import NotFound
from gateway.keys.model import SigningRing
from gateway.oauth.answers import (
    ActiveToken,
    ClientProofRefused,
    GuessesRefused,
    InactiveToken,
    PublicKeys,
    RequestRefused,
    ResourceMetadata,
    RevokedAnswer,
    ServerMetadata,
    TokenAnswer,
    TokenRefused,
)
from gateway.oauth.bearer import Presented, identify_caller
from gateway.oauth.bodies import OwnTokenForm, TokenForm, form_body
from gateway.oauth.metadata import resource_metadata, server_metadata
from gateway.oauth.model import Caller
from gateway.oauth.use_cases import Bounds, OAuthRefusal, OAuthRequest, grant_token, introspect, revoke
from gateway.places import Profile
from gateway.profiles.model import Gateway, Place

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MAX_MEMBERS = 32


def gateway_of(request: Request) -> Gateway:
    """Return the parts that `build_app` put beside the application."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def place_of(request: Request, profile: str) -> Place:
    """Return the place of a path. Raises `NotFound` for any other word."""
    try:
        return gateway_of(request).places[Profile(profile)]
    except ValueError:
        raise NotFound from None


AtPlace = Annotated[Place, Depends(place_of)]


class Bearer(CallerGuard):
    """A dependency that says who is calling and holds a scope (None: any token of this place)."""

    refuses: tuple[type[GatewayError], ...] = (
        TokenMissing,
        TokenInvalid,
        TokenExpired,
        DpopProofInvalid,
        ProfileMismatch,
        AccountSuspended,
        RateLimited,
    )

    def __init__(self, scope: str | None) -> None:
        self.scope = scope
        if scope is not None:
            self.refuses = (*Bearer.refuses, ScopeMissing)

    async def __call__(self, request: Request, place: AtPlace) -> Caller:
        """Return the caller; the contract's guards from 401 to `rate_limited`."""
        presented = Presented(
            authorization=request.headers.getlist("authorization"),
            proofs=request.headers.getlist("dpop"),
            method=request.method,
            path=request.url.path,
            request_id=request.state.request_id,
            correlation_id=request.state.correlation_id,
        )
        rates: RateLimits = request.app.state.rates
        caller = await identify_caller(gateway_of(request), place, presented, scope=self.scope, rates=rates)
        request.state.known = True
        return caller


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(tags=["oauth"])
    _add_endpoints(router)
    _add_open_documents(router)
    return router


def _add_endpoints(router: APIRouter) -> None:
    router.add_api_route(
        "/{profile}/oauth2/token",
        _token,
        methods=["POST"],
        operation_id="issue_token",
        summary="Issue an access token",
        openapi_extra={"requestBody": form_body(TokenForm), **refuses(Overloaded)},
        responses={
            200: {"model": TokenAnswer},
            400: {"model": TokenRefused},
            401: {"model": ClientProofRefused},
            429: {"model": GuessesRefused},
        },
    )
    router.add_api_route(
        "/{profile}/oauth2/introspect",
        _introspect,
        methods=["POST"],
        operation_id="introspect_token",
        summary="Look into one's own token",
        openapi_extra={"requestBody": form_body(OwnTokenForm), **refuses(Overloaded)},
        responses={
            200: {"model": ActiveToken | InactiveToken},
            400: {"model": RequestRefused},
            401: {"model": ClientProofRefused},
            429: {"model": GuessesRefused},
        },
    )
    router.add_api_route(
        "/{profile}/oauth2/revoke",
        _revoke,
        methods=["POST"],
        operation_id="revoke_token",
        summary="Revoke one's own token",
        openapi_extra={"requestBody": form_body(OwnTokenForm), **refuses(Overloaded)},
        responses={
            200: {"model": RevokedAnswer},
            400: {"model": RequestRefused},
            401: {"model": ClientProofRefused},
            429: {"model": GuessesRefused},
        },
    )


def _add_open_documents(router: APIRouter) -> None:
    for path, show, model, name, summary in (
        ("/{profile}/jwks.json", _token_keys, PublicKeys, "get_token_keys", "Keys of access tokens"),
        ("/{profile}/receipt-keys.json", _receipt_keys, PublicKeys, "get_receipt_keys", "Keys of receipts"),
        (
            "/.well-known/oauth-authorization-server/{profile}",
            _server_metadata,
            ServerMetadata,
            "get_server_metadata",
            "RFC 8414 metadata",
        ),
        (
            "/.well-known/oauth-protected-resource/{profile}/v1",
            _resource_metadata,
            ResourceMetadata,
            "get_resource_metadata",
            "RFC 9728 metadata",
        ),
    ):
        router.add_api_route(
            path,
            show,
            methods=["GET"],
            operation_id=name,
            summary=summary,
            responses={200: {"model": model}},
        )


async def _token(request: Request, place: AtPlace) -> Response:
    try:
        answer = await grant_token(
            gateway_of(request).parts, place, await _read(request), _bounds_of(request)
        )
    except OAuthRefusal as refusal:
        return _refused(request, refusal)
    request.state.known = True
    return JSONResponse(answer.members, status_code=answer.status, headers=_NO_STORE)


async def _introspect(request: Request, place: AtPlace) -> Response:
    try:
        members = await introspect(
            gateway_of(request).parts, place, await _read(request), _bounds_of(request)
        )
    except OAuthRefusal as refusal:
        return _refused(request, refusal)
    request.state.known = True
    return JSONResponse(members, headers=_NO_STORE)


async def _revoke(request: Request, place: AtPlace) -> Response:
    try:
        await revoke(gateway_of(request).parts, place, await _read(request), _bounds_of(request))
    except OAuthRefusal as refusal:
        return _refused(request, refusal)
    request.state.known = True
    return JSONResponse({}, headers=_NO_STORE)


def _bounds_of(request: Request) -> Bounds:
    return Bounds(guesses=request.app.state.guesses, rates=request.app.state.rates)


async def _read(request: Request) -> OAuthRequest:
    """Read the form: UTF-8, each parameter once, an empty one as if left out (RFC 6749 §3.2).

    Raises:
        OAuthRefusal
    """
    media_types = [
        named.partition(";")[0].strip().lower() for named in request.headers.getlist("content-type")
    ]
    if media_types != ["application/x-www-form-urlencoded"]:
        raise OAuthRefusal("invalid_request", "send application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_MEMBERS,
        )
    except ValueError:
        raise OAuthRefusal("invalid_request", "the form can't be read") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthRefusal("invalid_request", "a parameter is repeated")
    return OAuthRequest(
        path=request.url.path,
        request_id=request.state.request_id,
        address=request.client.host if request.client else "",
        form={name: value for name, value in form.items() if value},
        authorization=request.headers.getlist("authorization"),
        proofs=request.headers.getlist("dpop"),
    )


def _refused(request: Request, refusal: OAuthRefusal) -> Response:
    members = {"error": refusal.error}
    if refusal.description is not None:
        members["error_description"] = refusal.description
    headers = dict(_NO_STORE)
    if refusal.status == 401 and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="oauth2"'
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return JSONResponse(members, status_code=refusal.status, headers=headers)


async def _token_keys(request: Request, place: AtPlace) -> Response:
    return _key_set(request, place.tokens)


async def _receipt_keys(request: Request, place: AtPlace) -> Response:
    return _key_set(request, place.receipts)


def _key_set(request: Request, keys: SigningRing) -> Response:
    # A coming key stands here three minutes before it signs: every cached set has it by then.
    members = keys.public_set(now=gateway_of(request).parts.clock.now())
    return JSONResponse(members, headers={"Cache-Control": "public, max-age=60"})


async def _server_metadata(place: AtPlace) -> Response:
    return JSONResponse(server_metadata(place))


async def _resource_metadata(place: AtPlace) -> Response:
    return JSONResponse(resource_metadata(place))
