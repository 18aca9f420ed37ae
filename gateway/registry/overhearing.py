"""A transport that listens in on a probe: announces each question, keeps the last answer, stops after a refused login.

The announcing and the stopping stand here, where every packet passes, so that neither hangs on what the session above
does: it would fetch a second token after a 401. What is kept is one answer, bounded, until the probe takes it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from gateway.clock import Clock
from gateway.errors.registry import RegistryCredentialsRejected
from gateway.registry.outbound import MAX_ANSWER
from gateway.registry.refusals import find_http_date

_REFUSED = frozenset({401, 403})


@dataclass(slots=True, kw_only=True)
class Heard:
    """One answer as it came. `skew_seconds` is how far the registry's clock is ahead of ours, None where it tells no time."""

    status: int
    skew_seconds: float | None
    _chunks: list[bytes] = field(default_factory=list, repr=False)

    @property
    def content(self) -> bytes:
        """Return as much of the body as was read, at most what an answer may hold."""
        return b"".join(self._chunks)

    def note(self, chunk: bytes) -> None:
        """Keep a piece of the body; what passes the limit isn't kept."""
        if sum(map(len, self._chunks)) + len(chunk) <= MAX_ANSWER:
            self._chunks.append(chunk)


class Overhearing(httpx.AsyncBaseTransport):
    """Stands between a probe's session and the real way out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._announce: Callable[[], Awaitable[None]] | None = None
        self._heard: Heard | None = None
        self._token: Heard | None = None
        self.announced = False
        self.refused = False

    def expect(self, announce: Callable[[], Awaitable[None]]) -> None:
        """Say what is to be awaited before the next question leaves."""
        self._announce = announce
        self._heard = self._token = None
        self.announced = False

    def take(self) -> tuple[Heard | None, Heard | None]:
        """Return the question's answer and the token call's, as far as they came, and forget both."""
        taken = self._heard, self._token
        self._heard = self._token = None
        return taken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a packet on; raises `RegistryCredentialsRejected` without one after a login was refused."""
        if self.refused:
            raise RegistryCredentialsRejected
        is_token = request.url.path.endswith("/token")
        if not is_token and self._announce is not None:
            await self._announce()
            self.announced = True
        response = await self._inner.handle_async_request(request)
        status = response.status_code
        # RFC 6749 §5.2: a wrong client may also be told by 400.
        self.refused = status in _REFUSED or (is_token and status == 400)
        heard = Heard(status=status, skew_seconds=self._skew(response.headers))
        if is_token:
            self._token = heard
        else:
            self._heard = heard
        return httpx.Response(status, headers=response.headers, stream=_Tee(response, heard))

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()

    def _skew(self, headers: httpx.Headers) -> float | None:
        told = find_http_date(headers.get("date", ""))
        return None if told is None else (told - self._clock.now()).total_seconds()


class _Tee(httpx.AsyncByteStream):
    """A body that is noted as it is read; who reads it keeps its own bound."""

    def __init__(self, response: httpx.Response, heard: Heard) -> None:
        self._response = response
        self._heard = heard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if isinstance(stream, httpx.AsyncByteStream):
            async for chunk in stream:
                self._heard.note(chunk)
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
