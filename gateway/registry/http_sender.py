"""Send one request and read one bounded answer: the only caller of the HTTP transport.

Calls the transport directly, not `httpx.AsyncClient`, which adds cookies, redirects and a tenth of a millisecond.
Refuses answers over 1 MiB, compressed ones (a zip bomb would evade the limit) and charsets other than UTF-8. A status that
is a refusal becomes our error (`refuse_status`). The deadline is in `session.py`. `RecordingTransport` wraps the same transport
for a preflight.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
import httpx
import structlog

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.registry.connection import Owner
from gateway.registry.egress import MAX_ANSWER, EgressPolicy

_CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii", "ascii"})
_ALWAYS = {"accept-encoding": "identity", "user-agent": "dancu-gateway"}
_DECIDED_BY_BODY = frozenset({200, 400, 500})
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_RETRY_SECONDS = re.compile(r"[0-9]{1,6}")
_RETRY_DEFAULT = 5
_RETRY_MAX = 300
_MAX_DATE = 64

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpAnswer:
    """An answer's status, its `Retry-After` and its body, not yet parsed."""

    status: int
    retry_after: str
    content: bytes


class HttpSender:
    """Sends the requests of one connection. `date` is the last answer's, as text."""

    def __init__(self, transport: httpx.AsyncBaseTransport, policy: EgressPolicy) -> None:
        self._transport = transport
        self._policy = policy
        self.date = ""

    async def post(
        self, owner: Owner, url: httpx.URL, headers: Mapping[str, str], content: bytes
    ) -> HttpAnswer:
        """Send a request that the egress policy allows; raises `RegistryError`."""
        self._policy.check(owner, url)
        framed = {
            "host": url.netloc.decode("ascii"),
            **_ALWAYS,
            **headers,
            "content-length": str(len(content)),
        }
        # Given `content`, httpx would search the headers for a length; without an encoding it would try several on all.
        request = httpx.Request("POST", url, headers=framed, stream=httpx.ByteStream(content))
        request.headers.encoding = "ascii"
        request.read()
        try:
            response = await self._transport.handle_async_request(request)
            answered = _read_headers(response.headers.raw)
            self.date = answered.get(b"date", "")
            try:
                return await _read(response, answered)
            finally:
                await response.aclose()
        # httpx's errors are those of its own transports, which tests pass; aiohttp's are those of the service.
        except httpx.ConnectTimeout as exc:
            raise RegistryUnavailable from exc
        except httpx.TimeoutException as exc:
            raise RegistryTimeout from exc
        except aiohttp.ClientResponseError as exc:
            raise RegistryAnswerInvalid("not HTTP") from exc
        except (httpx.TransportError, aiohttp.ClientError, OSError) as exc:
            raise RegistryUnavailable from exc
        except GatewayError:
            raise
        except Exception as exc:  # bytes that the library did not foresee are an invalid answer
            raise unforeseen(exc, "http") from exc

    async def aclose(self) -> None:
        """Close the transport with its connections."""
        await self._transport.aclose()


async def _read(response: httpx.Response, headers: Mapping[bytes, str]) -> HttpAnswer:
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise RegistryAnswerInvalid("not HTTP")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.stream:
        size += len(chunk)
        if size > MAX_ANSWER:
            raise RegistryAnswerInvalid("answer too large")
        chunks.append(chunk)
    # The body's encoding doesn't matter if the status is a failure.
    if response.status_code == 200:
        if headers.get(b"content-encoding", "identity").lower() != "identity":
            raise RegistryAnswerInvalid("compressed")
        if _find_charset(headers.get(b"content-type")) not in _CHARSETS:
            raise RegistryAnswerInvalid("encoding is not UTF-8")
    retry_after = headers.get(b"retry-after", "").strip()
    return HttpAnswer(status=response.status_code, retry_after=retry_after, content=b"".join(chunks))


def _read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the values by lower-case name; those of a repeated header are joined by commas (RFC 9110 §5.2)."""
    headers: dict[bytes, str] = {}
    for name, value in raw:
        key, text = name.lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


@lru_cache(maxsize=64)
def _find_charset(content_type: str | None) -> str | None:
    """Return the charset parameter of a media type in lower case, None without one."""
    if content_type is None:
        return None
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset()


def refuse_status(status: int, retry_after: str, clock: Clock) -> None:
    """Raise our error for a status; 200, 400 and 500 raise nothing, since the body decides."""
    if status in _DECIDED_BY_BODY:
        return
    if status in {401, 403}:
        raise RegistryCredentialsRejected
    if status in _UNAVAILABLE:
        raise RegistryUnavailable(_seconds(retry_after, clock.now()))
    if 300 <= status < 400:
        raise RegistryAnswerInvalid("redirected")
    if status > 500:
        raise RegistryUnavailable
    raise RegistryAnswerInvalid("unexpected status")


def _seconds(retry_after: str, now: datetime) -> int:
    """Read `Retry-After`, seconds or a date (RFC 9110 §10.2.3), limited to what callers may get."""
    if _RETRY_SECONDS.fullmatch(retry_after) is not None:
        return min(max(int(retry_after), 1), _RETRY_MAX)
    until = find_http_date(retry_after)
    if until is None:
        return _RETRY_DEFAULT
    return min(max(int((until - now).total_seconds()), 1), _RETRY_MAX)


def find_http_date(written: str) -> datetime | None:
    """Return a header's date (RFC 9110 §5.6.7) in UTC; None if it is malformed, impossible or too long."""
    if len(written) > _MAX_DATE:
        return None
    try:
        found = parsedate_to_datetime(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unforeseen(error: Exception, at: str) -> RegistryAnswerInvalid:
    """Log an unforeseen error (its class, never a value) and return it as an invalid answer.

    `at` names the step at which it occurred.
    """
    _log.error("registry_unforeseen", error=type(error).__qualname__, at=at)
    return RegistryAnswerInvalid("unforeseen")


@dataclass(slots=True, kw_only=True)
class Recorded:
    """One answer, its body up to `MAX_ANSWER`; `skew_seconds`: how far the registry's clock is ahead of this one."""

    status: int
    skew_seconds: float | None
    content: bytearray = field(default_factory=bytearray, repr=False)


class RecordingTransport(httpx.AsyncBaseTransport):
    """Announces each question, keeps the last answers, and sends nothing after a refused login."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._announce: Callable[[str], Awaitable[None]] | None = None
        self._refused = False
        self.announced = False
        self.answer: Recorded | None = None
        self.token: Recorded | None = None

    def expect(self, announce: Callable[[str], Awaitable[None]]) -> None:
        """Forget the last answers; before the next question is sent, await `announce` with the SHA-256 of its body."""
        self._announce = announce
        self.answer = self.token = None
        self.announced = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on; raises `RegistryCredentialsRejected` instead after a login was refused."""
        if self._refused:
            raise RegistryCredentialsRejected
        is_token = request.url.path.endswith("/token")
        if not is_token and self._announce is not None:
            await self._announce(hashlib.sha256(request.content).hexdigest())
            self.announced = True
        response = await self._inner.handle_async_request(request)
        status = response.status_code
        # RFC 6749 §5.2: a token endpoint may refuse a client with 400, too.
        self._refused = status in {401, 403} or (is_token and status == 400)
        date = find_http_date(response.headers.get("date", ""))
        skew = None if date is None else (date - self._clock.now()).total_seconds()
        recorded = Recorded(status=status, skew_seconds=skew)
        if is_token:
            self.token = recorded
        else:
            self.answer = recorded
        return httpx.Response(status, headers=response.headers, stream=_Tee(response, recorded))

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()


class _Tee(httpx.AsyncByteStream):
    """Copies a body while it is read; the reader has its own limit."""

    def __init__(self, response: httpx.Response, recorded: Recorded) -> None:
        self._response = response
        self._content = recorded.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if isinstance(stream, httpx.AsyncByteStream):
            async for chunk in stream:
                if len(self._content) + len(chunk) <= MAX_ANSWER:
                    self._content += chunk
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
