"""Find what a candidate connection shares with the other profile (threat 10): the host or a credential.

Compares digests in constant time, each credential of the one with every credential of the other, since a secret may
also be in the wrong member. Two names of this machine are one endpoint. Returns the names of members, never a value.
Does not find a host or account of official that no connection here has.
"""

import hmac
from collections.abc import Collection, Iterator
from hashlib import sha256

from gateway.identifiers import Profile, other_than
from gateway.keys.sealing import SealBroken
from gateway.preflight.network import Endpoint, OtherProfile, endpoint_of
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.registry.addresses import is_loopback_only, plain_host
from gateway.registry.connection import Connection
from gateway.storage.database import Transaction


def as_other_profile(connection: Connection) -> OtherProfile:
    """Return a profile that has only this connection, with its hosts and networks."""
    return OtherProfile(connections=(connection,), hosts=connection.hosts, networks=connection.networks)


def find_shared_members(candidate: Connection, other: OtherProfile) -> tuple[str, ...]:
    """Return the candidate's members that the other profile has too; raises `SettingInvalid` for a malformed URL."""
    credentials = dict.fromkeys(
        member for each in other.connections for member in _shared_credentials(candidate, each)
    )
    return (*(("registry_url",) if _is_others_endpoint(candidate, other) else ()), *credentials)


async def read_other(
    transaction: Transaction, gateway: Gateway, profile: Profile, *, proposed: Collection[int | None] = ()
) -> OtherProfile:
    """Return the other profile: its active and former revisions, the `proposed` ones, and the deployment's settings.

    Reads the store, since the profiles in memory may be up to a second old.
    """
    other = other_than(profile)
    state = await store.read_state(transaction, other)
    connections: list[Connection] = []
    sealed: list[int] = []
    for number in sorted(number for number in {state.active, state.former, *proposed} if number is not None):
        try:
            found = await store.find_revision(transaction, other, number, master=gateway.vault.master)
        except SealBroken:
            sealed.append(number)
            continue
        if found is not None:
            connections.append(found.connection(gateway.settings))
    own = gateway.settings.of(other)
    return OtherProfile(
        connections=tuple(connections), hosts=own.hosts, networks=own.networks, sealed=tuple(sealed)
    )


def _is_others_endpoint(candidate: Connection, other: OtherProfile) -> bool:
    if not other.connections and not other.hosts:
        return False  # the line `address_policy` reports a malformed URL
    here = endpoint_of(candidate)
    if any(_is_same(here, endpoint_of(each)) for each in other.connections):
        return True
    is_other = here.host in map(plain_host, other.hosts)
    return is_other and not candidate.hosts and not is_loopback_only(candidate.networks)


def _is_same(here: Endpoint, there: Endpoint) -> bool:
    return here.port == there.port and (here.host == there.host or (here.loopback and there.loopback))


def _shared_credentials(candidate: Connection, other: Connection) -> Iterator[str]:
    theirs = [digest for _, digest in _credentials(other)]
    for member, own in _credentials(candidate):
        # All are compared, so that the time doesn't show which one is equal.
        if sum(hmac.compare_digest(own, digest) for digest in theirs):
            yield member


def _credentials(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Yield each credential's member and the digest of its value."""
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
            yield member, sha256(value.strip().encode()).digest()
