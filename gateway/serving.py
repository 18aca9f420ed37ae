"""Serve the application: bind first, so that the address is known, then open the parts of each worker.

SQLite has one worker; more are refused. Listening on all addresses needs `GATEWAY_PUBLIC_URL`. What a worker
does is `answer`, whether it is the only one or one of many (`workers.py`).
"""

import gc
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.app import open_gateway
from gateway.changes.watching import watching_changes
from gateway.clock import Clock
from gateway.edge.listening import most_connections
from gateway.edge.metrics import Metrics, serve_metrics
from gateway.edge.room import Room
from gateway.errors.commands import SettingInvalid, StateWrong
from gateway.profiles.epochs import watching
from gateway.profiles.links import OpenRegistry
from gateway.profiles.model import Gateway
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.registry.probe_model import WayOut
from gateway.registry.transport import open_transport
from gateway.server import Server
from gateway.settings import Settings
from gateway.sweeping import sweeping
from gateway.web import build_app


async def answer(
    settings: Settings,
    *,
    clock: Clock,
    base: str,
    listener: socket.socket,
    worker: int,
    started: Callable[[Gateway], None],
    lifeline: int | None = None,
) -> None:
    """Answer on a listening socket until SIGINT or SIGTERM; requests in flight are finished.

    `worker` counts from 0; its metrics are on the port set and as many further. `started` is called when requests
    are being accepted; `lifeline` is as `Server` has it.

    Raises:
        StateWrong: the port of the metrics is taken.
        SettingInvalid, MasterKeyWrong, SchemaOld
    """
    async with open_gateway(settings, clock=clock, base=base, open_registry=connector(clock)) as gateway:
        metrics = Metrics()
        port = None if settings.metrics_port is None else settings.metrics_port + worker
        server = Server(
            build_app(gateway, metrics=metrics, trusted_proxies=settings.trusted_proxies),
            room=Room(base=base, note=metrics.count_ended, most=most_connections()),
            started=lambda: started(gateway),
            lifeline=lifeline,
        )
        # What is there by now stays: to look through it again and again stops all requests for as long, and frees nothing.
        gc.collect()
        gc.freeze()
        async with _running_beside(gateway), serve_metrics(metrics.registry, port):
            await server.serve(sockets=[listener])


@asynccontextmanager
async def _running_beside(gateway: Gateway) -> AsyncIterator[None]:
    """Run what each worker does beside answering: the one place where background tasks stand."""
    way_out = WayOut(open_transport=open_transport)
    async with sweeping(gateway.parts), watching(gateway), watching_changes(gateway, way_out):
        yield


def connector(clock: Clock) -> OpenRegistry:
    """Return what opens the outbound client of a connection."""

    def connect(connection: Connection) -> Registry:
        return open_registry(connection, transport=open_transport(connection), clock=clock)

    return connect


def announce(gateway: Gateway) -> None:
    """Print the address, since the port may have been any free one, and what is behind each place."""
    print(f"gateway: {gateway.parts.base}", flush=True)  # noqa: T201 - tells the port that was free
    for place in gateway.places.values():
        state = "test data" if place.test_data else "real data"
        link = f"connected, {state}" if place.link else "no connection configured"
        print(f"  {place.profile.value}: {place.issuer} ({link})", flush=True)  # noqa: T201 - as above


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `StateWrong` where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StateWrong(f"can't listen on {host} port {port}: {error.strerror}; try --port 0") from None
    listener.listen(2048)
    return listener


def find_base(settings: Settings, host: str, listener: socket.socket) -> str:
    """Return the address callers use. Raises `SettingInvalid` where only the deployment can know it.

    The socket knows what it made of `host` ("" and "0" are everywhere).
    """
    bound, port = listener.getsockname()[:2]
    if ipaddress.ip_address(bound).is_unspecified and settings.public_url is None:
        raise SettingInvalid(
            f"--host {host} listens on all addresses: set GATEWAY_PUBLIC_URL to what callers use"
        )
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
