"""The HTTP server of a witness, which bounds the connections of strangers: their number, their time, the length of a head.

The test portal, which has a server of its own, binds its socket with `bind` too.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from witness.errors import StartRefused

MOST_CONNECTIONS = 256
"""More than this at once are strangers': a witness is asked now and then."""

CONNECTION_S = 20.0
"""How long a connection may last; each answer is ready at once."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, port 0 for any free one. Raises `StartRefused`: no host name or own address, or a taken port."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, TypeError) as error:  # TypeError: no host name
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no host name"
        raise StartRefused(f"can't listen on {host} port {port}: {reason}") from error
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    """Return the HTTP address of a socket that `bind` returned for this host."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


class Server(uvicorn.Server):
    """A server that ends quietly: uvicorn's own raises a caught signal again."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, http=_Protocol, lifespan="on", ws="none", access_log=False, log_level="warning", proxy_headers=False,
            server_header=False, timeout_graceful_shutdown=5,
        )  # fmt: skip
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        """Close the connections that last longer than `CONNECTION_S`; uvicorn calls this ten times a second."""
        now = asyncio.get_running_loop().time()
        for each in _ours(self.server_state.connections):
            if now - each.since > CONNECTION_S:
                each.transport.abort()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT or SIGTERM; answers under way are finished."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


class _Protocol(H11Protocol):
    """One connection. Not httptools' protocol, which keeps a head of any length."""

    since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Note since when the connection is there; close the oldest one if there are more than `MOST_CONNECTIONS`."""
        self.since = self.loop.time()
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            oldest = min(_ours(self.connections), key=lambda each: each.since)
            self.connections.discard(oldest)  # the next connection of this turn must find another one
            oldest.transport.abort()


def _ours(connections: Iterable[object]) -> list[_Protocol]:
    return [each for each in connections if isinstance(each, _Protocol)]
