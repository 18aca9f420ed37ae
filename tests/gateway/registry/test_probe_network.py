"""What is known of a registry's place before anything is asked: its addresses judged, its certificate looked at."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.registry.authorities import trusting
from gateway.registry.probe_network import (
    Certificate,
    Place,
    TlsFault,
    judge_addresses,
    look_at_certificate,
    place_of,
    resolve_by_system,
    stays_on_this_machine,
)
from tests.gateway.registry.authority import Authority, listening
from tests.gateway.registry.scene import connection

sockets = pytest.mark.sockets


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def _look(authority: Authority, port: int, *addresses: str, host: str = "registry.test") -> Certificate:
    place = Place(secure=True, host=host, port=port)
    return await look_at_certificate(place, addresses or ("127.0.0.1",), trusting(authority.pem()), within=5)


@sockets
async def test_a_certificate_that_holds_tells_its_end_and_nothing_is_sent(authority: Authority) -> None:
    async with listening(authority.serving("registry.test", days=(-1, 90))) as (port, heard):
        shown = await _look(authority, port)
        sent = await heard.get()

    assert shown.fault is None
    assert shown.ends_at is not None
    assert abs(shown.ends_at - SystemClock().now() - timedelta(days=90)) < timedelta(minutes=5)
    assert sent == b""


@sockets
@pytest.mark.parametrize(
    ("names", "days", "fault"),
    [
        (("elsewhere.test",), (-1, 90), TlsFault.WRONG_NAME),
        (("127.0.0.1",), (-1, 90), TlsFault.WRONG_NAME),
        (("registry.test",), (-90, -1), TlsFault.EXPIRED),
        (("registry.test",), (1, 90), TlsFault.NOT_YET_VALID),
    ],
)
async def test_a_certificate_that_does_not_hold_is_told_why(
    authority: Authority, names: tuple[str, ...], days: tuple[float, float], fault: TlsFault
) -> None:
    async with listening(authority.serving(*names, days=days)) as (port, _):
        assert await _look(authority, port) == Certificate(fault=fault)


@sockets
async def test_a_chain_that_leads_to_a_stranger_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", name="Another Authority")
    async with listening(stranger.serving("registry.test")) as (port, _):
        assert await _look(authority, port) == Certificate(fault=TlsFault.UNTRUSTED)


@sockets
async def test_a_certificate_for_an_address_holds_for_that_address(authority: Authority) -> None:
    async with listening(authority.serving("127.0.0.1")) as (port, _):
        assert (await _look(authority, port, host="127.0.0.1")).fault is None


@sockets
async def test_a_port_that_speaks_no_tls_is_told_from_one_that_is_shut(authority: Authority) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await _look(authority, port) == Certificate(fault=TlsFault.NOT_TLS)
    server.close()
    await server.wait_closed()
    assert await _look(authority, port) == Certificate(fault=TlsFault.UNREACHABLE)


@sockets
async def test_the_next_address_is_tried_where_the_first_takes_no_connection(authority: Authority) -> None:
    async with listening(authority.serving("registry.test")) as (port, _):
        assert (await _look(authority, port, "127.0.0.2", "127.0.0.1")).fault is None


def test_threat_16_addresses_are_sorted_by_what_the_guard_says_of_them() -> None:
    made = connection(networks=("10.0.0.0/8",))

    judged = judge_addresses(made, ("10.1.1.1", "192.0.2.1", "169.254.169.254", "fe80::1%eth0", "::1"))

    assert judged.allowed == ("10.1.1.1",)
    assert (judged.outside, judged.never) == (2, 2)


@pytest.mark.parametrize(
    ("url", "networks", "stays"),
    [
        ("http://registry.test", ("127.0.0.0/8", "::1/128"), True),
        ("http://registry.test", ("127.0.0.0/8", "10.0.0.0/8"), False),
        ("http://registry.test", (), False),
        ("http://127.0.0.1:8100", ("127.0.0.0/8",), True),
        ("http://[::1]:8100", ("::1/128",), True),
        ("http://localhost:8100", ("127.0.0.0/8",), True),
        ("http://10.0.0.1", ("10.0.0.0/8",), False),
        ("http://127.0.0.1.example.test", (), False),
    ],
)
def test_threat_16_plain_http_stays_here_only_where_all_is_loopback(
    url: str, networks: tuple[str, ...], stays: bool
) -> None:
    assert stays_on_this_machine(connection(registry_url=url, networks=networks)) is stays


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Registry.test./a/b", Place(secure=True, host="registry.test", port=443)),
        ("http://registry.test", Place(secure=False, host="registry.test", port=80)),
        ("https://registry.test:8443", Place(secure=True, host="registry.test", port=8443)),
    ],
)
def test_a_place_is_scheme_host_and_port_however_they_are_written(url: str, place: Place) -> None:
    assert place_of(connection(registry_url=url)) == place


async def test_an_address_resolves_to_itself_and_once_only() -> None:
    assert tuple(await resolve_by_system("127.0.0.1", 80)) == ("127.0.0.1",)
