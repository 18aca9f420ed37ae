"""The mock of a test session, built in this process or running elsewhere, its control face, and the transports to it.

There is a transport for each kind of httpx client, so that one fixture serves synchronous and asynchronous tests.
In-process an asynchronous call runs in the caller's loop, a synchronous one in the session's loop; the mock has no
state that is bound to a loop. Hosts other than the mock's are refused, so that no test leaves the machine.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

from mock_c06.app import build_mock
from mock_c06.settings import Settings


class ControlRefused(Exception):
    """The control face refused what a test asked of it: the test is wrong, or the mock does not run."""


@dataclass(frozen=True, slots=True)
class Control:
    """Requests about one run."""

    client: httpx.Client
    run: str

    def of_run(self, method: str, path: str, **sent: Any) -> Any:
        """Call `/runs/{run}{path}`; raises `ControlRefused`."""
        return self.call(method, f"/runs/{self.run}{path}", **sent)

    def call(self, method: str, path: str, **sent: Any) -> Any:
        """Request a path and return its JSON, None for an empty answer; raises `ControlRefused`."""
        try:
            answer = self.client.request(method, path, **sent)
        except httpx.TransportError as error:
            raise ControlRefused(f"no control face at {self.client.base_url}: {error}") from error
        if answer.is_error:
            raise ControlRefused(f"{method} {path}: {_reason(answer)}")
        return answer.json() if answer.content else None


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    named = [f"{each.get('field')}: {each.get('detail')}" for each in problem.get("errors", [])]
    return "; ".join([str(problem.get("title") or problem.get("detail")), *named])


_T = TypeVar("_T")


class LoopThread:
    """An event loop in its own thread: code that already runs in a loop may wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mock-c06", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run the coroutine; return its result or raise its exception."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its threads."""
        self.wait(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class InProcessTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Calls ASGI apps by the URL's host."""

    def __init__(self, apps: Mapping[str, ASGIApp], loop: LoopThread) -> None:
        self._apps = {host: httpx.ASGITransport(app) for host, app in apps.items()}
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a synchronous client."""
        return self._loop.wait(self._answer(request, request.read()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer an asynchronous client."""
        return await self._answer(request, await request.aread())

    async def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Answer with the whole body; raise httpx's errors for a timeout or a cut connection."""
        app = self._app_of(request)
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(seconds):
                answer = await app.handle_async_request(_both_ways(request, body))
                content = await answer.aread()
        except TimeoutError as late:
            raise httpx.ReadTimeout(f"no answer in {seconds} s", request=request) from late
        except ConnectionResetError as cut:
            raise httpx.ReadError(str(cut), request=request) from cut
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, content=content, request=request
        )

    def _app_of(self, request: httpx.Request) -> httpx.ASGITransport:
        app = self._apps.get(request.url.host)
        if app is None:
            raise httpx.ConnectError(f"{request.url.host} is no host of the mock", request=request)
        return app


class SocketTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Calls a running mock; connections are opened with the first request of each kind of client."""

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
        """Close the connections of a synchronous client."""
        if self._plain is not None:
            self._plain.close()

    async def aclose(self) -> None:
        """Close the connections of an asynchronous client."""
        if self._awaited is not None:
            await self._awaited.aclose()


def _both_ways(request: httpx.Request, body: bytes) -> httpx.Request:
    """Return the request with a body for both kinds of clients."""
    return httpx.Request(
        request.method, request.url, headers=request.headers.raw, content=body, extensions=request.extensions
    )


_HOSTS = {"test": "test.c06.invalid", "official": "official.c06.invalid"}
_CONTROL_HOST = "control.c06.invalid"

Transport = InProcessTransport | SocketTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The registry's address in each environment, a client of the control face, and a transport to both."""

    addresses: Mapping[str, str]
    control: httpx.Client = field(repr=False)
    new_transport: Callable[[], Transport] = field(repr=False)


@contextmanager
def in_process() -> Iterator[Target]:
    """Build a mock that opens no port and reads no setting."""
    mock = build_mock(Settings.model_construct(control_token=None, secret_seed=None))
    loop = LoopThread()
    apps = {_HOSTS["test"]: mock.test, _HOSTS["official"]: mock.official, _CONTROL_HOST: mock.control}
    try:
        with _control(
            InProcessTransport(apps, loop), f"http://{_CONTROL_HOST}", mock.control_token
        ) as control:
            yield Target(
                addresses={name: f"http://{host}" for name, host in _HOSTS.items()},
                control=control,
                new_transport=lambda: InProcessTransport(apps, loop),
            )
    finally:
        loop.close()


@contextmanager
def running(addresses: Mapping[str, str], *, control: str, token: str) -> Iterator[Target]:
    """Use a mock that runs, by its addresses and the token of its control face."""
    bare = {name: address.rstrip("/") for name, address in addresses.items()}
    with _control(SocketTransport(), control.rstrip("/"), token) as client:
        yield Target(addresses=bare, control=client, new_transport=SocketTransport)


def _control(transport: Transport, address: str, token: str) -> httpx.Client:
    return httpx.Client(
        transport=transport, base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
