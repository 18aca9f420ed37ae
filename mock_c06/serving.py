"""Three servers in one process and on one event loop: test, official and control.

Sockets are bound first, so that a port in use is one clear line before anything runs; each connection offers
an `abort` to the faces, by which a planned `reset` cuts it. Ends with the first SIGINT or SIGTERM.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from mock_c06.errors import StartRefused
from mock_c06.protocol import MockProtocol

_SECONDS_TO_DRAIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """An app with the socket it will answer on; over TLS where there is a certificate, in one PEM file with its key."""

    name: str
    app: ASGIApp
    listener: socket.socket
    certificate: Path | None = None

    @property
    def address(self) -> str:
        """The address as a client writes it."""
        host, port = self.listener.getsockname()[:2]
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket, port 0 for any free one; raises `StartRefused` naming the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise StartRefused(f"can't listen on {host} port {port}: {reason}") from error
    return listener


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to `serve`, since three share a process, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def serve(faces: list[Face], *, ready: Callable[[], None]) -> None:
    """Answer on all faces until a signal comes; `ready` is called once all of them listen."""
    config = uvicorn.Config(app=faces[0].app)
    # All that is there by now stays: looking through it again and again costs calls, and frees nothing.
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
        # An answer that is held back would be held for as long as its fault says.
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
        # The control face is built when it is told of the start, and not under the first request's wait.
        lifespan="on",
        proxy_headers=False,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_DRAIN + 1,
    )
