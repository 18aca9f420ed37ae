"""Closed-loop load over plain keep-alive connections: prepared bytes go out, status and body come in.

The client of `benchmarks.load` costs more than a mock's answer does and would measure itself. Here requests are made
beforehand, and what is measured is the way through the server. `busy` says which part of the time this process
worked: near 1, the figure is the generator's own and not the server's.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import cast

import httptools
import uvloop

Accept = Callable[[int, bytes], bool]
_MOST_S = 120


class WrongAnswer(Exception):
    """An answer that a benchmark must not count, or a connection that ended before its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round saw: answers a second, the median and 99th percentile in milliseconds, the generator's share."""

    per_second: float
    p50_ms: float
    p99_ms: float
    busy: float


class _Caller(asyncio.Protocol):
    """One connection: sends its next request when the last was answered. httptools calls the `on_` methods."""

    def __init__(self, requests: Iterator[bytes], accept: Accept, took: list[float]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._accept = accept
        self._took = took
        self._parser = httptools.HttpResponseParser(self)
        self._began = 0.0
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports write, and derive from no class that says so.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._fail("the connection ended before its answer")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._took.append(time.perf_counter() - self._began)
        body, self._body = self._body, b""
        status = self._parser.get_status_code()
        if not self._accept(status, body):
            self._fail(f"{status}: {body[:300]!r}")
            return
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._began = time.perf_counter()
            self._transport.write(request)
        elif not self.ended.done():
            self.ended.set_result(None)
            self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(WrongAnswer(reason))
            self._transport.close()


def send_all(host: str, port: int, requests: Sequence[bytes], *, callers: int, accept: Accept) -> Round:
    """Send every request once, over so many connections. Raises `WrongAnswer` at the first that is not accepted."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send_all(host, port, requests, callers, accept))


async def _send_all(host: str, port: int, requests: Sequence[bytes], callers: int, accept: Accept) -> Round:
    loop, took, queue = asyncio.get_running_loop(), list[float](), iter(requests)
    began, worked = time.perf_counter(), time.process_time()
    made = [
        await loop.create_connection(lambda: _Caller(queue, accept, took), host, port) for _ in range(callers)
    ]
    async with asyncio.timeout(_MOST_S):
        await asyncio.gather(*(caller.ended for _, caller in made))
    whole, worked = time.perf_counter() - began, time.process_time() - worked
    cuts = quantiles(took, n=100)
    return Round(
        per_second=len(took) / whole, p50_ms=cuts[49] * 1000, p99_ms=cuts[98] * 1000, busy=worked / whole
    )
