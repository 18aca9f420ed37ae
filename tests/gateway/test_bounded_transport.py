"""Servers of other parties that a worker asks beside its requests can't keep it from them."""

import ast
import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

import gateway
from gateway.bounded_transport import MOST, BoundedTransport
from tests.kit.authority import Authority

INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def flooding(begin: bytes, repeated: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yield the address of a server that sends without end."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while True:
                writer.write(repeated * 1024)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("scheme", "begin", "repeated"),
    [("http", b"", INTERIM), ("https", b"", INTERIM), ("http", CHUNKED, b"1\r\nx\r\n")],
    ids=["interim answers", "with TLS", "chunks of one byte"],
)
async def test_threat_46_a_connection_ends_once_too_much_has_arrived_on_it(
    tmp_path: Path, scheme: str, begin: bytes, repeated: bytes
) -> None:
    authority = Authority(tmp_path)
    tls = authority.serving("127.0.0.1") if scheme == "https" else None
    trusting = ssl.create_default_context(cadata=authority.pem())
    async with (
        flooding(begin, repeated, tls) as address,
        httpx.AsyncClient(transport=BoundedTransport(verify=trusting)) as client,
    ):
        with pytest.raises(httpx.ReadError):
            await client.get(address)


async def test_threat_46_others_run_between_the_pieces_of_what_arrives() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with flooding(b"", INTERIM) as address, httpx.AsyncClient(transport=BoundedTransport()) as client:
        other = asyncio.create_task(count_turns())
        with pytest.raises(httpx.ReadError):
            await client.get(address)
        other.cancel()

    assert turns > MOST // 8192


async def test_each_answer_within_the_bound_is_read_whole() -> None:
    body = b"x" * (MOST - 1024)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    open_connections = set[asyncio.Task[object] | None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(INTERIM * 3 + head + body)
                await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(transport=BoundedTransport()) as client:
            for _ in range(2):
                assert (await client.get(address)).content == body
        await asyncio.gather(*filter(None, open_connections))


def test_every_client_of_the_gateway_is_given_its_transport() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(gateway.__file__).parent.rglob("*.py")]
    found = [
        {word.arg for word in call.keywords}
        for text in texts
        if "httpx.AsyncClient(" in text
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "httpx.AsyncClient"
    ]
    assert len(found) == 3
    assert all("transport" in given for given in found)
