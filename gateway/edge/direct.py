"""Direct routes: an exact path is looked up, the route's checks run, its endpoint answers; FastAPI's layers are left out.

A route is direct if its endpoint takes only what one `RouteChecks` returns, and its path has no parameter but the profile.
FastAPI has the same routes: for the OpenAPI document, and for every other path and method. See docs/decisions/0090.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.edge.problems import Internal
from gateway.edge.requests import RouteChecks
from gateway.errors import GatewayError
from gateway.identifiers import Profile

Respond = Callable[[Request, GatewayError], Response]
"""Returns the answer to a refused request."""

Serve = Callable[[Scope, Receive, Send], Awaitable[None]]

_PROFILE = "{profile}"


def find_direct_routes(app: FastAPI, respond: Respond) -> dict[tuple[str, str], Serve]:
    """Return what serves each direct route of an application, by method and path."""
    found: dict[tuple[str, str], Serve] = {}
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path_format or ""
        if not isinstance(route, APIRoute) or path.count("{") != 1 or _PROFILE not in path:
            continue
        checks = [dependency.call for dependency in route.dependant.dependencies]
        if len(checks) == 1 and isinstance(checks[0], RouteChecks):
            for profile in Profile:
                serve = _serve(app, route, checks[0], profile.value, respond)
                found |= {
                    (method, path.replace(_PROFILE, profile.value)): serve for method in route.methods or ()
                }
    return found


def _serve(app: FastAPI, route: APIRoute, checks: RouteChecks, profile: str, respond: Respond) -> Serve:
    endpoint, members = route.endpoint, {"app": app, "route": route, "endpoint": route.endpoint}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(members, path_params={"profile": profile})
        request = Request(scope, receive)
        try:
            response = await endpoint(await checks.run(request, profile))
        except GatewayError as error:
            response = respond(request, error)
        except Exception:  # the edge of a route, as FastAPI's own: the middleware logs it
            await respond(request, Internal())(scope, receive, send)
            raise
        await response(scope, receive, send)

    return serve
