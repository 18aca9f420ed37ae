"""A preflight over real loopback sockets: the endpoint's certificate, and the transport of service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.preflight.recorder import PreflightNetwork
from gateway.registry.connection import Connection
from gateway.registry.egress import open_transport
from tests.kit.authority import Authority, listening
from tests.kit.preflight import LOOPBACK, Preflights, line, not_tried, tried_and_failed
from tests.kit.registry import connection, people, verdict

pytestmark = pytest.mark.sockets


def _at(desk: Preflights, port: int, authority: Authority | None = None) -> Connection:
    authorities = None if authority is None else authority.pem()
    return desk.candidate(registry_url=f"https://registry.test:{port}", authorities=authorities)


@pytest.mark.parametrize(("days", "advised"), [(90.5, False), (12.5, True)])
async def test_a_valid_certificate_lets_the_preflight_continue(
    desk: Preflights, authority: Authority, days: float, advised: bool
) -> None:
    async with listening(authority.serving("registry.test", days=(-1, days))) as (port, _):
        found = await desk.look(_at(desk, port, authority))

    assert found.passed
    assert line(found, "tls").detail == f"chain and name are valid; {int(days)} day(s) left"
    assert bool(line(found, "tls").remedy) is advised


@pytest.mark.parametrize(
    ("names", "days", "told"),
    [
        ("elsewhere.test", (-1, 90), "refused: wrong_name"),
        ("registry.test", (-90, -1), "refused: expired"),
    ],
)
async def test_threat_16_with_an_invalid_certificate_nothing_is_sent(
    desk: Preflights, authority: Authority, names: str, days: tuple[float, float], told: str
) -> None:
    async with listening(authority.serving(names, days=days)) as (port, heard):
        found = await desk.look(_at(desk, port, authority))
        sent = await heard.get() if not heard.empty() else b""

    assert tried_and_failed(found) == ["tls"]
    assert line(found, "tls").detail == told
    assert line(found, "tls").remedy
    assert desk.sent == []
    assert sent == b""
    assert "login" in not_tried(found)


async def test_threat_16_with_an_authority_that_is_not_trusted_nothing_is_sent(
    desk: Preflights, authority: Authority
) -> None:
    async with listening(authority.serving("registry.test")) as (port, _):
        found = await desk.look(_at(desk, port))

    assert line(found, "tls").detail == "refused: untrusted"
    assert "GATEWAY_SANDBOX_CA_FILE" in line(found, "tls").remedy
    assert desk.sent == []


async def test_the_transport_of_service_carries_a_preflight_and_measures_its_time(desk: Preflights) -> None:
    async with _registry() as (port, paths):
        made = connection(registry_url=f"http://localhost:{port}", networks=(*LOOPBACK, "::1/128"))
        found = await desk.look(made, preflight_network=PreflightNetwork(open_transport=open_transport))

    assert tried_and_failed(found) == ["clock_skew"]
    assert "behind" in line(found, "clock_skew").detail
    assert len(paths) == 5
    assert line(found, "dns").passed


@asynccontextmanager
async def _registry() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A registry by hand that knows nobody and lives in 1994."""
    paths: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                (length,) = [
                    row.split(b":")[1]
                    for row in head.split(b"\r\n")
                    if row.lower().startswith(b"content-length")
                ]
                await reader.readexactly(int(length))
                paths.append(head.split(b" ")[1])
                body = verdict("0") if b"XacThuc" in paths[-1] else people()
                date = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\n" + date + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], paths
    finally:
        server.close()
        await server.wait_closed()
