"""Registries for tests of attacks: the mock behind a network that a test controls, and servers that
answer as no mock does.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import httpx
import pytest

from gateway.identifiers import Profile
from gateway.procedures.model import Operation
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.registry.model import Found, NobodyFound, Question
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import Scene, open_scene, settings_for


@dataclass
class Network(httpx.AsyncBaseTransport):
    """The network to the mock. It acts on questions; token calls pass.
    / `meanwhile` runs once, while the next question is at the registry; `afterwards` runs once, after its
    answer. That many 401s are answered as `refuses` says; `change` replaces each answer.
    """

    inner: httpx.AsyncBaseTransport
    meanwhile: Callable[[], Awaitable[None]] | None = None
    afterwards: Callable[[], Awaitable[None]] | None = None
    change: Callable[[httpx.Request, httpx.Response], httpx.Response] | None = None
    refuses: int = 0
    left: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.left.append(request.url.path)
        if request.url.path.endswith("/token") and self.change is None:
            return await self.inner.handle_async_request(request)
        if (doing := self.meanwhile) is not None:
            self.meanwhile = None
            await doing()
        if self.refuses:
            self.refuses -= 1
            return httpx.Response(401)
        answer = await self.inner.handle_async_request(request)
        if (doing := self.afterwards) is not None:
            self.afterwards = None
            await doing()
        if self.change is None:
            return answer
        await answer.aread()
        return self.change(request, answer)


@pytest.fixture
def network(mock: MockRegistry) -> Network:
    return Network(httpx.ASGITransport(mock.test))


@pytest.fixture
async def scene(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> AsyncIterator[Scene]:
    """A scene whose requests to both registries go through `network`."""
    async with open_scene(settings_for(database_url, mock), mock, clock, network=lambda _: network) as opened:
        yield opened


class Whole(httpx.AsyncByteStream):
    """A body in one piece, with any headers."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Exploding(httpx.AsyncByteStream):
    """A body that fails half-way with an error that no library of ours raises."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise LookupError("an unknown codec")


@asynccontextmanager
async def raw_registry(answer: bytes) -> AsyncIterator[int]:
    """A registry on a socket that answers everything with these bytes and closes; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


_EAST = datetime.fromisoformat("2022-01-01T00:00:00+14:00").tzinfo


@dataclass(eq=False)
class Raising:
    """A registry that answers like the mock until a test sets the exception to raise instead."""

    inner: RegistryClient
    error: Exception | None = None
    odd: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def confirm(self, question: Question) -> bool:
        if self.error is not None:
            raise self.error
        return await self.inner.confirm(question)

    async def find_record(self, question: Question) -> Found | NobodyFound:
        if self.error is not None and question.operation is Operation.LOOK_UP:
            raise self.error
        found = await self.inner.find_record(question)
        if self.odd and isinstance(found, Found):
            return Found(replace(found.record, as_of=datetime.min.replace(tzinfo=_EAST)))
        return found


@asynccontextmanager
async def raising_scene(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> AsyncIterator[tuple[Scene, Raising]]:
    made: dict[Profile, Raising] = {}

    def connect(connected: Connection) -> RegistryClient:
        face = mock.test if connected.profile is Profile.SANDBOX else mock.official
        inner = open_registry(connected, transport=httpx.ASGITransport(face), clock=clock)
        return cast("RegistryClient", made.setdefault(connected.profile, Raising(inner)))

    async with open_scene(settings_for(database_url, mock), mock, clock, connect=connect) as scene:
        yield scene, made[Profile.SANDBOX]


@asynccontextmanager
async def platform_scene(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> AsyncIterator[Scene]:
    """A sandbox behind a provincial platform, whose token is sent with the questions."""
    account = mock.register.find("dvctt-lgsp-camel")
    assert account is not None
    assert account.adapter is not None
    adapter = account.adapter
    names = ("access_key", "secret_key", "app_name", "partner_code", "partner_code_cus")
    platform: dict[str, Any] = {
        "dialect": "lgsp-camel",
        "ngsp_key": account.ngsp_key,
        "ngsp_secret": account.ngsp_secret,
        "adapter": {name: getattr(adapter, name) for name in names},
    }
    known = settings_for(database_url, mock, sandbox=platform)
    async with open_scene(known, mock, clock, network=lambda _: network) as scene:
        yield scene
