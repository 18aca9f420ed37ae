"""Issue 10, bullet 11: without networks a profile reaches public addresses alone, and nobody learns what lies inside."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors.commands import SettingInvalid
from gateway.errors.registry import RegistryAnswerInvalid, RegistryUnavailable
from gateway.operators.model import Role
from gateway.places import Profile
from gateway.profiles.connections import is_local
from gateway.profiles.preflight import Preflight
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.guard import Guard
from gateway.registry.probe_network import stays_on_this_machine
from gateway.registry.transport import GuardedResolver, guarded_sockets, open_transport
from gateway.settings import ProfileSettings
from mock_c06.app import MockRegistry
from tests.gateway.changes.desk import Desk as Office
from tests.gateway.operators.people import signed_in
from tests.gateway.profiles.preflight_scene import Desk
from tests.gateway.registry.authority import Authority, listening
from tests.gateway.registry.scene import CLOCK, connection, question
from tests.gateway.scene import HandClock, Portal, Scene, connection_settings, open_scene, settings_for

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
def test_threat_16_without_networks_a_public_address_may_be_connected_to(address: str) -> None:
    assert Guard(connection(networks=())).allows(ip_address(address))


@pytest.mark.parametrize("address", [*INSIDE, *NEVER])
def test_threat_16_without_networks_no_address_that_is_not_public_is_connected_to(address: str) -> None:
    assert not Guard(connection(networks=())).allows(ip_address(address))


@pytest.mark.parametrize("address", NEVER)
def test_threat_16_no_network_of_a_deployment_opens_the_way_to_metadata(address: str) -> None:
    named = (*EVERYTHING, f"{address}/{32 if '.' in address and ':' not in address else 128}")
    assert not Guard(connection(networks=named)).allows(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "localhost"),
        *("LOCALHOST.", "db.localhost", "10.0.0.1", "0xa000001", "167772161", "192.168.257", "[::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
def test_threat_16_no_way_to_write_an_inner_address_passes_without_networks(host: str) -> None:
    with pytest.raises(SettingInvalid, match=r"GATEWAY_SANDBOX_NETWORKS|not a URL"):
        Guard(connection(registry_url=f"http://{host}:8100", networks=()))


@pytest.mark.parametrize("host", ["xn--zzzzzz--", "xn--", "a." * 900 + "b"])
async def test_a_host_that_no_resolver_takes_is_refused_where_it_is_proposed(
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


async def test_threat_16_an_operator_can_not_lead_a_profile_inside_while_networks_are_unset(
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


async def test_a_start_with_an_inner_registry_and_no_networks_names_the_setting(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"networks": ()})
    with pytest.raises(SettingInvalid, match=r"GATEWAY_SANDBOX_REGISTRY_URL.*GATEWAY_SANDBOX_NETWORKS"):
        async with open_scene(settings, mock, clock):
            pass


def _words(found: Preflight) -> list[tuple[str, bool, str, str]]:
    """Return all that a preflight tells but the times of lines that passed before the address was looked at."""
    return [(check.name, check.passed, check.detail, check.remedy) for check in found.checks]


async def test_threat_16_a_name_inside_is_told_as_a_name_that_nobody_has() -> None:
    told = []
    for addresses in ((), ("10.0.0.5",), ("127.0.0.1", "::1"), ("169.254.169.254",), ("1.1.1.1", "fe80::1")):
        desk = Desk(addresses=addresses)
        found = await desk.look(desk.candidate(registry_url="https://db.inner.test", networks=()))
        told.append(_words(found))
        assert not found.passed
        assert {check.ms for check in found.checks} == {0}
        assert desk.sent == []
    assert told.count(told[0]) == len(told)


@sockets
async def test_threat_16_ports_inside_are_not_told_apart_by_a_preflight(tmp_path: Path) -> None:
    taken: list[str] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append("a connection")
        writer.close()

    plain = await asyncio.start_server(take, "127.0.0.1", 0)
    open_port = plain.sockets[0].getsockname()[1]
    async with listening(Authority(tmp_path).serving("registry.test")) as (tls_port, heard):
        told = []
        for port in (open_port, tls_port, 1):
            desk = Desk(addresses=("127.0.0.1",))
            candidate = desk.candidate(registry_url=f"https://registry.test:{port}", networks=())
            told.append(_words(await desk.look(candidate)))
        assert heard.empty()
    plain.close()
    await plain.wait_closed()
    assert told[0] == told[1] == told[2]
    assert taken == []


class Changing(AbstractResolver):
    """A name service that answers another address each time."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = self._answers.pop(0)
        return [ResolveResult(hostname=host, host=found, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


async def test_threat_16_a_name_that_turns_inside_between_two_look_ups_leads_nowhere() -> None:
    guard = Guard(connection(networks=()))
    names = GuardedResolver(guard, Changing("1.1.1.1", "127.0.0.1", "::ffff:10.0.0.1"))
    assert [entry["host"] for entry in await names.resolve("c06.test", 443)] == ["1.1.1.1"]
    for _ in range(2):
        with pytest.raises(OSError, match="no address"):
            await names.resolve("c06.test", 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0"])
def test_threat_16_no_socket_is_made_for_an_address_that_was_never_resolved(address: str) -> None:
    make = guarded_sockets(Guard(connection(networks=("93.184.0.0/16",))))
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
async def test_threat_16_a_proxy_of_the_environment_carries_no_packet(
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
async def test_threat_16_a_redirect_to_another_server_inside_is_not_followed() -> None:
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
def test_whether_a_profile_stays_on_this_machine_is_judged_in_one_way(
    networks: Sequence[str], host: str
) -> None:
    members = {"registry_url": f"http://{host}:8110", "agency": "A", "officer": "o"}
    told = ProfileSettings.model_validate(
        members | {"c06_user": "u", "c06_secret": "s", "networks": tuple(networks)}
    )
    made = replace(connection(), registry_url=str(members["registry_url"]), networks=tuple(networks))
    assert is_local(told) == stays_on_this_machine(made)
