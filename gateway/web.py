"""The web application: the routes of all folders, the OpenAPI document, problems, and the middleware around them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp

from gateway import __version__
from gateway.accounts import web as accounts_web
from gateway.audit import web as audit_web
from gateway.audit.refusals import Refusals
from gateway.changes import web as changes_web
from gateway.citizens import web as citizens_web
from gateway.citizens.login import OpenTransport, open_login_transport
from gateway.citizens.web import open_citizen_logins
from gateway.collector import GatewayCollector
from gateway.console import open_web
from gateway.console import web as console_web
from gateway.console.open_web import OpenPages
from gateway.console.responses import problem_page, wants_page
from gateway.discrepancies import web as discrepancies_web
from gateway.edge import health
from gateway.edge.forwarded import TrustedProxies
from gateway.edge.health import Health
from gateway.edge.metrics import Metrics
from gateway.edge.middleware import (
    BODY_SECONDS,
    EdgeMiddleware,
    HeadAsGet,
    Respond,
    find_direct_routes,
    first_segment,
)
from gateway.edge.openapi import build_openapi
from gateway.edge.problem_answers import problem_response
from gateway.edge.problems import Internal, find_problem
from gateway.edge.throttle import LoginThrottle, RateLimits, Sleep
from gateway.enquiries import web as enquiries_web
from gateway.enquiries.verify import Singleflight
from gateway.errors import GatewayError
from gateway.errors.operators import AuditBroken, RowUnreadable
from gateway.errors.requests import CallerError, MethodNotAllowed, NotFound
from gateway.identifiers import OPERATORS, REPORTS, Profile
from gateway.oauth import web as oauth_web
from gateway.operators import web as operators_web
from gateway.operators.credentials import THREADS, Passwords
from gateway.preflight.recorder import PreflightNetwork
from gateway.procedures import web as procedures_web
from gateway.profiles.model import Gateway
from gateway.profiles.state import describe_enquiries, describe_profiles
from gateway.registry.egress import open_transport
from gateway.reports import web as reports_web
from gateway.reports.use_cases import KeptReports
from gateway.storage.database import Database

_OF_PROGRAMS = frozenset({*Profile, OPERATORS, ".well-known"})
"""The first segments of paths that have no page: their problems are JSON whatever the caller accepts."""

_BAD_ROWS = (AuditBroken, RowUnreadable)
"""Errors of commands that a request meets too if somebody changed a stored row: callers can only try again."""


def build_app(
    gateway: Gateway,
    *,
    preflight_network: PreflightNetwork | None = None,
    metrics: Metrics | None = None,
    body_seconds: float = BODY_SECONDS,
    trusted_proxies: Sequence[str] = (),
    login_transport: OpenTransport = open_login_transport,
    sleep: Sleep = asyncio.sleep,
    draining: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """Return the web application of an open gateway; it counts in `metrics`, by default in new ones.

    `preflight_network` is what preflights reach the registry by, `login_transport` what the keys of the citizens' logins are
    read by, real sockets by default; `trusted_proxies` are networks; `sleep` is how the answer to a wrong secret waits;
    `draining` says that the process is about to stop.

    Raises:
        CatalogueInvalid: a data file of the catalogue is wrong.
    """
    gateway.deps.load_catalogue()
    names, places = frozenset(Profile), gateway.places
    metrics = metrics or Metrics()
    routes = build_routes(gateway, metrics, sleep=sleep)
    routes.state.draining = draining
    respond = _add_problems(
        routes,
        base=gateway.deps.base,
        refusals=gateway.deps.refusals,
        database=gateway.deps.database,
    )
    routes.state.preflight_network = preflight_network or PreflightNetwork(open_transport=open_transport)
    routes.state.citizen_logins = open_citizen_logins(
        gateway.settings, clock=gateway.deps.clock, open_transport=login_transport
    )
    return EdgeMiddleware(
        HeadAsGet(routes),
        base=gateway.deps.base,
        clock=gateway.deps.clock,
        test_data=lambda name: places[Profile(name)].test_data if name in names else None,
        metrics=metrics,
        body_seconds=body_seconds,
        proxies=TrustedProxies(trusted_proxies) if trusted_proxies else None,
        direct=find_direct_routes(routes, respond),
    )


def build_document(gateway: Gateway) -> dict[str, object]:
    """Return the OpenAPI document of the application."""
    return build_openapi(build_routes(gateway, Metrics()), gateway.deps.base)


def build_routes(gateway: Gateway, metrics: Metrics, *, sleep: Sleep = asyncio.sleep) -> FastAPI:
    """Return the routes of all folders, without the middleware around them."""
    app = FastAPI(
        title="dancu-gateway",
        version=__version__,
        description="Verify a citizen once; fill forms without re-declaration. Each profile has its own paths.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    clock = gateway.deps.clock
    app.state.gateway = gateway
    app.state.clock = clock
    app.state.singleflight = Singleflight()
    app.state.metrics = metrics
    app.state.throttle = LoginThrottle(clock, sleep=sleep)
    app.state.rates = RateLimits(clock)
    app.state.reports = KeptReports(gateway.deps.database, clock, gateway.places)
    app.state.passwords = Passwords(ThreadPoolExecutor(THREADS, thread_name_prefix="passwords"))
    metrics.registry.register(GatewayCollector(gateway, rates=app.state.rates, throttle=app.state.throttle))
    app.state.health = Health(
        gateway.deps.database,
        profiles=lambda: describe_profiles(gateway),
        enquiries=lambda transaction: describe_enquiries(gateway, transaction),
    )
    app.state.open_pages = _open_pages(app, gateway)
    # `include_router` would build each route a second time.
    app.router.routes += _build_routes_once()
    return app


@cache
def _build_routes_once() -> Sequence[BaseRoute]:
    """Return the routes, which take the gateway from the request's application; a process builds them once."""
    modules = (
        health,
        oauth_web,
        enquiries_web,
        citizens_web,
        discrepancies_web,
        procedures_web,
        accounts_web,
        operators_web,
        changes_web,
        audit_web,
        console_web,
        reports_web,
        open_web,
    )
    return [route for module in modules for route in module.build_router().routes]


def _open_pages(app: FastAPI, gateway: Gateway) -> OpenPages:
    """Return the pages for everybody; the first call makes the OpenAPI document."""
    base = gateway.deps.base

    @cache
    def document() -> dict[str, Any]:
        return build_openapi(app, base, gateway.clients.served)

    def states() -> Mapping[str, str]:
        return describe_profiles(gateway)["profiles"]

    return OpenPages(document, states, base=base)


def _add_problems(app: FastAPI, *, base: str, refusals: Refusals, database: Database) -> Respond:
    """Answer our errors and the router's with problems; count refused callers without an account. Return what answers."""
    names = frozenset(Profile)

    def respond(request: Request, error: GatewayError) -> Response:
        error = _as_answered(error, database)
        first = first_segment(request.url.path)
        profile = Profile(first) if first in names else None
        resource = f"{base}/.well-known/oauth-protected-resource/{first}/v1"
        request.state.problem = error.code
        known = getattr(request.state, "known", False)  # a known caller's refusal has its own audit row
        if isinstance(error, CallerError) and find_problem(error).status == 401 and not known:
            refusals.count(profile, error.code, address=request.client.host if request.client else "")
        negotiated = first not in _OF_PROGRAMS
        response = problem_response(
            error,
            base=base,
            request_id=request.state.request_id,
            metadata_url=resource if profile else None,
            challenge=first in {OPERATORS, REPORTS},
            write=problem_page if negotiated and wants_page(request) else None,
        )
        response.headers.update({"Vary": "Accept"} if negotiated else {})
        return response

    @app.exception_handler(GatewayError)
    async def gateway_error(request: Request, error: GatewayError) -> Response:
        # A portal's route takes `ops` for a profile; the operators' path may have other methods.
        if isinstance(error, NotFound) and first_segment(request.url.path) == OPERATORS:
            methods = _methods_at(app, request.url.path)
            if methods and request.method not in methods:
                return refuse_method(request, methods)
        return respond(request, error)

    def refuse_method(request: Request, methods: set[str]) -> Response:
        response = respond(request, MethodNotAllowed())
        response.headers["Allow"] = ", ".join(sorted(methods))
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        del error  # the framework raises it again for the middleware, which logs it
        return respond(request, Internal())

    @app.exception_handler(HTTPException)
    async def router_error(request: Request, error: HTTPException) -> Response:
        if error.status_code != 405 or request.path_params.get("profile", Profile.SANDBOX) not in names:
            return respond(request, NotFound())
        return refuse_method(request, _methods_at(app, request.url.path))

    return respond


def _as_answered(error: GatewayError, database: Database) -> GatewayError:
    """Return what a caller is told; of a stored row that can't be used the log has the name."""
    return database.outages.refuse_row(str(error)) if isinstance(error, _BAD_ROWS) else error


def _methods_at(app: FastAPI, path: str) -> set[str]:
    """Return the methods of all routes of a path: the router knows only those of the first one.

    The operators' routes are no profile's: a portal's route of the same form has no part in them.
    """
    found: set[str] = set()
    of_operators = path.startswith(f"/{OPERATORS}/")
    for route in iter_route_contexts(app.routes):
        if of_operators and route.path and not route.path.startswith(f"/{OPERATORS}/"):
            continue
        if route.path and compile_path(route.path)[0].match(path):
            found |= set(route.methods or ())
    return found | {"HEAD"} if "GET" in found else found
