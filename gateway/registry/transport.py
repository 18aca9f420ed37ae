"""The real way out: aiohttp's connections behind httpx's transport interface.

Refuses addresses that the connection's guard refuses, where a name is resolved and once more where a socket is made
for one, so that the address checked is the address connected to. Keeps no cookies, follows no redirects, reads no proxy
from the environment.
"""

import socket

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType, SocketFactoryType
from httpx_aiohttp import AiohttpTransport

from gateway.registry.addresses import address_of
from gateway.registry.connection import Connection
from gateway.registry.guard import Guard
from gateway.registry.tls import tls_of

_MAX_CONNECTIONS = 128
# Below the 5 s after which common servers close: a question sent into a closing connection is lost.
_KEEPALIVE_SECONDS = 4.0


class GuardedResolver(AbstractResolver):
    """Resolves names and lets through only the addresses that the guard allows."""

    def __init__(self, guard: Guard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a host; raises `OSError` where there is none."""
        found = await self._inner.resolve(host, port, family)
        allowed = [entry for entry in found if self._guard.allows(address_of(entry["host"]))]
        if not allowed:
            raise OSError("no address of the registry's host is allowed")
        return allowed

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._inner.close()


def guarded_sockets(guard: Guard) -> SocketFactoryType:
    """Return what makes a socket for an address that the guard allows: one written as a literal is never resolved."""

    def make(found: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = found
        if not guard.allows(address_of(str(place[0]))):
            raise OSError("this address is not allowed")
        return socket.socket(family, kind, protocol)

    return make


def open_transport(connection: Connection) -> httpx.AsyncBaseTransport:
    """Return a transport for this connection alone; it takes hold of the event loop at its first packet.

    Raises:
        SettingInvalid: the place or the client certificate can't work.
    """
    guard = Guard(connection)
    ssl_context = tls_of(connection)

    def open_session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=_MAX_CONNECTIONS,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            resolver=GuardedResolver(guard, aiohttp.ThreadedResolver()),
            socket_factory=guarded_sockets(guard),
            ssl=ssl_context,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        )

    return AiohttpTransport(verify=ssl_context, trust_env=False, client=open_session)
