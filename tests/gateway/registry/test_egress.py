"""Threats 9 and 16: no question of another profile is sent, and nothing to another endpoint."""

import json
from ipaddress import ip_address

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import ProfileMismatch, RegistryAnswerInvalid
from gateway.identifiers import Profile
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect, Owner
from gateway.registry.egress import EgressPolicy, FilteringResolver
from tests.kit.registry import answering, connection, question, registry_of, verdict


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("home", list(Profile))
async def test_threat_9_a_question_of_the_other_profile_is_never_sent(
    dialect: Dialect, home: Profile
) -> None:
    double = answering(verdict())
    registry = registry_of(double, dialect, profile=home)
    (other,) = set(Profile) - {home}
    with pytest.raises(ProfileMismatch):
        await registry.confirm(question(profile=other))
    with pytest.raises(ProfileMismatch):
        await registry.find_record(question(Operation.LOOK_UP, profile=other))
    assert double.packets == double.token_packets == []
    assert registry.connection.profile is home


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254",
        "http://169.254.1.1:8080/registry",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://[::169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::]",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://0251.0376.0251.0376",
        "http://169.254.43518",
        "http://100.100.100.200",
        "http://[fd00:ec2::254]",
        "http://metadata.google.internal",
        "http://metadata.google.internal.",
        "http://0.0.0.0",
        "http://[::]",
        "http://224.0.0.1",
        "http://255.255.255.255",
    ],
)
def test_threat_16_link_local_and_metadata_addresses_are_refused_for_every_profile(url: str) -> None:
    with pytest.raises(SettingInvalid, match=r"no profile may reach|not a URL"):
        registry_of(answering(verdict()), registry_url=url, networks=("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://registry.test",
        "file:///etc/passwd",
        "registry.test",
        "",
        "http://",
        "http://user:secret@registry.test",
        "http://user@registry.test",
        "http://registry.test?x=1",
        "http://registry.test/?",
        "http://registry.test/#part",
        "http://registry.test/a/../b",
        "http://registry.test//b",
        "http://registry.test/r/%6Fne",
        "http://[::1",
        "http://registry.test:99999",
        "http://reg\nistry.test",
    ],
)
def test_threat_16_a_url_with_more_than_an_endpoint_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="registry_url"):
        registry_of(answering(verdict()), registry_url=url)


def test_threat_16_a_host_outside_the_deployments_list_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="hosts"):
        EgressPolicy(connection(hosts=("registry.gov.vn",)))
    assert EgressPolicy(connection(hosts=("registry.gov.vn", "Registry.Test."))).base.host == "registry.test"


def test_a_name_that_begins_with_a_digit_is_still_a_name() -> None:
    assert (
        EgressPolicy(connection(registry_url="http://1st.registry.test:8100/")).base.host
        == "1st.registry.test"
    )


def test_threat_16_an_address_outside_the_deployments_networks_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="no profile may reach"):
        EgressPolicy(connection(registry_url="http://10.0.0.1", networks=("127.0.0.0/8",)))
    policy = EgressPolicy(connection(registry_url="http://127.0.0.1:8100/r/one", networks=("127.0.0.0/8",)))
    assert policy.allows(ip_address("127.8.9.10"))
    assert policy.allows(ip_address("::ffff:127.0.0.1"))
    assert not policy.allows(ip_address("192.168.0.1"))
    assert not policy.allows(ip_address("::1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://registry.test/r/one/XacThucThongTinCongDan",
        "http://registry.test:81/r/one/XacThucThongTinCongDan",
        "http://registry.test.evil/r/one/XacThucThongTinCongDan",
        "http://registry.test/r/two/XacThucThongTinCongDan",
        "http://registry.test/r/one",
    ],
)
def test_threat_16_a_request_to_another_endpoint_than_the_connections_is_refused(url: str) -> None:
    policy = EgressPolicy(connection(registry_url="http://registry.test/r/one"))
    policy.check(Owner(Profile.SANDBOX, 0), httpx.URL("http://registry.test/r/one/XacThucThongTinCongDan"))
    with pytest.raises(ProfileMismatch):
        policy.check(Owner(Profile.SANDBOX, 0), httpx.URL(url))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("dialect", [Dialect.SOAP, Dialect.LGSP_CAMEL])
async def test_threat_16_a_redirect_is_never_followed(dialect: Dialect, status: int) -> None:
    double = answering(httpx.Response(status, headers={"location": "http://169.254.169.254/"}))
    with pytest.raises(RegistryAnswerInvalid, match="redirected"):
        await registry_of(double, dialect).confirm(question())
    assert len(double.packets) == 1


async def test_a_cookie_of_the_registry_is_never_sent_back() -> None:
    headers = {"set-cookie": "session=1"}
    double = answering(httpx.Response(200, headers=headers, content=json.dumps({"data": True})))
    registry = registry_of(double, Dialect.LGSP_CAMEL)
    await registry.confirm(question())
    await registry.confirm(question())
    assert all("cookie" not in packet.headers for packet in double.packets)


class Names(AbstractResolver):
    """A name service whose answers are given."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def test_threat_16_a_name_with_a_forbidden_address_does_not_resolve() -> None:
    policy = EgressPolicy(connection(networks=("10.0.0.0/8",)))
    mixed = FilteringResolver(policy, Names("169.254.169.254", "10.1.2.3", "fe80::1%eth0", "192.168.0.1"))
    assert [entry["host"] for entry in await mixed.resolve("registry.test", 80)] == ["10.1.2.3"]
    with pytest.raises(OSError, match="no address"):
        await FilteringResolver(policy, Names("169.254.169.254")).resolve("registry.test", 80)
    await mixed.close()
