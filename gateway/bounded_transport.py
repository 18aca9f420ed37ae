"""The transport for servers of other parties that a worker asks beside its requests: it bounds what they may send.

httpx parses all that it has read before anything else runs: interim answers (1xx) without end, or chunks of one byte, would
keep the worker from its requests for a second at a time. Here it reads a small piece at a time, lets others run, and a
connection ends once too much has arrived. The registry's client has bounds of its own (`registry/egress.py`).
"""

import asyncio
import ssl
from typing import Any

import httpcore
import httpx

MOST = 1 << 18
"""Bytes that may arrive for one answer, of 64 KiB in most places, with its head and framing."""

_PIECE = 1 << 12


class BoundedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with one bounded connection for each answer; if more arrives, the call fails with `httpx.ReadError`."""

    def __init__(self, *, verify: ssl.SSLContext | bool = True) -> None:
        super().__init__(verify=False)
        # httpx takes no backend of the network.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=verify),
            network_backend=_Network(),
            max_keepalive_connections=0,  # the bound is that of one answer
        )


class _Network(httpcore.AnyIOBackend):
    async def connect_tcp(self, *arguments: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        return _BoundedStream(await super().connect_tcp(*arguments, **more))


class _BoundedStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._left = MOST

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the base class has it
        await asyncio.sleep(0)
        data = await self._inner.read(min(max_bytes, _PIECE), timeout)
        self._left -= len(data)
        if self._left < 0:
            raise httpcore.ReadError("too much arrived")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(self, *arguments: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        return _BoundedStream(await self._inner.start_tls(*arguments, **more))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
