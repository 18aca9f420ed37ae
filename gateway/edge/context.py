"""The outermost edge: request ids, size bounds, answer headers, one log line, and the last resort.

The body (at most 64 KiB) is read before anything else looks at the request, so that 413 comes first.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.clock import Clock
from gateway.edge.forwarded import TrustedProxies
from gateway.edge.metrics import Metrics
from gateway.edge.problem_response import problem_response
from gateway.edge.problems import Internal, find_problem
from gateway.edge.trace_context import find_trace_id
from gateway.errors import GatewayError
from gateway.errors.requests import BodySlow, BodyTooLarge, HeadersTooLarge, NotFound
from gateway.identifiers import has_long_number, new_identifier
from gateway.places import OPERATORS

MAX_BODY = 64 * 1024
MAX_HEADERS = 32 * 1024
BODY_SECONDS = 15.0
STRANGERS_LINES = 600
"""Requests without a known caller that a worker logs each minute; a caller who proved themselves always has a line."""
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}")

RawHeader = tuple[bytes, bytes]

log = structlog.get_logger("gateway.edge")


class _CallerGone(Exception):
    """The caller left before its body was whole; there is nobody to answer."""


class _StrangersLines:
    """How many log lines requests have of whoever is not known: `STRANGERS_LINES` a minute, the others are counted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = 0
        self._taken = 0

    def take(self) -> bool:
        """Say whether a line is left in this minute; tell of the minute before how many went without."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute:
            if self._taken > STRANGERS_LINES:
                log.warning("requests_not_logged", count=self._taken - STRANGERS_LINES)
            self._minute, self._taken = minute, 0
        self._taken += 1
        return self._taken <= STRANGERS_LINES


class Edge:
    """ASGI middleware around the whole application."""

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
    ) -> None:
        self._app = app
        self._proxies = proxies or TrustedProxies()
        self._lines = _StrangersLines(clock)
        self._body_seconds = body_seconds
        self._metrics = metrics
        self._base = base
        self._clock = clock
        self._test_data = test_data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if client := scope.get("client"):
            scope["client"] = (self._proxies.find_client(client[0], scope["headers"]), client[1])
        request_id = new_identifier("req")
        scope.setdefault("state", {}).update(
            request_id=request_id, correlation_id=find_correlation_id(Request(scope))
        )
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["state"]["correlation_id"] is not None:
            structlog.contextvars.bind_contextvars(correlation_id=scope["state"]["correlation_id"])
        if trace_id := find_trace_id(Request(scope).headers.getlist("traceparent")):
            structlog.contextvars.bind_contextvars(trace_id=trace_id)
        started, status = self._clock.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._add_headers(message.get("headers", ()), scope)
            await send(message)

        try:
            await self._serve(scope, receive, send_with_headers)
        except _CallerGone:
            pass  # its line says status 0
        except Exception:  # the outermost edge: whatever it was, only the request id leaves
            log.exception("internal")
            if not status:
                await self._refuse(Internal(), scope, send_with_headers)
        self._note(scope, status, self._clock.monotonic() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Leave one log line and one count of a request."""
        route = getattr(scope.get("route"), "path", "unmatched")
        if scope["state"].get("known") or self._lines.take():
            log.info(
                "request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1)
            )
        if self._metrics is not None:
            problem = scope["state"].get("problem")
            self._metrics.count_request(
                route=route, method=scope["method"], status=status, seconds=seconds, problem=problem
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_headers(scope)
            body = await _read_body(Request(scope), receive, self._body_seconds)
        except (HeadersTooLarge, BodyTooLarge, BodySlow) as error:
            await self._refuse(error, scope, send)
            return
        if b"%" in (scope.get("raw_path") or b"") or "\0" in scope["path"]:
            # Nothing of ours needs escaping. A second spelling of `/official/` would pass by a proxy's rules.
            await self._refuse(NotFound(), scope, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _refuse(self, error: GatewayError, scope: Scope, send: Send) -> None:
        scope["state"]["problem"] = find_problem(error).code
        response = problem_response(error, base=self._base, request_id=scope["state"]["request_id"])
        response.headers["Connection"] = "close"
        await response(scope, _nothing, send)

    def _add_headers(self, given: Iterable[RawHeader], scope: Scope) -> list[RawHeader]:
        headers = [*given]
        present = {name for name, _ in headers}
        place = first_segment(scope["path"])
        ours = {b"x-request-id": scope["state"]["request_id"].encode(), b"x-content-type-options": b"nosniff"}
        test_data = self._test_data(place)
        if test_data is not None or place == OPERATORS:
            ours[b"cache-control"] = b"no-store"
        if test_data:
            ours[b"x-test-data"] = b"true"
        return headers + [(name, value) for name, value in ours.items() if name not in present]


def first_segment(path: str) -> str:
    """Return what stands before the second slash: a place's name at its routes."""
    return path.lstrip("/").partition("/")[0]


def find_correlation_id(request: Request) -> str | None:
    """Return the caller's own request id where it keeps the rules, else None: it is ignored, not refused."""
    given = request.headers.getlist("x-request-id")
    found = given[0] if len(given) == 1 else ""
    return found if _CORRELATION.fullmatch(found) and not has_long_number(found) else None


def _check_headers(scope: Scope) -> None:
    target = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if target + sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        raise HeadersTooLarge


async def _read_body(request: Request, receive: Receive, seconds: float) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > 12 or int(declared) > MAX_BODY):
        raise BodyTooLarge
    try:
        async with asyncio.timeout(seconds):
            return await _gather(receive)
    except TimeoutError:
        raise BodySlow from None


async def _gather(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _CallerGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
