"""Tell a candidate connection that carries something of the other profile (threat 10): host, network, credential.

Compares digests in constant time, each credential of the one with every credential of the other, since a secret may
have been pasted into the wrong member too. One place by two names of this machine is one place. Names the candidate's
member, never a value. What can't be told is an official-looking host or account that no connection here has.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_network

from gateway.registry.connection import Connection
from gateway.registry.probe_network import (
    Place,
    Resolve,
    lies_within,
    one_form,
    place_of,
    resolve_known,
    stays_on_this_machine,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProfile:
    """What a candidate must not be taken for: what stands or waits at the other profile, and what the deployment keeps for it.

    `sealed` are revisions there that can't be opened here, so that nothing can be compared with them.
    """

    connections: tuple[Connection, ...] = ()
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    sealed: tuple[int, ...] = ()


def beside(connection: Connection) -> OtherProfile:
    """Return the other profile as one connection of it, which knows its bounds."""
    return OtherProfile(connections=(connection,), hosts=connection.hosts, networks=connection.networks)


def find_shared_members(candidate: Connection, other: OtherProfile) -> tuple[str, ...]:
    """Return the candidate's members that are the other profile's; raises `SettingInvalid` on a malformed URL."""
    credentials = dict.fromkeys(
        member for each in other.connections for member in _shared_credentials(candidate, each)
    )
    return (*(("registry_url",) if _is_others_place(candidate, other) else ()), *credentials)


def is_on_the_others_line(candidate: Connection, other: OtherProfile, addresses: Sequence[str]) -> bool:
    """Say whether the candidate leads into a network that the deployment keeps for the other profile alone.

    Loopback is nobody's: a mock of each environment may stand on one machine.
    """
    lines = [network for network in other.networks if not ip_network(network).is_loopback]
    return not candidate.networks and lies_within(addresses, lines)


async def is_at_the_others_address(
    candidate: Connection, other: OtherProfile, addresses: Sequence[str], resolve: Resolve
) -> bool:
    """Say whether the candidate's name leads to the other profile's own address and port.

    Only where no certificate tells two names apart: behind TLS one address may well serve both.
    """
    here = place_of(candidate)
    for there in (place_of(each) for each in other.connections):
        told_apart = here.secure and there.secure
        if not told_apart and here.port == there.port:
            found = await resolve_known(resolve, there)
            if {one_form(address) for address in addresses} & set(found):
                return True
    return False


def _is_others_place(candidate: Connection, other: OtherProfile) -> bool:
    if not other.connections and not other.hosts:
        return False  # whether the address can be read at all is another line's
    here = place_of(candidate)
    if any(_is_same(here, place_of(each)) for each in other.connections):
        return True
    kept = {host.rstrip(".").lower() for host in other.hosts}
    return here.host in kept and not candidate.hosts and not stays_on_this_machine(candidate)


def _is_same(here: Place, there: Place) -> bool:
    return here.port == there.port and (here.host == there.host or (here.loopback and there.loopback))


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
