"""Threat 16: without configured networks a profile reaches public addresses only, and a preflight reveals
nothing of inner ones.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import RegistryAnswerInvalid, RegistryUnavailable
from gateway.identifiers import Profile
from gateway.operators.model import Role
from gateway.preflight.report import Preflight
from gateway.profiles.places import is_local
from gateway.registry.addresses import is_loopback_only
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.egress import EgressPolicy, FilteringResolver, filtered_sockets, open_transport
from gateway.settings import ProfileSettings
from mock_c06.app import MockRegistry
from tests.kit.authority import Authority, listening
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk as Office
from tests.kit.operators import signed_in
from tests.kit.preflight import Preflights
from tests.kit.registry import CLOCK, connection, question
from tests.kit.scene import Portal, Scene, connection_settings, open_scene, settings_for

sockets = pytest.mark.sockets
PUBLIC = ("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "2001:4860:4860::8888", "64:ff9b::101:101")
INSIDE = (
    *("127.0.0.1", "127.255.255.254", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.0.9", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "192.88.99.1", "240.0.0.1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1"),
    *("3fff::1", "100::1", "2001:2::1", "2001:20::1", "4000::1", "5f00::1", "::ffff:10.0.0.1"),
    *("::ffff:8.8.8.8", "::8.8.8.8", "::7f00:1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "200::1"),
)
NEVER = (
    *("169.254.169.254", "169.254.170.2", "fe80::1", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *(
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
    ),
    *("255.255.255.255", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "2001:0:4136:e378::1"),
    *("2002:a9fe:a9fe::1", "2002:808:808::1", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254"),
    *("::ffff:0:a9fe:a9fe", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "::169.254.169.254"),
)
EVERYTHING = ("0.0.0.0/0", "::/0")


@pytest.mark.parametrize("address", PUBLIC)
def test_threat_16_without_networks_a_connection_to_a_public_address_is_allowed(address: str) -> None:
    assert EgressPolicy(connection(networks=())).allows(ip_address(address))


@pytest.mark.parametrize("address", [*INSIDE, *NEVER])
def test_threat_16_without_networks_a_connection_to_a_non_public_address_is_refused(address: str) -> None:
    assert not EgressPolicy(connection(networks=())).allows(ip_address(address))


@pytest.mark.parametrize("address", NEVER)
def test_threat_16_no_configured_network_allows_a_connection_to_the_metadata_address(address: str) -> None:
    named = (*EVERYTHING, f"{address}/{32 if '.' in address and ':' not in address else 128}")
    assert not EgressPolicy(connection(networks=named)).allows(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "localhost"),
        *("LOCALHOST.", "db.localhost", "10.0.0.1", "0xa000001", "167772161", "192.168.257", "[::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
def test_threat_16_without_networks_every_spelling_of_an_inner_address_is_refused(host: str) -> None:
    with pytest.raises(SettingInvalid, match=r"GATEWAY_SANDBOX_NETWORKS|not a URL"):
        EgressPolicy(connection(registry_url=f"http://{host}:8100", networks=()))


@pytest.mark.parametrize("host", ["xn--zzzzzz--", "xn--", "a." * 900 + "b"])
async def test_a_host_that_no_resolver_accepts_is_refused_at_the_proposal(
    scene: Scene, portal: Portal, host: str
) -> None:
    del portal
    proposer = await signed_in(scene, "phuong.de", Role.PROPOSER)
    place = connection_settings(scene.mock, "dvctt-hanoi", 8100) | {"registry_url": f"http://{host}"}
    del place["networks"]
    answer = await scene.http.post(
        "/ops/v1/changes",
        json={"kind": "activate_revision", "profile": "sandbox", "revision": place},
        headers={"Authorization": f"Bearer {proposer.token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_threat_16_an_operator_can_not_point_a_profile_at_an_inner_address_without_networks(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    outside = {"registry_url": "https://c06.example", "networks": ()}
    async with open_scene(settings_for(database_url, mock, sandbox=outside), mock, clock) as scene:
        proposer = await signed_in(scene, "phuong.de", Role.PROPOSER)
        office = Office(scene=scene, proposer=proposer, approver=proposer)
        for url in (
            "http://127.0.0.1:8100",
            "https://10.0.0.1",
            "https://[fd20:ce::254]",
            "http://localhost",
        ):
            refused = await office.try_to_propose(Profile.SANDBOX, registry_url=url)
            assert refused.status_code == 422
            assert [error["field"] for error in refused.json()["errors"]] == ["revision.registry_url"]
        assert await scene.journal() == []


async def test_a_start_with_an_inner_registry_but_no_networks_names_the_missing_setting(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"networks": ()})
    with pytest.raises(SettingInvalid, match=r"GATEWAY_SANDBOX_REGISTRY_URL.*GATEWAY_SANDBOX_NETWORKS"):
        async with open_scene(settings, mock, clock):
            pass


def _texts(found: Preflight) -> list[tuple[str, bool, str, str]]:
    """Return all texts of a preflight, without the times of lines that passed before the address check."""
    return [(check.name, check.passed, check.detail, check.remedy) for check in found.checks]


async def test_threat_16_an_inner_name_is_reported_like_a_name_that_does_not_exist() -> None:
    shown = []
    for addresses in ((), ("10.0.0.5",), ("127.0.0.1", "::1"), ("169.254.169.254",), ("1.1.1.1", "fe80::1")):
        desk = Preflights(addresses=addresses)
        found = await desk.look(desk.candidate(registry_url="https://db.inner.test", networks=()))
        shown.append(_texts(found))
        assert not found.passed
        assert {check.ms for check in found.checks} == {0}
        assert desk.sent == []
    assert shown.count(shown[0]) == len(shown)


@sockets
async def test_threat_16_a_preflight_reports_open_and_closed_inner_ports_alike(tmp_path: Path) -> None:
    taken: list[str] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append("a connection")
        writer.close()

    plain = await asyncio.start_server(take, "127.0.0.1", 0)
    open_port = plain.sockets[0].getsockname()[1]
    async with listening(Authority(tmp_path).serving("registry.test")) as (tls_port, heard):
        shown = []
        for port in (open_port, tls_port, 1):
            desk = Preflights(addresses=("127.0.0.1",))
            candidate = desk.candidate(registry_url=f"https://registry.test:{port}", networks=())
            shown.append(_texts(await desk.look(candidate)))
        assert heard.empty()
    plain.close()
    await plain.wait_closed()
    assert shown[0] == shown[1] == shown[2]
    assert taken == []


class Changing(AbstractResolver):
    """A name service that gives a different address at each look-up."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = self._answers.pop(0)
        return [ResolveResult(hostname=host, host=found, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


async def test_threat_16_a_name_that_changes_to_an_inner_address_between_two_look_ups_is_refused() -> None:
    policy = EgressPolicy(connection(networks=()))
    names = FilteringResolver(policy, Changing("1.1.1.1", "127.0.0.1", "::ffff:10.0.0.1"))
    assert [entry["host"] for entry in await names.resolve("c06.test", 443)] == ["1.1.1.1"]
    for _ in range(2):
        with pytest.raises(OSError, match="no address"):
            await names.resolve("c06.test", 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0"])
def test_threat_16_no_socket_is_made_for_an_address_that_was_never_resolved(address: str) -> None:
    make = filtered_sockets(EgressPolicy(connection(networks=("93.184.0.0/16",))))
    with pytest.raises(OSError, match="not allowed"):
        make((2, 1, 6, "", (address, 80)))


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()


async def _ask(made: Connection, failure: type[Exception]) -> None:
    registry = open_registry(made, transport=open_transport(made), clock=CLOCK)
    try:
        with pytest.raises(failure):
            await registry.confirm(question())
    finally:
        await registry.aclose()


@sockets
async def test_threat_16_no_request_goes_through_a_proxy_named_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = b"HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n"
    async with _answering(gone) as (port, heard), _answering(gone) as (proxy, through):
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        made = connection(registry_url=f"http://127.0.0.1:{port}", networks=("127.0.0.0/8",))
        await _ask(made, RegistryUnavailable)
    assert len(heard) == 1
    assert through == []


@sockets
async def test_threat_16_a_redirect_to_another_inner_server_is_not_followed() -> None:
    async with _answering(b"") as (inner, reached):
        moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n"
        async with _answering(moved.encode()) as (port, heard):
            made = connection(registry_url=f"http://127.0.0.1:{port}", networks=("127.0.0.0/8",))
            await _ask(made, RegistryAnswerInvalid)
    assert len(heard) == 1
    assert reached == []


@pytest.mark.parametrize(
    "networks",
    [(), ("127.0.0.0/8",), ("127.0.0.0/8", "::1/128"), ("126.0.0.0/7",), ("10.0.0.0/8",), EVERYTHING],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost.", "[::ffff:127.0.0.1]", "c06.test"])
def test_one_function_decides_whether_a_profile_stays_on_this_machine(
    networks: Sequence[str], host: str
) -> None:
    members = {"registry_url": f"http://{host}:8110", "agency": "A", "officer": "o"}
    settings = ProfileSettings.model_validate(
        members | {"c06_user": "u", "c06_secret": "s", "networks": tuple(networks)}
    )
    made = replace(connection(), registry_url=str(members["registry_url"]), networks=tuple(networks))
    assert is_local(settings) == is_loopback_only(made.networks)
