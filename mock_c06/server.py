"""Serve the two registry faces and the control face, in one process on one event loop.

Sockets are bound first, so that a port in use gives one line before anything runs. The first SIGINT or SIGTERM ends
the process. The HTTP protocol is uvicorn's, with three differences. All writes of one turn of the event loop are
joined, because a write to a socket costs more than the rest of an answer. A planned `reset` cuts the connection of
its own request. Trailers are dropped, and heads that two parsers may read differently are refused (RFC 9112 §3.2,
§6.1).

The mock neither listens nor answers under a host name that looks like one of the state's: a proxy or a hosts file that
routes a real name to the mock is noticed at the first call.
"""

import asyncio
import contextlib
import errno
import gc
import re
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mock_c06.errors import StartRefused
from mock_c06.wire.reply import ABORT, MARK, TEXT, Reply, deliver

MAX_OVERHEAD = 64 * 1024
"""Bytes of one request outside the body: head, chunk framing, trailers."""

_ONCE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-encoding", b"timestamp", b"lgspaccesstoken"}
)
"""Headers that may occur once: of two, another parser might read the other one."""

_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]*")
"""A name or an address, with or without a port: no user, path or list, which another parser may read as another name."""

_CUT = struct.pack("ii", 1, 0)


class JoinedWrites:
    """A transport that writes once a turn of the event loop; everything else is delegated."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close once all is written."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, without the joined data."""
        self._held.clear()
        self._transport.abort()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            self._transport.write(b"".join(held))


class MockProtocol(HttpToolsProtocol):
    """uvicorn's protocol; a request can cut its connection, and the size of heads is limited."""

    _overhead = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Join the connection's writes."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Read data; refuse a request whose head, framing and trailers are too long, which uvicorn would keep."""
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_OVERHEAD and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Give the app a way to cut the connection."""
        self._in_head = True
        super().on_message_begin()
        self.scope["state"][ABORT] = self._cut

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header of the head; drop a trailer, which uvicorn would add to the headers."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head; a `ValueError` is answered with 400."""
        self._in_head = False
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in {"1.0", "1.1"}:
            raise ValueError("HTTP/1.0 or HTTP/1.1")
        if version == "1.1" and b"host" not in names:
            raise ValueError("a Host")
        if any(not _HOST.fullmatch(value) for name, value in self.headers if name == b"host"):
            raise ValueError("a host's name")
        if self.parser.should_upgrade() and (
            codings or dict(self.headers).get(b"content-length", b"0") != b"0"
        ):
            raise ValueError("no body with an upgrade")
        if len(set(names)) < len(names) and any(names.count(name) > 1 for name in _ONCE):
            raise ValueError("a header that may occur once")
        if codings and (version == "1.0" or codings != [b"chunked"]):
            raise ValueError("no transfer coding but chunked, and none in HTTP/1.0")
        at_path = self.url.startswith(b"/") or (self.url, self.parser.get_method()) == (b"*", b"OPTIONS")
        if b"#" in self.url or not at_path:
            raise ValueError("a path: an absolute target names a second host")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Read a part of the body."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Start to count for the next request."""
        self._overhead = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Refuse data that is not valid HTTP."""
        self._refuse(b"400 Bad Request")

    def _refuse(self, status: bytes) -> None:
        """Refuse a request before the app sees it, with the test data header."""
        cycle: RequestResponseCycle | None = self.cycle
        owed = cycle is not None and not cycle.response_complete
        if cycle is not None and owed and (self.pipeline or cycle.response_started or not cycle.more_body):
            self.transport.abort()  # the client would read it as the answer to an earlier request
            return
        self.transport.write(
            b"HTTP/1.1 %s\r\n%s: %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (status, *MARK, len(status), status)
        )
        self.transport.close()

    def _cut(self) -> None:
        """Close the connection with RST instead of FIN."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT)
        self.transport.abort()


_SECONDS_TO_DRAIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """An app with its listening socket; over TLS if there is a certificate, in one PEM file with its key."""

    name: str
    app: ASGIApp
    listener: socket.socket
    certificate: Path | None = None

    @property
    def address(self) -> str:
        """The URL of the face."""
        host, port = self.listener.getsockname()[:2]
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def bind(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Bind a socket, port 0 for any free one; raises `StartRefused` naming the port and the option that chooses it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError, TypeError) as error:
        listener.close()
        otherwise = "no such port" if isinstance(error, OverflowError) else "no host name"
        reason = error.strerror if isinstance(error, OSError) else otherwise
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        remedy = f": end the program there, or choose a free port with {option}" if in_use else ""
        raise StartRefused(f"can't listen on {host} port {port}: {reason}{remedy}") from error
    return listener


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to `serve`, because three share a process, and sets `listening`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set `listening`."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield


def serve(faces: list[Face], *, ready: Callable[[], None]) -> None:
    """Answer on all faces until a signal comes; `ready` is called once all of them listen."""
    config = uvicorn.Config(app=faces[0].app)
    # All objects made so far stay alive: collecting them again costs time and frees nothing.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(faces, ready))


async def _serve(faces: list[Face], ready: Callable[[], None]) -> None:
    servers = [_QuietServer(_config(face)) for face in faces]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True
        # A delayed answer would otherwise keep the server alive for as long as its fault says.
        loop.call_later(_SECONDS_TO_DRAIN, cut)

    def cut() -> None:
        for connection in [each for server in servers for each in server.server_state.connections]:
            connection.transport.abort()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as group:
        for server, face in zip(servers, faces, strict=True):
            group.create_task(server.serve(sockets=[face.listener]))
        for server in servers:
            await server.listening.wait()
        ready()


def _config(face: Face) -> uvicorn.Config:
    return uvicorn.Config(
        app=face.app,
        ssl_certfile=face.certificate,
        http=MockProtocol,
        # The control face is built at the lifespan's start, so that the first request does not wait for it.
        lifespan="on",
        proxy_headers=False,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_DRAIN + 1,
    )


_OFFICIAL = (".gov.vn", ".bca")
_PORT = re.compile(r":[0-9]*$")
_MISDIRECTED = Reply(
    status=421,
    body=b"421 Misdirected Request: a mock with synthetic people does not answer under an official name",
    content_type=TEXT,
)


@lru_cache(maxsize=64)
def looks_official(host: str) -> bool:
    """Return whether a host, with or without a port, has a name of the state's."""
    name = (_PORT.sub("", host) if ":" in host else host).rstrip(".").lower()
    return f".{name}".endswith(_OFFICIAL)


@dataclass(frozen=True, slots=True)
class OfficialHostRefusal:
    """Middleware that answers 421 if the `Host` looks official."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and looks_official(value.decode("latin-1")):
                    await deliver(_MISDIRECTED, scope, receive, send)
                    return
        await self.app(scope, receive, send)
