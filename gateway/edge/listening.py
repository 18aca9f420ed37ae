"""How our servers listen: uvicorn with nothing said of itself, no log of its own, no header of a proxy believed."""

import asyncio
import resource
import socket
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from gateway.edge.connections import BoundedProtocol
from gateway.edge.room import MOST, Room

_FILES_OF_OUR_OWN = 256
"""Descriptors that connections leave to the store, the registry and the log."""


class BareServer(uvicorn.Server):
    """A server whose connections are bounded by a `Room`: how long an idle one is kept, how long a stop waits for answers."""

    def __init__(self, app: ASGIApp, *, room: Room, keep_alive_s: int, shutdown_s: int) -> None:
        self._room = room
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, room=room),  # type: ignore[arg-type]  # called like the class that it makes
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=keep_alive_s,
            timeout_graceful_shutdown=shutdown_s,
        )
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        """Look once a second who waits too long; uvicorn ticks ten times."""
        if counter % 10 == 0:
            self._room.sweep(now=asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does."""
        await super().shutdown(sockets)
        self._room.tell()


def most_connections() -> int:
    """Return how many connections this process may hold; where the system allows it, files are made enough for all."""
    wanted = MOST + _FILES_OF_OUR_OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - _FILES_OF_OUR_OWN, 1)
