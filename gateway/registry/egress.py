"""The egress policy: one connection may send only to its own origin and path, at addresses that its networks allow.

Refuses questions of the other profile or of another revision, URLs outside the connection's own, userinfo, query or
fragment in a URL, hosts outside the connection's `hosts`, and addresses that `may_reach` refuses. An address is checked
when a name is resolved and again when a socket is made, so that the checked address is the connected one. The transport
is aiohttp's behind httpx's interface; it keeps no cookies, follows no redirects, decompresses nothing and ignores the
environment's proxies. Its failures are aiohttp's, which `http_sender.py` turns into ours.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from ipaddress import ip_network
from time import monotonic
from typing import Any

import aiohttp
import httpx
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import AddrInfoType, SocketFactoryType
from aiohttp.connector import Connection as PooledConnection
from aiohttp.tracing import Trace

from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import ProfileMismatch, RegistryAnswerInvalid
from gateway.identifiers import Profile
from gateway.registry.addresses import IpAddress, address_of, is_loopback, literal_of, may_reach, plain_host
from gateway.registry.connection import Connection, Dialect, Owner
from gateway.registry.tls import tls_of

PLATFORM_FOLDER = "/lgsp"
"""The path of a platform's services, which some operators include in the URL. The token endpoint is outside of it."""

_MAX_CONNECTIONS = 128
# Shorter than the 5 s of common servers: a question sent into a closing connection is lost.
_KEEPALIVE_SECONDS = 4.0
_REST_SECONDS = 0.01
"""How long a connection is idle before the next question: a copy of the last answer that comes meanwhile closes it.

A verdict names no person, so that such a copy would count as the answer to the next question.
"""

_CHUNK = 1 << 14
MAX_ANSWER = 1 << 20
"""The limit of an answer's body in bytes."""

_MAX_RECEIVED = MAX_ANSWER + (1 << 16)
"""The limit of the bytes that arrive for one question: a body, its head and its framing."""

_MAX_MESSAGES = 8
"""The limit of messages for one question: interim answers (1xx) and the answer."""

_FIRST_FINAL = 200
"""The lowest status that is no interim answer's."""

_TOO_MANY_ANSWERS = 2

_log = structlog.get_logger(__name__)

_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata", "instance-data"})


class EgressPolicy:
    """The endpoints that one connection may reach; raises `SettingInvalid` if its URL can't be allowed."""

    def __init__(self, connection: Connection) -> None:
        self._owner = connection.owner
        self._networks = tuple(ip_network(network) for network in connection.networks)
        self.base = _base_url(connection)
        self._origin = (self.base.scheme, self.base.host, self.base.port)
        self._path = f"{self.base.path.rstrip('/')}/"
        host = plain_host(self.base.host)
        if connection.hosts and host not in map(plain_host, connection.hosts):
            raise SettingInvalid("registry_url: its host is not among the profile's hosts")
        address = literal_of(host)
        inside = is_loopback(host) and not self._networks
        if host in _METADATA_NAMES or inside or (address is not None and not self.allows(address)):
            raise SettingInvalid(
                "registry_url: no profile may reach this address, unless "
                f"GATEWAY_{connection.profile.upper()}_NETWORKS names it; link-local and metadata addresses never"
            )

    def allows(self, address: IpAddress) -> bool:
        """Return whether a request may go to this address."""
        return may_reach(address, self._networks)

    def check(self, owner: Owner, url: httpx.URL) -> None:
        """Raise `ProfileMismatch` unless the owner is this connection's and the URL is below its base URL."""
        origin = (url.scheme, url.host, url.port)
        if owner != self._owner or origin != self._origin or not url.path.startswith(self._path):
            raise ProfileMismatch


def _base_url(connection: Connection) -> httpx.URL:
    """Return the base URL of the services and the token endpoint."""
    text = connection.registry_url
    try:
        url = httpx.URL(text)
        host = url.host  # decoded from Punycode, which may be malformed
    except (httpx.InvalidURL, ValueError):
        raise SettingInvalid("registry_url: not a URL") from None
    port = 80 if url.port is None else url.port
    if url.scheme not in {"http", "https"} or not host or not 0 < port < 1 << 16:
        raise SettingInvalid("registry_url: an absolute http or https URL is expected")
    if url.userinfo or url.query or url.fragment or "?" in text or "#" in text:
        raise SettingInvalid("registry_url: an address without user, query and fragment is expected")
    # The login is a hash over the URL: the URL must have only one spelling.
    if "/." in text or "//" in url.path or "%" in text:
        raise SettingInvalid(
            "registry_url: an address without dot segments, empty segments and percent signs is expected"
        )
    path = url.path.rstrip("/")
    if connection.dialect is not Dialect.SOAP:
        path = path.removesuffix(PLATFORM_FOLDER)
    return url.copy_with(path=path or "/")


class FilteringResolver(AbstractResolver):
    """Resolves names and returns only the addresses that the policy allows."""

    def __init__(self, policy: EgressPolicy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a host; raises `OSError` without any."""
        found = await self._inner.resolve(host, port, family)
        allowed = [entry for entry in found if self._policy.allows(address_of(entry["host"]))]
        if not allowed:
            raise OSError("no address of the registry's host is allowed")
        return allowed

    async def close(self) -> None:
        """Close the wrapped resolver."""
        await self._inner.close()


def filtered_sockets(policy: EgressPolicy) -> SocketFactoryType:
    """Return a socket factory that refuses other addresses: a literal address passes no resolver."""

    def make(found: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        if not policy.allows(address_of(str(address[0]))):
            raise OSError("this address is not allowed")
        return socket.socket(family, kind, protocol)

    return make


class _BoundedHandler(ResponseHandler):
    """Bounds what arrives for one question, by its raw size and its number of messages.

    aiohttp parses all that arrives, and uvloop reads on while more comes: interim answers without end, chunks of one
    byte, or answers on an idle connection would keep the worker from every other request, also of the other profile.
    """

    _received = _messages = _answers = 0

    def __init__(self, profile: Profile, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._profile = profile

    def set_response_params(self, **members: Any) -> None:
        """Begin to read the answer to the next question."""
        self._received = self._messages = self._answers = 0
        super().set_response_params(**members)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Keep a message for the reader of the answer; log an answer beyond the one to the question.

        A verdict names no person: of two answers, nobody can tell whether the first one belonged to the question before.
        """
        self._messages += 1
        self._answers += data[0].code >= _FIRST_FINAL
        if self._answers == _TOO_MANY_ANSWERS:
            _log.error("registry_answer_unasked", profile=self._profile.value)
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, a piece at a time; close the connection if it is too much."""
        self._received += len(data)
        if self._received > _MAX_RECEIVED:
            self._refuse()
        for start in range(0, len(data) or 1, _CHUNK):  # aiohttp passes b"" to continue after a pause
            if self.exception() is not None:
                return
            super().data_received(data[start : start + _CHUNK])
            if self._messages > _MAX_MESSAGES:
                self._refuse()

    def _refuse(self) -> None:
        error, payload = RegistryAnswerInvalid("answer too large"), self._payload
        self.set_exception(error)
        if payload is not None:
            payload.set_exception(error)
            self._payload = None  # the end of the connection would replace the error
        if self.transport is not None:
            self.transport.abort()


class _Connector(aiohttp.TCPConnector):
    """Uses no connection on which bytes arrived without a question: aiohttp would return them as the next answer."""

    def __init__(self, profile: Profile, **members: Any) -> None:
        super().__init__(**members)
        self._factory = partial(_BoundedHandler, profile, loop=self._loop)  # type: ignore[assignment]  # partial is invariant

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> PooledConnection | None:
        """Return the idle connection that has rested longest; None if it has not rested long enough.

        The first one that can be used is it. Those before it are closed or too old, and the base class passes over them.
        """
        now = monotonic()
        for protocol, since in self._conns.get(key, ()):
            if protocol.is_connected() and now - since < _KEEPALIVE_SECONDS - _REST_SECONDS:
                if now - since < _REST_SECONDS:
                    return None
                break
        return await super()._get(key, traces)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the base class has it
    ) -> PooledConnection:
        """Return a connection without unread bytes; close the others."""
        for _ in range(_MAX_CONNECTIONS):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError


class _Transport(httpx.AsyncBaseTransport):
    """aiohttp behind httpx's interface; the first request opens the session, in its event loop."""

    def __init__(self, open_session: Callable[[], aiohttp.ClientSession]) -> None:
        self._open = open_session
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose content was read; return its answer, whose body is read later."""
        if self._session is None:
            self._session = self._open()
        answer = await self._session.request(
            request.method,
            str(request.url),
            headers=request.headers,
            data=request.content or None,
            allow_redirects=False,
        )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close the session with its connections."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.content.iter_chunked(_CHUNK):
            yield chunk

    async def aclose(self) -> None:
        self._answer.release()
        await self._answer.wait_for_close()


def open_transport(connection: Connection) -> httpx.AsyncBaseTransport:
    """Return a transport for this connection alone, bound to the event loop of its first request.

    Raises:
        SettingInvalid: the URL or the client certificate can't work.
    """
    policy = EgressPolicy(connection)
    ssl_context = tls_of(connection)

    def open_session() -> aiohttp.ClientSession:
        connector = _Connector(
            connection.profile,
            limit=_MAX_CONNECTIONS,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            resolver=FilteringResolver(policy, aiohttp.ThreadedResolver()),
            socket_factory=filtered_sockets(policy),
            ssl=ssl_context,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(),  # none: the deadline is in `session.py`
            auto_decompress=False,
        )

    return _Transport(open_session)
