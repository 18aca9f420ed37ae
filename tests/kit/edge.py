"""An `Edge` around a small application, called as by a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.edge.middleware import EdgeMiddleware
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE


class Echo:
    """An application that remembers the requests that reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.correlation_ids: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.correlation_ids.append(scope["state"]["correlation_id"])
        message = await receive()
        self.bodies.append(message["body"])
        headers = [(b"cache-control", b"max-age=60")] if scope["path"] == "/sandbox/cached" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


def edge_around(app: ASGIApp) -> EdgeMiddleware:
    """Return the edge as `build_app` adds it, with sandbox as a profile of test data."""
    return EdgeMiddleware(
        app, base=BASE, clock=HandClock(), test_data={"sandbox": True, "official": False}.get
    )


@asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the edge around `app`."""
    transport = httpx.ASGITransport(edge_around(app))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield http
