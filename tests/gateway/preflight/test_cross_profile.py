"""Threats 10, 16 and 30 at a preflight: a wrong endpoint or credential is reported before anything is sent."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.identifiers import Profile
from gateway.preflight.candidate import OtherProfile, as_other_profile, find_shared_members
from gateway.registry.connection import Adapter, Connection, Dialect, TimestampUnit
from tests.kit.preflight import LOOPBACK, OFFICIAL, Preflights, line, not_tried, tried_and_failed
from tests.kit.registry import Double, connection

METADATA = "169.254.169.254"
PUBLIC = "93.184.215.14"


def sandbox(desk: Preflights, **members: Any) -> Connection:
    return desk.candidate(**{"registry_url": "http://127.0.0.1:8100", **members})


def official(desk: Preflights, **members: Any) -> Connection:
    made = desk.candidate(account=OFFICIAL, profile=Profile.OFFICIAL, registry_url="http://127.0.0.1:8110")
    return replace(made, **members)


async def test_threat_10_the_two_profiles_own_connections_are_not_taken_for_each_other(
    desk: Preflights,
) -> None:
    assert (await desk.look(sandbox(desk), other=as_other_profile(official(desk)))).passed
    assert (await desk.look(official(desk), other=as_other_profile(sandbox(desk)))).passed


@pytest.mark.parametrize("member", ["registry_url", "c06_user", "c06_secret"])
@pytest.mark.parametrize("to_official", [True, False])
async def test_threat_10_a_member_of_the_other_profile_is_named_and_nothing_is_sent(
    desk: Preflights, member: str, to_official: bool
) -> None:
    own, other = (official(desk), sandbox(desk)) if to_official else (sandbox(desk), official(desk))
    mixed = replace(own, **{member: getattr(other, member)})

    found = await desk.look(mixed, other=as_other_profile(other))

    assert tried_and_failed(found) == ["not_the_other_profile"]
    assert line(found, "not_the_other_profile").detail == f"the other profile has the same {member}"
    assert getattr(other, member) not in str(found)
    assert desk.sent == []
    assert "dns" in not_tried(found)


async def test_threat_10_a_secret_of_the_other_profile_in_the_wrong_member_is_found(desk: Preflights) -> None:
    other = official(desk)
    mixed = sandbox(desk, ngsp_key="ours", ngsp_secret=f" {other.c06_secret}\n")

    assert find_shared_members(mixed, as_other_profile(other)) == ("ngsp_secret",)


@pytest.mark.parametrize("member", ["access_key", "secret_key"])
async def test_threat_10_the_adapters_key_of_the_other_profile_is_found(
    desk: Preflights, member: str
) -> None:
    own, other = desk.candidate(Dialect.LGSP_CAMEL), desk.candidate(Dialect.LGSP_PASCAL)
    assert isinstance(own.adapter, Adapter)
    mixed = replace(own, adapter=replace(own.adapter, **{member: getattr(other.adapter, member)}))
    there = replace(other, profile=Profile.OFFICIAL, registry_url="http://127.0.0.1:8110")

    found = await desk.look(mixed, other=as_other_profile(there))

    assert line(found, "not_the_other_profile").detail == f"the other profile has the same adapter.{member}"
    assert desk.sent == []


SHARED = ("registry_url", "c06_user", "c06_secret", "ngsp_key", "ngsp_secret")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=12)


@given(
    own=st.fixed_dictionaries(dict.fromkeys(SHARED[1:], WORDS)),
    others=st.fixed_dictionaries(dict.fromkeys(SHARED[1:], WORDS)),
    taken=st.sets(st.sampled_from(SHARED)),
)
def test_threat_10_exactly_the_members_that_were_taken_over_are_named(
    own: dict[str, Any], others: dict[str, Any], taken: set[str]
) -> None:
    assume(not set(own.values()) & set(others.values()))
    other = connection(profile=Profile.OFFICIAL, registry_url="https://official.test", **others)
    members = own | {member: getattr(other, member) for member in taken}
    candidate = connection(**members)

    assert set(find_shared_members(candidate, as_other_profile(other))) == taken


async def test_threat_10_a_host_that_the_deployment_keeps_for_the_other_profile_is_refused(
    desk: Preflights,
) -> None:
    other = official(desk, registry_url="http://c06.test", hosts=("c06.test", "MOCK.test."))

    found = await desk.look(desk.candidate(networks=()), other=as_other_profile(other))

    assert line(found, "not_the_other_profile").detail == "the other profile has the same registry_url"
    assert desk.sent == []


async def test_threat_10_a_name_within_the_other_profiles_network_is_refused(desk: Preflights) -> None:
    desk.addresses = (PUBLIC,)
    other = official(desk, registry_url="http://c06.test", networks=(f"{PUBLIC}/32",))

    found = await desk.look(desk.candidate(networks=()), other=as_other_profile(other))

    assert tried_and_failed(found) == ["address_policy"]
    assert "network of the other profile" in line(found, "address_policy").detail
    assert desk.sent == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST.", "127.0.0.2", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("others", ["127.0.0.1", "localhost"])
async def test_threat_10_this_machine_is_one_endpoint_by_whichever_name(
    desk: Preflights, host: str, others: str
) -> None:
    other = official(desk, registry_url=f"http://{others}:8110", networks=("127.0.0.0/8", "::1/128"))

    found = await desk.look(
        sandbox(desk, registry_url=f"http://{host}:8110", networks=other.networks),
        other=as_other_profile(other),
    )

    assert tried_and_failed(found) == ["not_the_other_profile"]
    assert line(found, "not_the_other_profile").detail == "the other profile has the same registry_url"
    assert desk.sent == []


async def test_threat_10_another_name_of_the_other_profiles_address_is_refused_and_nothing_is_sent(
    desk: Preflights,
) -> None:
    other = official(desk, registry_url="http://official.test:8110")

    found = await desk.look(
        sandbox(desk, registry_url="http://alias.test:8110"), other=as_other_profile(other)
    )

    assert tried_and_failed(found) == ["address_policy"]
    assert "by another name" in line(found, "address_policy").detail
    assert desk.sent == []


async def test_two_names_of_one_address_are_two_endpoints_where_certificates_distinguish_them(
    desk: Preflights,
) -> None:
    own = sandbox(desk, registry_url="https://sandbox.test")
    other = official(desk, registry_url="https://official.test")

    found = await desk.look(own, other=as_other_profile(other))

    assert line(found, "address_policy").passed
    assert tried_and_failed(found) == ["tls"]


async def test_threat_10_hosts_and_networks_of_the_other_profile_count_before_it_has_a_connection(
    desk: Preflights,
) -> None:
    desk.addresses = (PUBLIC,)
    candidate = desk.candidate(registry_url="https://c06.test", networks=())

    by_host = await desk.look(candidate, other=OtherProfile(hosts=("c06.test",)))
    by_network = await desk.look(candidate, other=OtherProfile(networks=(f"{PUBLIC}/32",)))

    assert tried_and_failed(by_host) == ["not_the_other_profile"]
    assert tried_and_failed(by_network) == ["address_policy"]
    assert desk.sent == []


async def test_threat_10_what_can_not_be_compared_is_refused_and_nothing_is_sent(desk: Preflights) -> None:
    found = await desk.look(sandbox(desk), other=OtherProfile(sealed=(3,)))

    assert tried_and_failed(found) == ["not_the_other_profile"]
    assert "revision 3" in line(found, "not_the_other_profile").detail
    assert desk.sent == []


async def test_threat_10_on_one_machine_two_ports_are_two_endpoints(desk: Preflights) -> None:
    # A mock of each environment on loopback, and only the official profile restricted to it.
    other = official(desk, hosts=("127.0.0.1",), networks=LOOPBACK)

    found = await desk.look(sandbox(desk, hosts=()), other=as_other_profile(other))

    assert found.passed


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [
        ((METADATA,), ("0.0.0.0/0",)),
        (("127.0.0.1", METADATA), LOOPBACK),
        (("127.0.0.1", "fe80::1%eth0"), LOOPBACK),
        (("::ffff:169.254.169.254",), ("::/0",)),
        (("10.0.0.1",), LOOPBACK),
    ],
)
async def test_threat_16_a_name_with_a_forbidden_address_is_refused_and_nothing_is_sent(
    desk: Preflights, addresses: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    desk.addresses = addresses

    found = await desk.look(desk.candidate(networks=networks))

    assert tried_and_failed(found) == ["address_policy"]
    assert desk.sent == []
    assert {"tls", "login", "operation_003"} <= set(not_tried(found))


async def test_threat_16_addresses_outside_the_networks_are_ignored_where_one_is_within(
    desk: Preflights,
) -> None:
    desk.addresses = ("127.0.0.1", "2001:db8::1")

    found = await desk.look(desk.candidate())

    assert found.passed
    assert line(found, "address_policy").detail == "1 address(es) allowed"
    assert line(found, "dns").detail == "the host has 1 address(es) to connect to"


@pytest.mark.parametrize(
    "url",
    [
        f"http://{METADATA}",
        "http://user:secret@mock.test:8100",
        "ftp://mock.test",
        "http://mock.test/?x=1",
        "http://elsewhere.test",
        "http://metadata.google.internal",
        "http://10.0.0.1",
    ],
)
async def test_threat_16_an_address_that_the_egress_policy_refuses_is_neither_resolved_nor_asked(
    desk: Preflights, url: str
) -> None:
    found = await desk.look(desk.candidate(registry_url=url, hosts=("mock.test", METADATA)))

    assert tried_and_failed(found) == ["address_policy"]
    assert "secret" not in str(found)
    assert desk.sent == []
    assert "dns" in not_tried(found)


async def test_threat_16_a_redirect_is_reported_and_never_followed(desk: Preflights) -> None:
    double = Double(lambda _: httpx.Response(302, headers={"location": f"http://{METADATA}/"}))
    preflight_network = desk.preflight_network(httpx.MockTransport(double))

    found = await desk.look(connection(networks=LOOPBACK), preflight_network=preflight_network)

    assert tried_and_failed(found) == ["login"]
    assert "redirected (HTTP 302)" in line(found, "login").detail
    assert "never followed" in line(found, "login").remedy
    assert len(double.packets) == 1


async def test_threat_16_a_name_without_an_address_is_refused_and_nothing_is_sent(desk: Preflights) -> None:
    desk.addresses = ()

    found = await desk.look(desk.candidate())

    assert tried_and_failed(found) == ["address_policy"]
    assert "dns" in not_tried(found)
    assert desk.sent == []


@pytest.mark.parametrize(
    ("address", "networks"), [(PUBLIC, ()), ("127.0.0.1", ("127.0.0.0/8", "10.0.0.0/8"))]
)
async def test_threat_16_plain_http_is_refused_unless_every_network_is_loopback(
    desk: Preflights, address: str, networks: tuple[str, ...]
) -> None:
    desk.addresses = (address,)
    found = await desk.look(desk.candidate(networks=networks))

    assert tried_and_failed(found) == ["tls"]
    assert "https" in line(found, "tls").remedy
    assert desk.sent == []


@pytest.mark.parametrize(
    ("unit", "switches", "other"),
    [(TimestampUnit.MILLISECONDS, ("seconds",), '"s"'), (TimestampUnit.SECONDS, (), '"ms"')],
)
async def test_threat_30_a_timestamp_in_the_wrong_unit_is_found_by_one_login(
    desk: Preflights, unit: TimestampUnit, switches: tuple[str, ...], other: str
) -> None:
    desk.flip(*switches)

    found = await desk.look(desk.candidate(timestamp_unit=unit))

    assert tried_and_failed(found) == ["login", "timestamp_unit"]
    assert f"set timestamp_unit to {other}" in line(found, "timestamp_unit").remedy
    assert [entry.outcome for entry in desk.journal] == ["unauthorised"]
    assert len(desk.sent) == 1


async def test_threat_30_a_timestamp_in_the_right_unit_passes_and_is_reported(desk: Preflights) -> None:
    desk.flip("seconds")

    found = await desk.look(desk.candidate(timestamp_unit=TimestampUnit.SECONDS))

    assert found.passed
    assert line(found, "timestamp_unit").detail == "the registry accepted Timestamp in seconds"
    assert line(found, "parity:timestamp-unit").detail == "refuted: Timestamp counts seconds"


async def test_threat_30_no_two_preflights_send_one_request_code(desk: Preflights) -> None:
    for _ in range(5):
        assert (await desk.look(desk.candidate())).passed

    codes = [entry.ma_yeu_cau for entry in desk.journal]
    assert len(set(codes)) == len(codes) == 25
