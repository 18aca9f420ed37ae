"""The HTTP server of one worker: uvicorn, with an ending that fails nobody.

What it leaves out: which socket, which application, what else runs beside it (`serving.py`).
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.edge.listening import BareServer
from gateway.edge.room import Room

LAST_CALL_SECONDS = 1.0
"""How long callers that keep a connection have to come back and be told that it closes."""

log = structlog.get_logger("gateway.server")


class Server(BareServer):
    """A server that ends by itself: uvicorn's own raises the signal again, which would kill the process
    before the parts are closed, with an exit code that says it failed.

    `lifeline`, where there is one, becomes readable when the process that supervises this one is gone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        room: Room,
        started: Callable[[], None],
        lifeline: int | None = None,
    ) -> None:
        super().__init__(app, room=room, keep_alive_s=15, shutdown_s=20)
        self._last: list[socket.socket] = []
        self._tell_started = started
        self._lifeline = lifeline

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and a lost supervisor end the serving; requests in flight are finished."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        if self._lifeline is not None:
            loop.add_reader(self._lifeline, self._end_alone, loop, self._lifeline)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and say so."""
        self._last = [listener.dup() for listener in sockets or ()]
        await super().startup(sockets)
        self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what has reached us but nobody after, tell kept connections that they close, then end.

        uvicorn's own shutdown cuts connections that are idle this instant, whose next request may be on its way,
        and those that the kernel had taken for us.
        """
        loop = asyncio.get_running_loop()
        self.server_state.default_headers.append((b"connection", b"close"))
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for listener in self._last:  # whoever comes when this copy is closed too is refused
            await self._accept_waiting(loop, listener)
        until = loop.time() + LAST_CALL_SECONDS
        while self.server_state.connections and not self.force_exit and loop.time() < until:  # noqa: ASYNC110 - uvicorn keeps a set, no event
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _end_alone(self, loop: asyncio.AbstractEventLoop, lifeline: int) -> None:
        loop.remove_reader(lifeline)
        log.error("supervisor_gone")
        self.handle_exit(signal.SIGTERM, None)

    async def _accept_waiting(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        waiting = []
        with listener, contextlib.suppress(OSError):  # BlockingIOError: nobody waits
            listener.setblocking(False)
            while True:
                waiting.append(listener.accept()[0])
        for connection in waiting:
            await loop.connect_accepted_socket(self._make_protocol, connection)

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn's own startup calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is, uvloop where it is installed."""
    return uvicorn.Config("", log_config=None).get_loop_factory()
