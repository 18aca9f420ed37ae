"""What is counted of a worker's requests, and the page that Prometheus reads, on a loopback port of its own.

Labels are words of ours: a route's template, a known method, a problem's code, a profile. No label holds what a caller
sent, a client's id or a person's value. One registry an application: nothing global. See docs/decisions/0036.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.edge.listening import BareServer
from gateway.edge.room import Room
from gateway.errors.commands import StateWrong

LOOPBACK = "127.0.0.1"

_SCRAPERS = 16
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application; whoever has figures of its own adds a collector to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "gateway_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "gateway_request_seconds",
            "Time from a request's head to its answer's end.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._problems = Counter(
            "gateway_problems", "Refusals and failures, by problem code.", ("code",), registry=self.registry
        )
        self._verifications = Counter(
            "gateway_verifications",
            "Verifications answered.",
            ("profile", "origin", "verdict"),
            registry=self.registry,
        )
        self._ended = Counter(
            "gateway_connections_ended",
            "Connections ended before a request was whole, or with an answer unread.",
            ("reason",),
            registry=self.registry,
        )

    def count_request(
        self, *, route: str, method: str, status: int, seconds: float, problem: str | None
    ) -> None:
        """Count a request; `status` is 0 where the caller left before an answer."""
        known = method if method in _METHODS else "other"
        self._requests.labels(route, known, str(status) if status else "gone").inc()
        self._seconds.labels(route).observe(seconds)
        if problem is not None:
            self._problems.labels(problem).inc()

    def count_verification(self, *, profile: str, origin: str, verdict: str) -> None:
        """Count an answered verification."""
        self._verifications.labels(profile, origin, verdict).inc()

    def count_ended(self, reason: str) -> None:
        """Count a connection that we ended: a problem's code, or why nothing was said."""
        self._ended.labels(reason).inc()


def metrics_page(registry: CollectorRegistry) -> ASGIApp:
    """Return the application with one page, `/metrics`, in Prometheus' text form."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(Request(scope), registry)(scope, receive, send)

    return page


def _answer(request: Request, registry: CollectorRegistry) -> Response:
    if request.url.path != "/metrics":
        return PlainTextResponse("not found\n", status_code=404)
    if request.method not in {"GET", "HEAD"}:
        return PlainTextResponse("method not allowed\n", status_code=405, headers={"Allow": "GET, HEAD"})
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, port: int | None) -> AsyncIterator[None]:
    """Serve the page on this machine's loopback while the block runs; nothing without a port.

    Raises:
        StateWrong: the port is taken.
    """
    if port is None:
        yield
        return
    with _bind(port) as listener:
        room = Room(base="", note=lambda _reason: None, most=_SCRAPERS)
        server = _Beside(metrics_page(registry), room=room, keep_alive_s=5, shutdown_s=2)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


class _Beside(BareServer):
    """A server that leaves the process' signals to the one it stands beside."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "no such port"
        raise StateWrong(f"GATEWAY_METRICS_PORT: can't listen on {LOOPBACK} port {port}: {reason}") from None
    listener.listen(16)
    return listener
