"""A profile's OAuth endpoints over HTTP, and the checks of its API's calls (RFC 6749, 7009, 7662, 7517)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from gateway.accounts.model import Account, Caller
from gateway.edge.requests import RouteChecks, body_of, find_repeated
from gateway.edge.responses import add_route, refuses
from gateway.errors.requests import (
    NotFound,
    StoreUnavailable,
)
from gateway.identifiers import Profile
from gateway.keys.model import SigningRing
from gateway.oauth.bearer_web import Bearer
from gateway.oauth.responses import (
    OWN_TOKEN_FORM,
    TOKEN_FORM,
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
    resource_metadata,
    server_metadata,
)
from gateway.oauth.tokens import OAuthRefusal, OAuthRequest
from gateway.oauth.use_cases import OTHER_RESOURCE, authenticate_client, grant_token, introspect, revoke
from gateway.profiles.model import Dependencies, Gateway, Place

_FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MAX_MEMBERS = 32

UseCase = Callable[[Dependencies, Place, Account, OAuthRequest], Awaitable[dict[str, Any]]]
Parsed = TypeVar("Parsed")


def gateway_of(request: Request) -> Gateway:
    """Return the gateway from the application's state."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def place_of(request: Request, profile: str) -> Place:
    """Return the place of the profile in a path.

    Raises:
        NotFound: the word is no profile, or the profile isn't served here.
    """
    gateway: Gateway = request.app.state.gateway
    try:
        place = gateway.places[Profile(profile)]
    except ValueError:
        raise NotFound from None
    if not gateway.clients.serves(place.profile):
        raise NotFound
    return place


AtPlace = Annotated[Place, Depends(place_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Parsed]):
    """One request to the API that passed its checks."""

    request: Request
    deps: Dependencies
    place: Place
    caller: Caller
    body: Parsed


class Checks(RouteChecks, Generic[Parsed]):
    """A dependency that runs a route's checks in the contract's order; the OpenAPI document is built from `checks`."""

    makes: type[Call[Any]] = Call

    def __init__(self, scope: str | Bearer | None, read: Callable[[Request], Awaitable[Parsed]]) -> None:
        self._bearer, self._read = scope if isinstance(scope, Bearer) else Bearer(scope), read
        self.checks: tuple[object, ...] = (self._bearer, read)

    async def run(self, request: Request, profile: str) -> Any:
        """Return the call, as `makes` has it. Raises what `place_of`, `Bearer` and `StrictBody` raise."""
        place = await place_of(request, profile)
        caller = await self._bearer(request, place)
        body = await self._read(request)
        deps: Dependencies = request.app.state.gateway.deps
        return self.makes(request=request, deps=deps, place=place, caller=caller, body=body)


class AtEndpoint(RouteChecks):
    """The dependency of the OAuth endpoints, whose refusals have a form of their own."""

    async def run(self, request: Request, profile: str) -> tuple[Request, Place]:
        """Return the request and its place. Raises `NotFound`."""
        return request, await place_of(request, profile)


ClientCall = Annotated[tuple[Request, Place], Depends(AtEndpoint())]


def build_router() -> APIRouter:
    """Return the OAuth routes of every profile."""
    router = APIRouter()
    _add_endpoints(router)
    _add_open_documents(router)
    return router


def _add_endpoints(router: APIRouter) -> None:
    of_own_token = (OWN_TOKEN_FORM, RequestRefused)
    for path, endpoint, summary, answer, (form, refused) in (
        ("token", _issue_token, "Issue an access token", TokenAnswer, (TOKEN_FORM, TokenRefused)),
        (
            "introspect",
            _introspect_token,
            "Introspect the client's own token",
            ActiveToken | InactiveToken,
            of_own_token,
        ),
        ("revoke", _revoke_token, "Revoke the client's own token", RevokedAnswer, of_own_token),
    ):
        router.add_api_route(
            f"/{{profile}}/oauth2/{path}",
            endpoint,
            methods=["POST"],
            operation_id=endpoint.__name__.removeprefix("_"),
            summary=summary,
            openapi_extra={
                "requestBody": {"required": True, "content": {_FORM: {"schema": form}}},
                **refuses(StoreUnavailable),
            },
            responses={
                200: {"model": answer},
                400: {"model": refused},
                401: {"model": ClientProofRefused},
                429: {"model": GuessesRefused},
            },
        )


def _add_open_documents(router: APIRouter) -> None:
    add, well_known = partial(add_route, router, "GET"), "/.well-known/oauth"
    add("/{profile}/jwks.json", _get_token_keys, "Keys of access tokens", PublicKeys)
    add("/{profile}/receipt-keys.json", _get_receipt_keys, "Keys of receipts", PublicKeys)
    path = f"{well_known}-authorization-server/{{profile}}"
    add(path, _get_server_metadata, "RFC 8414 metadata", ServerMetadata)
    path = f"{well_known}-protected-resource/{{profile}}/v1"
    add(path, _get_resource_metadata, "RFC 9728 metadata", ResourceMetadata)


async def _issue_token(call: ClientCall) -> Response:
    return await _answer(call, grant_token)


async def _introspect_token(call: ClientCall) -> Response:
    return await _answer(call, introspect)


async def _revoke_token(call: ClientCall) -> Response:
    return await _answer(call, revoke)


async def _answer(call: ClientCall, use_case: UseCase) -> Response:
    """Authenticate the client, then run one use case; a refusal is an RFC 6749 §5.2 error object."""
    request, place = call
    state = request.app.state
    deps: Dependencies = state.gateway.deps
    try:
        arrived = _read(request)
        account = await authenticate_client(deps, place, arrived, throttle=state.throttle, rates=state.rates)
        request.state.known, request.state.account = True, account.client_id
        members = await use_case(deps, place, account, arrived)
    except OAuthRefusal as refusal:
        request.state.refused_with = refusal.error
        return _refused(request, refusal)
    return JSONResponse(members, headers=_NO_STORE)


def _read(request: Request) -> OAuthRequest:
    """Read the form: UTF-8, each parameter but `resource` once; empty and unknown parameters are ignored (RFC 6749 §3.2).

    Raises:
        OAuthRefusal
    """
    media_types = [
        named.partition(";")[0].strip().lower() for named in request.headers.getlist("content-type")
    ]
    if media_types != [_FORM]:
        raise OAuthRefusal("invalid_request", f"send {_FORM}")
    try:
        pairs = parse_qsl(
            body_of(request).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_MEMBERS,
        )
    except ValueError:
        raise OAuthRefusal("invalid_request", "the form can't be read") from None
    if find_repeated([pair for pair in pairs if pair[0] != "resource"]):
        raise OAuthRefusal("invalid_request", "a parameter is repeated")
    # RFC 8707 allows several, but a token is for one API: only the same one may come again.
    if len({value for name, value in pairs if name == "resource" and value}) > 1:
        raise OAuthRefusal("invalid_target", OTHER_RESOURCE)
    return OAuthRequest(
        path=request.scope["path"],
        address=request.client.host if request.client else "",
        form={name: value for name, value in pairs if value},
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


async def _get_token_keys(request: Request, place: AtPlace) -> Response:
    return _key_set(request, place.tokens)


async def _get_receipt_keys(request: Request, place: AtPlace) -> Response:
    return _key_set(request, place.receipts)


def _key_set(request: Request, keys: SigningRing) -> Response:
    # A new key is published three minutes before its use, so that every cached set has it.
    members = keys.public_set(now=gateway_of(request).deps.clock.now())
    return JSONResponse(members, headers={"Cache-Control": "public, max-age=60"})


async def _get_server_metadata(place: AtPlace) -> Response:
    return JSONResponse(server_metadata(place))


async def _get_resource_metadata(place: AtPlace) -> Response:
    return JSONResponse(resource_metadata(place))
