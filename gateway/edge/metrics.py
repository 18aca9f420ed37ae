"""Counters of a worker's requests, and `/metrics` for Prometheus on an address of its own, loopback unless set.

Labels have fixed values: a route's template, a known method, a problem's code, a profile. No label is a text
that a caller sent, a client's id or a person's value. Each application has its own registry. See docs/decisions/0036.

With several workers, each offers its figures at a socket in a private folder, and the supervisor makes one page of them: a
sample gets the label `worker`, and nothing is added up, since only the reader knows how to add gauges. A worker that does
not answer in time is left out, so Prometheus sees a gap instead of a wrong number.
"""

import asyncio
import contextlib
import platform
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import __version__
from gateway.edge.connections import ConnectionLimiter, LimitedServer
from gateway.errors.operators import StateWrong

LOOPBACK = "127.0.0.1"

_SCRAPERS = 16
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application; other figures come from collectors added to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "gateway_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "gateway_request_duration_seconds",
            "Time from a request's head to its answer's end.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._of_requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._problems = Counter(
            "gateway_problems", "Refusals and failures, by problem code.", ("code",), registry=self.registry
        )
        self._verifications = Counter(
            "gateway_verifications",
            "Verifications answered.",
            ("profile", "procedure", "origin", "verdict"),
            registry=self.registry,
        )
        self.of_verifications = cache(self._verifications.labels)
        """The counter of answered verifications by profile, procedure (a slug of the catalogue), origin and verdict."""
        self._ended = Counter(
            "gateway_connections_ended",
            "Connections closed with an incomplete request, or with an answer unread.",
            ("reason",),
            registry=self.registry,
        )

        self.under_way = Gauge(
            "gateway_requests_in_flight", "Requests that are being answered.", registry=self.registry
        )
        build = Gauge("gateway_build_info", "1; the version.", ("version", "python"), registry=self.registry)
        build.labels(__version__, platform.python_version()).set(1)

    def count_request(
        self, *, route: str, method: str, status: int, seconds: float, problem: str | None
    ) -> None:
        """Count a request; `status` is 0 if the caller disconnected before the answer."""
        labels = (route, method if method in _METHODS else "other", status)
        if (found := self._of_requests.get(labels)) is None:
            answered = self._requests.labels(route, labels[1], str(status) if status else "gone")
            found = self._of_requests[labels] = answered, self._seconds.labels(route)
        answered, duration = found
        answered.inc()
        duration.observe(seconds)
        if problem is not None:
            self._problems.labels(problem).inc()

    def count_ended(self, reason: str) -> None:
        """Count a connection that the server closed, by a problem's code or another reason."""
        self._ended.labels(reason).inc()


Figures = Callable[[], Awaitable[bytes]]


def metrics_page(registry: CollectorRegistry) -> ASGIApp:
    """Return an application with one page, `/metrics`, with the figures of one worker."""

    async def read() -> bytes:
        return generate_latest(registry)

    return page_of(read)


def page_of(read: Figures) -> ASGIApp:
    """Return an application with one page, `/metrics`, in Prometheus' text format."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/metrics":
            answer: Response = PlainTextResponse("not found\n", status_code=404)
        elif scope["method"] not in {"GET", "HEAD"}:
            allow = {"Allow": "GET, HEAD"}
            answer = PlainTextResponse("method not allowed\n", status_code=405, headers=allow)
        else:
            answer = Response(await read(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
        await answer(scope, receive, send)

    return page


@asynccontextmanager
async def serve_metrics(page: ASGIApp, port: int | None, *, host: str = LOOPBACK) -> AsyncIterator[None]:
    """Serve the page while the block runs; do nothing without a port.

    Raises:
        StateWrong: the port is taken.
    """
    if port is None:
        yield
        return
    with _bind(host, port) as listener:
        limiter = ConnectionLimiter(base="", note=lambda _reason: None, most=_SCRAPERS)
        server = _MetricsServer(page, limiter=limiter, keep_alive_s=5, shutdown_s=2)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


class _MetricsServer(LimitedServer):
    """A server that leaves the process's signals to the main server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signal."""
        yield


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "no such port"
        raise StateWrong(f"GATEWAY_METRICS_PORT: can't listen on {host} port {port}: {reason}") from None
    listener.listen(16)
    return listener


WAIT_SECONDS = 2.0
"""How long the page waits for a worker."""


def socket_of(folder: Path, worker: int) -> Path:
    """Return where a worker offers its figures."""
    return folder / f"{worker}.sock"


@asynccontextmanager
async def offer_metrics(registry: CollectorRegistry, path: Path) -> AsyncIterator[None]:
    """Write the figures to everyone who connects to a Unix socket, while the block runs."""

    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(generate_latest(registry))
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(write, path)
    async with server:
        yield


async def gather_metrics(folder: Path, workers: Sequence[int]) -> bytes:
    """Return the figures of all workers that answer, each with the label `worker`."""
    pages = await asyncio.gather(*(_read(socket_of(folder, worker)) for worker in workers))
    found = {worker: page for worker, page in zip(workers, pages, strict=True) if page is not None}
    return "".join(f"{line}\n" for line in merge_pages(found)).encode()


async def _read(path: Path) -> str | None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return (await reader.read()).decode()
            finally:
                writer.close()
    except OSError:
        return None


def merge_pages(pages: Mapping[int, str]) -> Iterable[str]:
    """Yield the lines of one page: the samples of a metric follow its help and type, as the text format requires."""
    families: dict[str, tuple[list[str], list[str]]] = {}
    for worker, page in pages.items():
        comments: list[str] = []
        samples: list[str] = []
        for line in page.splitlines():
            if line.startswith("# HELP "):
                comments, samples = families.setdefault(line.split()[2], ([], []))
            if line.startswith("#"):
                if len(comments) < _COMMENTS:
                    comments.append(line)
            elif line:
                samples.append(_label(line, worker))
    for comments, samples in families.values():
        yield from comments
        yield from samples


_COMMENTS = 2
"""HELP and TYPE."""


def _label(sample: str, worker: int) -> str:
    """Add the label to a sample. No name has a brace, so the first one begins the labels."""
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{worker="{worker}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{worker="{worker}"}} {value}'
