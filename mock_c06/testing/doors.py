"""HTTP transports that serve both kinds of httpx client, so that one fixture suits synchronous and asynchronous tests.

In-process an asynchronous call runs in the caller's loop, a synchronous one in a loop of the session's own; the mock
has no state that is bound to a loop. Refuses every host that is not the mock's: a test can't leave the machine by it.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

_T = TypeVar("_T")


class Loop:
    """An event loop in a thread of its own: code that already runs in a loop may wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mock-c06", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run it to its end, and give or raise what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its threads."""
        self.wait(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class InProcess(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Reaches ASGI apps by the host of the address."""

    def __init__(self, apps: Mapping[str, ASGIApp], loop: Loop) -> None:
        self._doors = {host: httpx.ASGITransport(app) for host, app in apps.items()}
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a synchronous client."""
        return self._loop.wait(self._answer(request, request.read()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer an asynchronous client."""
        return await self._answer(request, await request.aread())

    async def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Answer with the whole body; fail as a socket does: late, or cut."""
        door = self._door(request)
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                answer = await door.handle_async_request(_both_ways(request, body))
                content = await answer.aread()
        except TimeoutError as late:
            raise httpx.ReadTimeout(f"no answer in {seconds} s", request=request) from late
        except ConnectionResetError as cut:
            raise httpx.ReadError(str(cut), request=request) from cut
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, content=content, request=request
        )

    def _door(self, request: httpx.Request) -> httpx.ASGITransport:
        door = self._doors.get(request.url.host)
        if door is None:
            raise httpx.ConnectError(f"{request.url.host} is no host of the mock", request=request)
        return door


class OverSockets(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Reaches a running mock; each kind of client opens its connections when it first asks."""

    def __init__(self) -> None:
        self._plain: httpx.HTTPTransport | None = None
        self._awaited: httpx.AsyncHTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a synchronous client."""
        self._plain = self._plain or httpx.HTTPTransport()
        return self._plain.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer an asynchronous client."""
        self._awaited = self._awaited or httpx.AsyncHTTPTransport()
        return await self._awaited.handle_async_request(request)

    def close(self) -> None:
        """Close what a synchronous client opened."""
        if self._plain is not None:
            self._plain.close()

    async def aclose(self) -> None:
        """Close what an asynchronous client opened."""
        if self._awaited is not None:
            await self._awaited.aclose()


def _both_ways(request: httpx.Request, body: bytes) -> httpx.Request:
    """Give the request with a body that can be read either way."""
    return httpx.Request(
        request.method, request.url, headers=request.headers.raw, content=body, extensions=request.extensions
    )
