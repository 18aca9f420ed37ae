"""Sends raw bytes on a real socket to the gateway's own server, which serves an application."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp

from gateway.edge.connections import ConnectionLimiter, LimitedServer
from tests.kit.scene import BASE

PATIENT = 60.0


class _Listening(LimitedServer):
    """A server that ignores the process' signals and reports when it listens."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app, limiter=ConnectionLimiter(base=BASE, note=lambda reason: None), keep_alive_s=30, shutdown_s=1
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an application on a free port."""
    server = _Listening(app)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await server.listening.wait()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def ask(port: int, sent: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes over a new connection; return status and JSON of the first answer."""
    return (await ask_all(port, sent, answers=1))[0]


async def ask_all(port: int, sent: bytes, *, answers: int) -> list[tuple[int, dict[str, Any]]]:
    """Send bytes over a new connection; return status and JSON of that many answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    try:
        return [await _read_answer(reader) for _ in range(answers)]
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENT)).decode()
    status, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status.split()[1]), json.loads(body) if body else {}
