"""An `Edge` around a small application, called as a server would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.edge.context import Edge
from tests.gateway.scene import BASE, HandClock


class Echo:
    """An application that remembers what reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.correlation_ids: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200."""
        self.correlation_ids.append(scope["state"]["correlation_id"])
        message = await receive()
        self.bodies.append(message["body"])
        headers = [(b"cache-control", b"max-age=60")] if scope["path"] == "/sandbox/cached" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


async def fail_with_a_persons_data(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise what must never leave."""
    raise ValueError("Nguyễn Văn An 001090000123")


def edge_around(app: ASGIApp) -> Edge:
    """Return the edge as `build_app` puts it, with sandbox as a place of test data."""
    return Edge(app, base=BASE, clock=HandClock(), test_data={"sandbox": True, "official": False}.get)


@asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the edge around `app`."""
    transport = httpx.ASGITransport(edge_around(app))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield http


def http_scope(path: str = "/", **members: object) -> Scope:
    """Return a scope as a server hands it in."""
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    } | members


async def call_raw(app: ASGIApp, scope: Scope, *messages: Message) -> list[Message]:
    """Call with these messages and return what was sent."""
    waiting = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await edge_around(app)(scope, receive, send)
    return sent
