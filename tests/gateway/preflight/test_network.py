"""What is known of a registry's endpoint before anything is asked: its addresses and its certificate."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.preflight.candidate import (
    Endpoint,
    TlsFault,
    endpoint_of,
    fetch_certificate,
    find_allowed,
    resolve_by_system,
)
from gateway.registry.addresses import is_loopback, is_loopback_only
from gateway.registry.tls import context_trusting
from tests.kit.authority import Authority, listening
from tests.kit.registry import connection

sockets = pytest.mark.sockets


async def _look(
    authority: Authority, port: int, *addresses: str, host: str = "registry.test"
) -> TlsFault | datetime | None:
    endpoint = Endpoint(secure=True, host=host, port=port)
    return await fetch_certificate(
        endpoint, addresses or ("127.0.0.1",), context_trusting(authority.pem()), within=5
    )


@sockets
async def test_a_valid_certificate_shows_its_end_and_nothing_is_sent(authority: Authority) -> None:
    async with listening(authority.serving("registry.test", days=(-1, 90))) as (port, heard):
        shown = await _look(authority, port)
        sent = await heard.get()

    assert isinstance(shown, datetime)
    assert abs(shown - SystemClock().now() - timedelta(days=90)) < timedelta(minutes=5)
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
async def test_an_invalid_certificate_is_reported_with_its_fault(
    authority: Authority, names: tuple[str, ...], days: tuple[float, float], fault: TlsFault
) -> None:
    async with listening(authority.serving(*names, days=days)) as (port, _):
        assert await _look(authority, port) == fault


@sockets
async def test_a_chain_of_an_unknown_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", name="Another Authority")
    async with listening(stranger.serving("registry.test")) as (port, _):
        assert await _look(authority, port) == TlsFault.UNTRUSTED


@sockets
async def test_a_certificate_for_an_address_is_valid_for_that_address(authority: Authority) -> None:
    async with listening(authority.serving("127.0.0.1")) as (port, _):
        assert not isinstance(await _look(authority, port, host="127.0.0.1"), TlsFault)


@sockets
async def test_a_port_without_tls_is_distinguished_from_a_closed_port(authority: Authority) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await _look(authority, port) == TlsFault.NOT_TLS
    server.close()
    await server.wait_closed()
    assert await _look(authority, port) == TlsFault.UNREACHABLE


@sockets
async def test_the_next_address_is_tried_where_the_first_takes_no_connection(authority: Authority) -> None:
    async with listening(authority.serving("registry.test")) as (port, _):
        assert not isinstance(await _look(authority, port, "127.0.0.2", "127.0.0.1"), TlsFault)


def test_threat_16_a_name_has_only_the_addresses_that_the_egress_policy_allows() -> None:
    made = connection(networks=("10.0.0.0/8",))

    assert find_allowed(made, ("10.1.1.1", "192.0.2.1", "::1")) == ("10.1.1.1",)
    assert find_allowed(made, ("10.1.1.1", "169.254.169.254")) == ()
    assert find_allowed(made, ("10.1.1.1", "fe80::1%eth0")) == ()


@pytest.mark.parametrize(
    ("networks", "loopback_only"),
    [
        (("127.0.0.0/8", "::1/128"), True),
        (("127.0.0.0/8", "10.0.0.0/8"), False),
        ((), False),
        (("127.0.0.0/8",), True),
        (("::1/128",), True),
        (("10.0.0.0/8",), False),
        (("126.0.0.0/7",), False),
        (("::/0",), False),
    ],
)
def test_threat_16_plain_http_is_allowed_only_where_every_network_is_loopback(
    networks: tuple[str, ...], loopback_only: bool
) -> None:
    assert is_loopback_only(networks) is loopback_only


@pytest.mark.parametrize(("host", "network"), [("::ffff:127.0.0.1", "::ffff:127.0.0.1/128")])
def test_threat_16_ipv4_loopback_in_ipv6_is_loopback_as_a_host_and_as_a_network(
    host: str, network: str
) -> None:
    # Once two judgements: the host was this machine, and a profile with this network was not local.
    assert is_loopback(host)
    assert is_loopback_only((network,))


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("127.1", True),
        ("LOCALHOST.", True),
        ("c06.localhost", True),
        ("0x7f000001", True),
        ("127.0.0.1.example.test", False),
        ("localhost.example.test", False),
    ],
)
def test_threat_16_a_host_is_loopback_by_its_address_or_its_reserved_name(host: str, is_so: bool) -> None:
    assert is_loopback(host) is is_so


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://Registry.test./a/b", Endpoint(secure=True, host="registry.test", port=443)),
        ("http://registry.test", Endpoint(secure=False, host="registry.test", port=80)),
        ("https://registry.test:8443", Endpoint(secure=True, host="registry.test", port=8443)),
    ],
)
def test_an_endpoint_is_scheme_host_and_port_however_they_are_written(url: str, endpoint: Endpoint) -> None:
    assert endpoint_of(connection(registry_url=url)) == endpoint


async def test_an_address_resolves_to_itself_and_once_only() -> None:
    assert tuple(await resolve_by_system("127.0.0.1", 80)) == ("127.0.0.1",)
