"""Send one packet and take one bounded answer: the only caller of the HTTP transport.

Speaks to the transport itself, not through `httpx.AsyncClient`: that adds cookies, redirects and a tenth of
a millisecond, none of which is wanted. Refuses answers over 1 MiB, compressed ones (a bomb would pass the
bound) and charsets other than UTF-8. Whatever else an answer makes the library raise is an invalid answer too.
The deadline is `session.py`'s, around all of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import httpx

from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryTimeout, RegistryUnavailable
from gateway.registry.connection import Owner
from gateway.registry.guard import Guard
from gateway.registry.refusals import unforeseen

MAX_ANSWER = 1 << 20

_CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii", "ascii"})
_ALWAYS = {"accept-encoding": "identity", "user-agent": "dancu-gateway"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """What came back, unread."""

    status: int
    retry_after: str
    content: bytes


class Outbound:
    """One connection's packets."""

    def __init__(self, transport: httpx.AsyncBaseTransport, guard: Guard) -> None:
        self._transport = transport
        self._guard = guard

    async def post(self, owner: Owner, url: httpx.URL, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send a packet that the guard lets pass; raises `RegistryError`."""
        self._guard.check(owner, url)
        request = httpx.Request("POST", url, headers={**_ALWAYS, **headers}, content=content)
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await _answer(response)
            finally:
                await response.aclose()
        except httpx.ConnectTimeout as exc:  # httpx-aiohttp's word for a connection that was dropped, too
            raise RegistryUnavailable from exc
        except httpx.TimeoutException as exc:
            raise RegistryTimeout from exc
        except aiohttp.ClientResponseError as exc:
            raise RegistryAnswerInvalid("not HTTP") from exc
        except (httpx.TransportError, aiohttp.ClientError, OSError) as exc:
            raise RegistryUnavailable from exc
        except GatewayError:
            raise
        except Exception as exc:  # what the library did not foresee of an answer is the answer's fault
            raise unforeseen(exc, "packet") from exc

    async def aclose(self) -> None:
        """Close the transport with its connections."""
        await self._transport.aclose()


async def _answer(response: httpx.Response) -> Answer:
    headers = response.headers
    content = await _bounded(response)
    # A failing status speaks for itself, however its page is encoded.
    if response.status_code == 200:
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise RegistryAnswerInvalid("compressed")
        charset = response.charset_encoding
        if (charset.lower() if charset else None) not in _CHARSETS:
            raise RegistryAnswerInvalid("encoding is not UTF-8")
    return Answer(
        status=response.status_code, retry_after=headers.get("retry-after", "").strip(), content=content
    )


async def _bounded(response: httpx.Response) -> bytes:
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise RegistryAnswerInvalid("not HTTP")
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > MAX_ANSWER:
            raise RegistryAnswerInvalid("answer too large")
        chunks.append(chunk)
    return b"".join(chunks)
