"""Tell a candidate connection that carries something of the other profile (threat 10): host, network, credential.

Compares digests in constant time, each credential of the one with every credential of the other, since a secret may
have been pasted into the wrong member too. Names the candidate's member, never a value. What can't be told is an
official-looking host or account that no connection here has.
"""

import hmac
from collections.abc import Iterator, Sequence
from hashlib import sha256
from ipaddress import ip_network

from gateway.registry.connection import Connection
from gateway.registry.probe_network import lies_within, place_of, stays_on_this_machine


def find_shared_members(candidate: Connection, other: Connection) -> tuple[str, ...]:
    """Return the candidate's members that are the other profile's; raises `SettingInvalid` on a malformed URL."""
    return (*_shared_place(candidate, other), *_shared_credentials(candidate, other))


def is_on_the_others_line(candidate: Connection, other: Connection, addresses: Sequence[str]) -> bool:
    """Say whether the candidate leads into a network that the deployment keeps for the other profile alone.

    Loopback is nobody's: a mock of each environment may stand on one machine.
    """
    lines = [network for network in other.networks if not ip_network(network).is_loopback]
    return not candidate.networks and lies_within(addresses, lines)


def _shared_place(candidate: Connection, other: Connection) -> Iterator[str]:
    here, there = place_of(candidate), place_of(other)
    others_hosts = {host.rstrip(".").lower() for host in other.hosts}
    is_others_host = (
        here.host in others_hosts and not candidate.hosts and not stays_on_this_machine(candidate)
    )
    if (here.host, here.port) == (there.host, there.port) or is_others_host:
        yield "registry_url"


def _shared_credentials(candidate: Connection, other: Connection) -> Iterator[str]:
    theirs = [_digest(value) for _, value in _credentials(other)]
    for member, value in _credentials(candidate):
        own = _digest(value)
        # Each is compared to the end: the time must not tell which one it was.
        if sum(hmac.compare_digest(own, digest) for digest in theirs):
            yield member


def _credentials(connection: Connection) -> Iterator[tuple[str, str]]:
    adapter = connection.adapter
    for member, value in (
        ("c06_user", connection.c06_user),
        ("c06_secret", connection.c06_secret),
        ("ngsp_key", connection.ngsp_key),
        ("ngsp_secret", connection.ngsp_secret),
        ("client_certificate", connection.client_certificate),
        ("client_key", connection.client_key),
        ("adapter.access_key", adapter.access_key if adapter else None),
        ("adapter.secret_key", adapter.secret_key if adapter else None),
    ):
        if value:
            yield member, value.strip()


def _digest(value: str) -> bytes:
    return sha256(value.encode()).digest()
