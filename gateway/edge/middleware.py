"""The outermost middleware: request ids, limits of head and body, response headers, one log line, unexpected errors.

The body (at most 64 KiB) is read before anything else, so that 413 comes first. A direct route is called from here, every other
path by the application. A route is direct if its endpoint takes only what one `RouteChecks` returns, and its path has no
parameter but the profile: its exact path is looked up, its checks run, its endpoint answers, and FastAPI's layers are left out.
FastAPI has the same routes: for the OpenAPI document, and for every other path and method. See docs/decisions/0090.

The trace-id of the caller's `traceparent` (W3C Trace Context) is on every log line of the request. No span is exported,
and no value that a caller chose is sent to the registry (docs/decisions/0035). A malformed header is ignored, never
refused; `tracestate` is not read.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.clock import Clock
from gateway.edge.forwarded import TrustedProxies
from gateway.edge.logs import REQUEST_IDS, log_request
from gateway.edge.metrics import Metrics
from gateway.edge.problem_answers import problem_response
from gateway.edge.problems import Internal
from gateway.edge.requests import RouteChecks
from gateway.errors import GatewayError
from gateway.errors.requests import BodySlow, BodyTooLarge, HeadersTooLarge, NotFound
from gateway.identifiers import OPERATORS, Profile, has_long_number, new_timed_identifier

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


MAX_BODY = 64 * 1024
MAX_HEADERS = 32 * 1024
BODY_SECONDS = 15.0
MAX_UNKNOWN_CALLER_LINES = 600
"""Log lines of requests without an authenticated caller, for each worker and minute; others are always logged."""

_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_LONG_RUN = re.compile(r"[0-9]{9,}")
_PROFILES = frozenset(Profile)
_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16

log = structlog.get_logger("gateway.edge")


class _CallerGone(Exception):
    """The caller disconnected before its body was complete."""


class EdgeMiddleware:
    """ASGI middleware around the whole application.

    `test_data` returns for a path's first segment whether that profile has test data; None if it is not a profile.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        base: str,
        clock: Clock,
        test_data: Callable[[str], bool | None],
        metrics: Metrics | None = None,
        body_seconds: float = BODY_SECONDS,
        proxies: TrustedProxies | None = None,
        direct: Mapping[tuple[str, str], Serve] | None = None,
    ) -> None:
        self._app = app
        self._direct = direct or {}
        self._proxies = proxies
        self._body_seconds = body_seconds
        self._metrics = metrics
        self._base = base
        self._clock = clock
        self._test_data = test_data
        self._minute = 0
        self._unknown_callers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._identify(scope)
        if self._metrics is not None:
            self._metrics.under_way.inc()
        started, status, first = self._clock.monotonic(), 0, first_segment(scope["path"])

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, scope, first)
            await send(message)

        try:
            await self._serve(scope, receive, send_with_headers)
        except _CallerGone:
            pass  # the log line has status 0
        except Exception:  # the outermost edge: the caller gets only the request id
            log.exception("internal")
            if not status:
                await self._refuse(Internal(), scope, send_with_headers)
        finally:
            if (end_call := scope["state"].get("end_call")) is not None:
                end_call()
        self._note(scope, first, status, self._clock.monotonic() - started)

    def _identify(self, scope: Scope) -> None:
        """Set the caller's address, the request's id and the caller's own id in the scope, and the ids on the log lines."""
        headers = scope["headers"]
        if self._proxies is not None and (client := scope.get("client")):
            scope["client"] = (self._proxies.find_client(client[0], headers), client[1])
        ids = {"request_id": new_timed_identifier("req", self._clock.now())}
        given, traces = [], []
        for name, value in headers:
            if name == b"x-request-id":
                given.append(value.decode("latin-1"))
            elif name == b"traceparent":
                traces.append(value.decode("latin-1"))
        if len(given) == 1 and _CORRELATION.fullmatch(given[0]) and not has_long_number(given[0]):
            ids["correlation_id"] = given[0]
        scope.setdefault("state", {}).update(
            request_id=ids["request_id"], correlation_id=ids.get("correlation_id")
        )
        if traces and (trace_id := find_trace_id(traces)):
            ids["trace_id"] = trace_id
        REQUEST_IDS.set(ids)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body: bytes | None = b""
            if _check_head(scope):
                seconds = None if scope["state"].get("is_complete") else self._body_seconds
                body = await _read_body(receive, seconds)
            scope["state"]["body"] = body
        except (HeadersTooLarge, BodyTooLarge, BodySlow) as error:
            await self._refuse(error, scope, send)
            return
        if b"%" in (scope.get("raw_path") or b"") or "\0" in scope["path"]:
            # No path of the gateway needs escapes, and another spelling of `/official/` would bypass a proxy's rules.
            await self._refuse(NotFound(), scope, send)
            return
        if (serve := self._direct.get((scope["method"], scope["path"]))) is not None:
            await serve(scope, _receive_nothing, send)
            return

        async def replay() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            whole, body = body, None
            return {"type": "http.request", "body": whole, "more_body": False}

        await self._app(scope, replay, send)

    async def _refuse(self, error: GatewayError, scope: Scope, send: Send) -> None:
        scope["state"]["problem"] = error.code
        response = problem_response(error, base=self._base, request_id=scope["state"]["request_id"])
        response.headers["Connection"] = "close"
        await response(scope, _receive_nothing, send)

    def _add_headers(self, message: Message, scope: Scope, first: str) -> None:
        test_data = self._test_data(first)
        headers = [
            *message.get("headers", ()),
            (b"x-request-id", scope["state"]["request_id"].encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        if (test_data is not None or first == OPERATORS) and all(
            name != b"cache-control" for name, _ in headers
        ):
            headers.append((b"cache-control", b"no-store"))
        if test_data:
            headers.append((b"x-test-data", b"true"))
        message["headers"] = [*headers, *scope["state"].get("rate_headers", ())]

    def _note(self, scope: Scope, first: str, status: int, seconds: float) -> None:
        """Write one log line of a request, and count it."""
        state, method = scope["state"], scope["method"]
        route = getattr(scope.get("route"), "path", "unmatched")
        if state.get("known") or self._may_log():
            found = {
                "profile": first if first in _PROFILES else None,
                "account": state.get("account"),
                "problem": state.get("problem") or state.get("refused_with"),
            }
            known = {name: value for name, value in found.items() if value is not None}
            log_request(log, method=method, route=route, status=status, ms=round(seconds * 1000, 1), **known)
        if self._metrics is not None:
            self._metrics.under_way.dec()
            self._metrics.count_request(
                route=route, method=method, status=status, seconds=seconds, problem=state.get("problem")
            )

    def _may_log(self) -> bool:
        """Return whether this minute still has a line for an unknown caller; log how many the last minute left out."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute:
            if self._unknown_callers > MAX_UNKNOWN_CALLER_LINES:
                log.warning("requests_not_logged", count=self._unknown_callers - MAX_UNKNOWN_CALLER_LINES)
            self._minute, self._unknown_callers = minute, 0
        self._unknown_callers += 1
        return self._unknown_callers <= MAX_UNKNOWN_CALLER_LINES


class HeadAsGet:
    """Serves HEAD as the GET of its path, without the body (RFC 9110 §9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["sent_method"] = "HEAD"  # what a DPoP proof names

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_head)
        finally:
            if "route" in inner:
                scope["route"] = inner["route"]  # for the log and the metrics


def find_trace_id(headers: Sequence[str]) -> str | None:
    """Return the trace-id of the one `traceparent` in the form that may be logged; None without a valid one.

    A run of nine decimal digits may be a person's number; one random trace-id in seven has one by chance. Such a run is
    replaced by `x`: a random id can still be found, and a number is not logged.
    """
    if len(headers) != 1 or (found := _TRACEPARENT.fullmatch(headers[0].strip(" \t"))) is None:
        return None
    version, trace_id, parent_id, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or parent_id == _NO_PARENT:
        return None
    shown = _LONG_RUN.sub(lambda run: "x" * len(run[0]), trace_id)
    return shown if shown.strip("x") else None


def first_segment(path: str) -> str:
    """Return the first segment of a path, a profile's name on its routes."""
    return path.lstrip("/").partition("/")[0]


def _check_head(scope: Scope) -> bool:
    """Return whether a request can have a body (RFC 9112 §6.3). Raises `HeadersTooLarge`, `BodyTooLarge`."""
    size = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    declared, framed = b"0", False
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"content-length":
            declared, framed = value, True
        elif name == b"transfer-encoding":
            framed = True
    if size > MAX_HEADERS:
        raise HeadersTooLarge
    if declared.isdigit() and (len(declared) > 12 or int(declared) > MAX_BODY):
        raise BodyTooLarge
    return framed or scope["method"] != "GET"


async def _read_body(receive: Receive, seconds: float | None) -> bytes:
    """Read the body; `seconds` is None if all of it has arrived. Raises `BodyTooLarge`, `BodySlow`."""
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise _CallerGone
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise BodyTooLarge
                more = message.get("more_body", False)
    except TimeoutError:
        raise BodySlow from None
    return bytes(body)


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}
