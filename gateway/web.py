"""The web application around opened parts: every room's routes, the document, the problems, the edge outermost."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp

from gateway import __version__
from gateway.accounts import web as accounts_web
from gateway.audit.refusals import Refusals
from gateway.changes import web as changes_web
from gateway.edge import health
from gateway.edge.context import BODY_SECONDS, Edge, first_segment
from gateway.edge.docs_page import docs_page
from gateway.edge.forwarded import TrustedProxies
from gateway.edge.guesses import Guesses
from gateway.edge.metrics import Metrics
from gateway.edge.openapi import build_openapi
from gateway.edge.problem_response import problem_response
from gateway.edge.problems import Internal, find_problem
from gateway.edge.rates import RateLimits
from gateway.errors import GatewayError
from gateway.errors.callers import CallerError
from gateway.errors.requests import MethodNotAllowed, NotFound
from gateway.measures import Measures
from gateway.oauth import web as oauth_web
from gateway.operators import web as operators_web
from gateway.operators.passwords import AT_ONCE, Passwords
from gateway.places import OPERATORS, Profile
from gateway.prefills import web as prefills_web
from gateway.procedures import web as procedures_web
from gateway.profiles.model import Gateway
from gateway.profiles.states import describe_enquiries, describe_profiles
from gateway.registry.probe_model import WayOut
from gateway.registry.transport import open_transport
from gateway.verifications import web as verifications_web
from gateway.verifications.flights import Flights


def build_app(
    gateway: Gateway,
    *,
    way_out: WayOut | None = None,
    metrics: Metrics | None = None,
    body_seconds: float = BODY_SECONDS,
    trusted_proxies: Sequence[str] = (),
) -> ASGIApp:
    """Return the web application around opened parts, the edge outermost; it counts in `metrics`, or its own.

    `way_out` is how preflights reach outside, the real one unless another is handed in; `trusted_proxies` are networks.
    """
    parts, places = gateway.parts, {profile.value for profile in Profile}
    metrics = metrics or Metrics()
    routes = _build_routes(gateway, metrics)
    routes.state.way_out = way_out or WayOut(open_transport=open_transport)
    return Edge(
        routes,
        base=parts.base,
        clock=parts.clock,
        test_data=lambda name: gateway.places[Profile(name)].test_data if name in places else None,
        metrics=metrics,
        body_seconds=body_seconds,
        proxies=TrustedProxies(trusted_proxies),
    )


def build_document(gateway: Gateway) -> dict[str, object]:
    """Return the OpenAPI document of the application."""
    return build_openapi(_build_routes(gateway, Metrics()))


def _build_routes(gateway: Gateway, metrics: Metrics) -> FastAPI:
    app = FastAPI(
        title="dancu-gateway",
        version=__version__,
        description="Verify a citizen once; fill forms without re-declaration. One place a profile.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    app.state.clock = gateway.parts.clock
    app.state.flights = Flights()
    app.state.metrics = metrics
    app.state.guesses = Guesses(gateway.parts.clock)
    app.state.rates = RateLimits(gateway.parts.clock)
    app.state.passwords = Passwords(ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords"))
    metrics.registry.register(
        Measures(gateway, rates=app.state.rates, guesses=app.state.guesses),
    )
    app.include_router(
        health.build_router(
            gateway.parts.database,
            profiles=lambda: describe_profiles(gateway),
            enquiries=lambda transaction: describe_enquiries(gateway, transaction),
        )
    )
    for room in (
        oauth_web,
        verifications_web,
        prefills_web,
        procedures_web,
        accounts_web,
        operators_web,
        changes_web,
    ):
        app.include_router(room.build_router())
    _add_document(app)
    _add_problems(app, base=gateway.parts.base, refusals=gateway.parts.refusals)
    return app


def _add_document(app: FastAPI) -> None:
    """Serve the document, and the page made from it; both are made at the first call."""
    made: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        if not made:
            made.append(build_openapi(app))
        return made[0]

    @app.get("/openapi.json", operation_id="get_document", summary="This document", tags=["health"])
    async def openapi() -> JSONResponse:
        return JSONResponse(document())

    @app.get(
        "/docs",
        operation_id="get_docs",
        summary="This document as a page",
        tags=["health"],
        response_class=HTMLResponse,
    )
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(document()))


def _add_problems(app: FastAPI, *, base: str, refusals: Refusals) -> None:
    """Turn our errors, and the router's own, into problems; count callers who are nobody's."""

    places = {profile.value for profile in Profile}

    def at_place(request: Request) -> bool:
        return first_segment(request.url.path) in places

    def respond(request: Request, error: GatewayError) -> Response:
        first = first_segment(request.url.path)
        metadata_url = (
            f"{base}/.well-known/oauth-protected-resource/{first}/v1" if at_place(request) else None
        )
        request_id = request.state.request_id
        request.state.problem = find_problem(error).code
        known = getattr(
            request.state, "known", False
        )  # a caller whose right ended later has a row of their own
        if isinstance(error, CallerError) and find_problem(error).status == 401 and not known:
            profile = Profile(first) if at_place(request) else None
            address = request.client.host if request.client else ""
            refusals.count(profile, find_problem(error).code, address=address)
        return problem_response(
            error, base=base, request_id=request_id, metadata_url=metadata_url, challenge=first == OPERATORS
        )

    @app.exception_handler(GatewayError)
    async def ours(request: Request, error: GatewayError) -> Response:
        return respond(request, error)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        del error  # the framework raises it again, and the edge logs it
        return respond(request, Internal())

    @app.exception_handler(HTTPException)
    async def routers_own(request: Request, error: HTTPException) -> Response:
        at_no_place = request.path_params.get("profile", Profile.SANDBOX.value) not in places
        if error.status_code == 405 and not at_no_place:
            response = respond(request, MethodNotAllowed())
            response.headers["Allow"] = ", ".join(sorted(_methods_at(app, request.url.path)))
            return response
        return respond(request, NotFound())


def _methods_at(app: FastAPI, path: str) -> set[str]:
    """Return what a path can be called with, over all its routes: the router tells the first one's only."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path_format and compile_path(route.path_format)[0].match(path):
            found |= set(route.methods or ())
    return found
