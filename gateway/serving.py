"""Serve the application on a socket: bind first, so that the address is known, then open the parts.

SQLite has one worker; more are refused. Listening on all addresses needs `GATEWAY_PUBLIC_URL`.
"""

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from gateway.app import open_gateway
from gateway.clock import Clock
from gateway.errors import SettingInvalid, StateWrong
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.registry.transport import open_transport
from gateway.settings import Settings
from gateway.web import build_app, sweeping


async def serve(settings: Settings, *, clock: Clock, host: str, port: int, workers: int) -> None:
    """Answer until SIGINT or SIGTERM; requests in flight are finished.

    Raises:
        StateWrong: the port is taken, or more workers than the store can take.
        SettingInvalid, MasterKeyWrong, SchemaOld
    """
    if workers > 1:
        reason = "SQLite serves one worker" if settings.database_url.startswith("sqlite") else "not built yet"
        raise StateWrong(f"--workers {workers}: {reason}; use --workers 1")

    def connect(connection: Connection) -> Registry:
        return open_registry(connection, transport=open_transport(connection), clock=clock)

    with _bind(host, port) as listener:
        base = _base(settings, host, *listener.getsockname()[:2])
        async with open_gateway(settings, clock=clock, base=base, open_registry=connect) as gateway:
            print(f"gateway: {gateway.parts.base}", flush=True)  # noqa: T201 - tells the port that was free
            for place in gateway.places.values():
                state = "test data" if place.test_data else "real data"
                link = f"connected, {state}" if place.link else "no connection configured"
                print(f"  {place.profile.value}: {place.issuer} ({link})", flush=True)  # noqa: T201 - as above
            server = _Server(_config(gateway_app=build_app(gateway)))
            async with sweeping(gateway.parts):
                await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends by itself: uvicorn's own raises the signal again, which would kill the process
    before the parts are closed, with an exit code that says it failed.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the serving; requests in flight are finished."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is, uvloop where it is installed."""
    return uvicorn.Config("", log_config=None).get_loop_factory()


def _config(gateway_app: object) -> uvicorn.Config:
    return uvicorn.Config(
        gateway_app,  # type: ignore[arg-type]  # uvicorn's own union of ASGI types
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=20,
        backlog=2048,
    )


def _bind(host: str, port: int) -> socket.socket:
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


def _base(settings: Settings, host: str, bound: str, port: int) -> str:
    """Return the address callers use; `bound` is what the socket made of `host` ("" and "0" are everywhere)."""
    if ipaddress.ip_address(bound).is_unspecified and settings.public_url is None:
        raise SettingInvalid(
            f"--host {host} listens on all addresses: set GATEWAY_PUBLIC_URL to what callers use"
        )
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
