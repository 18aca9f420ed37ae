"""The HTTP server of one worker: uvicorn, with a shutdown that drops no request.

The socket is bound first, so that the address is known. Listening on all addresses requires `GATEWAY_PUBLIC_URL`.
`answer` is the whole work of a worker, whether it is the only one or one of many (`workers.py`).
"""

import asyncio
import contextlib
import errno
import gc
import ipaddress
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.app import open_gateway
from gateway.audit.sequencer import sequencing
from gateway.changes.watch import watch_in_background
from gateway.cleanup import cleaning_up
from gateway.clock import Clock
from gateway.edge.connections import ConnectionLimiter, LimitedServer, connection_limit
from gateway.edge.metrics import Metrics, metrics_page, offer_metrics, serve_metrics
from gateway.errors.operators import SettingInvalid, StateWrong
from gateway.preflight.recorder import PreflightNetwork
from gateway.private_files import lock_store
from gateway.profiles.model import Gateway, OpenRegistry
from gateway.profiles.places import follow_epochs
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.registry.egress import open_transport
from gateway.settings import Settings
from gateway.storage.checkpoint_copies import copying_checkpoints
from gateway.storage.database import find_store_file
from gateway.storage.heads import find_head_file, follow_head
from gateway.web import build_app

RETIRE = signal.SIGUSR1
"""Ends a worker whose successor already answers on the same socket."""

DRAIN_SECONDS = 1.0
"""How long idle connections may send one more request at shutdown; its answer has `Connection: close`."""

COLLECT_AFTER = 20_000
"""New objects before the garbage collector looks at them; Python's 700 are fewer than the requests under way have."""

log = structlog.get_logger("gateway.server")


class Server(LimitedServer):
    """A server that handles the signals itself: uvicorn's raises a caught signal again, which would end the process
    with a failure before the store is closed.

    `lifeline` becomes readable when the supervising process has ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: ConnectionLimiter,
        started: Callable[[], None],
        lifeline: int | None = None,
        drain_s: float = 0.0,
    ) -> None:
        super().__init__(app, limiter=limiter, keep_alive_s=15, shutdown_s=20)
        self.draining = False
        self._drain_s = drain_s
        self._last: list[socket.socket] = []
        self._started = started
        self._lifeline = lifeline

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT, SIGTERM or the end of the supervisor; requests under way are finished.

        At `RETIRE` others accept the connections of the same socket, so the server stops without draining. SIGHUP, which
        renews the workers of a group, doesn't end a single one.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        loop.add_signal_handler(RETIRE, self._retire)
        loop.add_signal_handler(signal.SIGHUP, log.warning, "sighup_ignored")
        if self._lifeline is not None:
            loop.add_reader(self._lifeline, self._stop_without_supervisor, loop, self._lifeline)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, and call `started`."""
        self._last = [listener.dup() for listener in sockets or ()]
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the connections that wait in the kernel, answer all with `Connection: close`, then stop.

        uvicorn's own shutdown would drop idle connections whose next request may be on its way, and the connections that
        the kernel has accepted for this process.
        """
        loop = asyncio.get_running_loop()
        self.server_state.default_headers.append((b"connection", b"close"))
        await self._drain(loop)
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for listener in self._last:  # after this copy is closed too, the kernel refuses new connections
            await self._accept_waiting(loop, listener)
        until = loop.time() + DRAIN_SECONDS
        while self.server_state.connections and not self.force_exit and loop.time() < until:  # noqa: ASYNC110 - uvicorn keeps a set, no event
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Accept and answer for the time that a load balancer needs to see `/readyz` and send its requests elsewhere."""
        self.draining = True
        until = loop.time() + self._drain_s
        while not self.force_exit and loop.time() < until:  # noqa: ASYNC110 - uvicorn has a flag, no event
            await asyncio.sleep(0.05)

    def _retire(self) -> None:
        self._drain_s = 0.0
        self.handle_exit(signal.SIGTERM, None)

    def _stop_without_supervisor(self, loop: asyncio.AbstractEventLoop, lifeline: int) -> None:
        loop.remove_reader(lifeline)
        log.error("supervisor_gone")
        self.handle_exit(signal.SIGTERM, None)

    async def _accept_waiting(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        waiting = []
        with listener, contextlib.suppress(OSError):  # BlockingIOError: none is left
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
    """Return the factory of the fastest event loop: uvloop if it is installed."""
    return uvicorn.Config("", log_config=None).get_loop_factory()


async def answer(
    settings: Settings,
    *,
    clock: Clock,
    base: str,
    listener: socket.socket,
    metrics_socket: Path | None = None,
    started: Callable[[Gateway], None],
    lifeline: int | None = None,
    drain_s: float = 0.0,
) -> None:
    """Answer on a listening socket until SIGINT or SIGTERM, and `drain_s` longer; requests under way are finished.

    `metrics_socket`: where one of several workers offers its figures; without it they are on the port of the settings.
    `started` is called once requests are accepted; `lifeline` as in `Server`.

    Raises:
        StateWrong: the port of the metrics is taken.
        SettingInvalid, MasterKeyWrong, SchemaOld
    """
    async with open_gateway(settings, clock=clock, base=base, open_registry=connector(clock)) as gateway:
        metrics = Metrics()
        server: Server | None = None
        app = build_app(
            gateway,
            metrics=metrics,
            trusted_proxies=settings.trusted_proxies,
            draining=lambda: server is not None and server.draining,
        )
        server = Server(
            app,
            limiter=ConnectionLimiter(base=base, note=metrics.count_ended, most=connection_limit()),
            started=lambda: started(gateway),
            lifeline=lifeline,
            drain_s=drain_s,
        )
        # The objects of the start live on: repeated collections would stop all requests and free nothing.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
        preflight_network = PreflightNetwork(open_transport=open_transport)
        async with (
            cleaning_up(gateway.deps),
            sequencing(gateway.sequencer, gateway.deps.audit),
            copying_checkpoints(gateway.copies, gateway.deps.database, gateway.sequencer, clock),
            follow_epochs(gateway),
            follow_head(gateway.deps.database, find_head_file(settings)),
            watch_in_background(gateway, preflight_network),
            _show_metrics(metrics, settings, metrics_socket),
        ):
            await server.serve(sockets=[listener])


def _show_metrics(
    metrics: Metrics, settings: Settings, path: Path | None
) -> contextlib.AbstractAsyncContextManager[None]:
    if path is not None:
        return offer_metrics(metrics.registry, path)
    page = metrics_page(metrics.registry)
    return serve_metrics(page, settings.metrics_port, host=settings.metrics_host)


def connector(clock: Clock) -> OpenRegistry:
    """Return the function that opens the registry client of a connection."""

    def connect(connection: Connection) -> RegistryClient:
        return open_registry(connection, transport=open_transport(connection), clock=clock)

    return connect


def announce(gateway: Gateway) -> None:
    """Print the address, whose port may be any free one, and the state of each profile's connection."""
    print(f"gateway: {gateway.deps.base}", flush=True)  # noqa: T201 - the port may be a free one
    for place in gateway.places.values():
        state = "test data" if place.test_data else "real data"
        connected = f"connected, {state}" if place.client else "no connection configured"
        connected = connected if gateway.clients.serves(place.profile) else "not served here"
        print(f"  {place.profile.value}: {place.issuer} ({connected})", flush=True)  # noqa: T201 - as above


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `StateWrong` if the port is taken, or the address is no own one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except TypeError:
        listener.close()
        raise StateWrong(
            f"can't listen on {host}: no host name; give an address of this machine by --host"
        ) from None
    except OSError as error:
        listener.close()
        is_wrong_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        remedy = "give an address of this machine by --host" if is_wrong_host else "try --port 0"
        raise StateWrong(f"can't listen on {host} port {port}: {error.strerror}; {remedy}") from None
    listener.listen(2048)
    return listener


@contextlib.contextmanager
def only_server(settings: Settings, base: str) -> Iterator[None]:
    """Let no other process serve an embedded store while a block runs: budgets and throttles are counted in the process.

    The lock is on a file beside the store, and ends with the process. Threat 56.

    Raises:
        StateWrong: another process serves the store, or the file can't be made.
    """
    file = find_store_file(settings.database_url)
    if file is None:
        yield
        return
    store = file.resolve()
    with lock_store(store, refuse=lambda lock: _refuse(store, lock)) as lock:
        with contextlib.suppress(OSError):  # a full disk: the lock holds, and only the name is missing
            os.write(lock, f"{os.getpid()} at {base}".encode())
        yield


def _refuse(store: Path, lock: int) -> str:
    return (
        f"{store} is served already{_name_holder(lock)}: "
        "end that one first, or use PostgreSQL, which several may serve"
    )


def _name_holder(lock: int) -> str:
    """Return " by process PID at URL" of what `only_server` wrote; whatever else stands in the file is not printed."""
    try:
        written = re.fullmatch(rb"([0-9]{1,10}) at (https?://[0-9A-Za-z.:\[\]-]{1,100})", os.read(lock, 200))
    except OSError:
        return ""
    return f" by process {written[1].decode()} at {written[2].decode()}" if written else ""


def find_base(settings: Settings, host: str, listener: socket.socket) -> str:
    """Return the address that callers use; the socket shows whether `host` means all addresses ("" and "0" do).

    Raises:
        SettingInvalid: all addresses, and no `GATEWAY_PUBLIC_URL`.
    """
    bound, port = listener.getsockname()[:2]
    if ipaddress.ip_address(bound).is_unspecified and settings.public_url is None:
        raise SettingInvalid(
            f"--host {host} listens on all addresses: set GATEWAY_PUBLIC_URL to what callers use"
        )
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
