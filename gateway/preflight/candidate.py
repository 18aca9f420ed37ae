"""What a preflight finds in a candidate connection before it asks anything: whether it is the other profile's, its addresses,
its name, its certificate.

Sends no question: it connects only to addresses that the egress policy allows, and only for a TLS handshake. Stops the
preflight where a question could reach the wrong registry, or be read on the way; plain http is refused unless it stays
on this machine. Source: docs/decisions/0021.

What it shares with the other profile (threat 10) is the endpoint or a credential. Digests are compared in constant time,
each credential of the candidate with every credential of the other profile, since a secret may be in the wrong member. Two
names of this machine are one endpoint. Only names of members are told, never a value. A host or an account of official that
no connection in this gateway has is not found.
"""

import asyncio
import hmac
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_network
from math import floor
from socket import SOCK_STREAM
from typing import TypeAlias

from gateway.clock import Clock
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile, other_than
from gateway.keys.sealing import SealBroken
from gateway.preflight.report import Report
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import WARNING_DAYS
from gateway.registry.addresses import (
    address_of,
    is_always_refused,
    is_loopback,
    is_loopback_only,
    plain_host,
    unwrapped,
)
from gateway.registry.connection import Connection
from gateway.registry.tls import check_client, tls_of
from gateway.storage.database import Transaction

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a name; raises `OSError` if there are none."""

_PORTS = {"http": 80, "https": 443}
_MAX_HANDSHAKE_S = 10.0


class TlsFault(StrEnum):
    """Why a certificate is not accepted, or that none was shown."""

    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_NAME = "wrong_name"
    REFUSED = "refused"
    NOT_TLS = "not_tls"
    UNREACHABLE = "unreachable"


# OpenSSL's X509_V_ERR_*.
_VERIFY_CODES = {
    9: TlsFault.NOT_YET_VALID,
    10: TlsFault.EXPIRED,
    18: TlsFault.UNTRUSTED,
    19: TlsFault.UNTRUSTED,
    20: TlsFault.UNTRUSTED,
    21: TlsFault.UNTRUSTED,
    62: TlsFault.WRONG_NAME,
    64: TlsFault.WRONG_NAME,
}
_TLS_REMEDIES = {
    TlsFault.UNTRUSTED: "the chain does not lead to an authority that is trusted here: have its owner send the whole chain, "
    "or name its authority in {setting} and restart",
    TlsFault.EXPIRED: "the certificate has expired: its owner has to renew it",
    TlsFault.NOT_YET_VALID: "the certificate is not valid yet: check this machine's clock",
    TlsFault.WRONG_NAME: "the certificate is another host's: correct the host in registry_url",
    TlsFault.REFUSED: "the certificate is not valid: its owner has to renew it",
    TlsFault.NOT_TLS: "the port does not use TLS: correct the port in registry_url",
    TlsFault.UNREACHABLE: "no address accepts a connection: check port, route and firewall",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProfile:
    """The connections and the settings of the other profile, with which a candidate must share nothing.

    `connections` are the active, the former and the proposed ones. `sealed` has the numbers of revisions that can't be
    unsealed here, so that nothing can be compared with them.
    """

    connections: tuple[Connection, ...] = ()
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    sealed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The endpoint of a connection; `loopback` if it is this machine, under any name."""

    secure: bool
    host: str
    port: int
    loopback: bool = False


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, as the transport does; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def endpoint_of(connection: Connection) -> Endpoint:
    """Return the connection's endpoint; raises `SettingInvalid` where the egress policy does."""
    from gateway.registry.egress import EgressPolicy  # noqa: PLC0415 - loads the libraries for HTTP

    url = EgressPolicy(connection).base
    host = plain_host(url.host)
    port = url.port or _PORTS[url.scheme]
    return Endpoint(secure=url.scheme == "https", host=host, port=port, loopback=is_loopback(host))


def find_allowed(connection: Connection, found: Sequence[str]) -> tuple[str, ...]:
    """Return a name's addresses that the egress policy allows; none if any of them is forbidden to every profile."""
    from gateway.registry.egress import EgressPolicy  # noqa: PLC0415 - loads the libraries for HTTP

    policy = EgressPolicy(connection)
    addresses = [address_of(text) for text in found]
    if any(is_always_refused(address) for address in addresses):
        return ()
    return tuple(str(address) for address in addresses if policy.allows(address))


async def check_endpoint(
    report: Report, connection: Connection, other: OtherProfile, resolve: Resolve, clock: Clock
) -> None:
    """Report the lines on the address, its name and its certificate."""
    try:
        endpoint = endpoint_of(connection)
    except SettingInvalid as error:
        report.failed(
            "address_policy", error.reason, "correct registry_url, or the profile's hosts in the deployment"
        )
        report.stop("the address is not one that this profile may reach")
        return
    begun = clock.monotonic()
    try:
        addresses = find_allowed(connection, await resolve(endpoint.host, endpoint.port))
    except OSError:
        addresses = ()
    ms = report.since(begun)
    if fault := await _find_address_fault(connection, other, addresses, resolve):
        remedy = (
            "correct registry_url, or this machine's resolver, or the profile's networks in the deployment"
        )
        report.failed("address_policy", fault, remedy)
        report.stop("the address is not one that this profile may reach")
        return
    report.passed("address_policy", f"{len(addresses)} address(es) allowed")
    report.passed("dns", f"the host has {len(addresses)} address(es) to connect to", ms=ms)
    await _check_tls(report, connection, endpoint, addresses, clock)


async def _find_address_fault(
    candidate: Connection, other: OtherProfile, addresses: Sequence[str], resolve: Resolve
) -> str:
    """Return why a name's addresses are refused; "" if they are allowed.

    A name without any address gets the same text, and no time is reported: otherwise a proposer could list the names of
    the internal network.
    """
    if not addresses:
        return "the host has no address that this profile may reach"
    # Loopback belongs to no profile: the mocks of both may run on one machine.
    compared = [network for network in map(ip_network, other.networks) if not is_loopback(network)]
    found = [unwrapped(address_of(address)) for address in addresses]
    if not candidate.networks and any(address in network for address in found for network in compared):
        return "the address is in a network of the other profile"
    if await _is_others_address(candidate, other, addresses, resolve):
        return "the address and port are those of the other profile's registry, by another name"
    return ""


async def _is_others_address(
    candidate: Connection, other: OtherProfile, addresses: Sequence[str], resolve: Resolve
) -> bool:
    """Return whether the candidate's name resolves to the other profile's address and port.

    Not if both use TLS: their certificates distinguish the names, and one address may serve both.
    """
    here = endpoint_of(candidate)
    own = {_comparable(address) for address in addresses}
    for there in map(endpoint_of, other.connections):
        distinguishable = here.secure and there.secure
        if distinguishable or here.port != there.port:
            continue
        with suppress(OSError):  # a name that has no address now can't have the same one
            if not own.isdisjoint(map(_comparable, await resolve(there.host, there.port))):
                return True
    return False


def _comparable(text: str) -> str:
    """Return an address without its zone, IPv4 in IPv6 as IPv4, and every loopback address as `loopback`."""
    address = unwrapped(address_of(text))
    return "loopback" if is_loopback(address) else str(address)


async def _check_tls(
    report: Report, connection: Connection, endpoint: Endpoint, addresses: Sequence[str], clock: Clock
) -> None:
    if not endpoint.secure:
        if is_loopback_only(connection.networks):
            report.passed("tls", "plain http, which stays on this machine")
        else:
            report.failed("tls", "plain http would send credentials unencrypted", "use https in registry_url")
            report.stop("credentials would leave this machine unencrypted")
        return
    begun = clock.monotonic()
    try:
        check_client(connection)
    except SettingInvalid as error:
        report.failed("tls", error.reason, "set a certificate and its own key, or neither")
        report.stop("the client certificate can't be used")
        return
    shown = await fetch_certificate(
        endpoint, addresses, tls_of(connection), within=connection.deadline_ms / 1000
    )
    ms = report.since(begun)
    if isinstance(shown, TlsFault):
        setting = f"GATEWAY_{connection.profile.value.upper()}_CA_FILE"
        remedy = _TLS_REMEDIES[shown].format(setting=setting)
        report.failed("tls", f"refused: {shown.value}", remedy, ms=ms)
        report.stop("the certificate does not prove that this is the registry")
        return
    if shown is None:
        report.passed("tls", "chain and name are valid; the end of the certificate is not known", ms=ms)
        return
    left = floor((shown - clock.now()).total_seconds() / 86_400)
    remedy = "the certificate's owner has to renew it soon" if left <= WARNING_DAYS else ""
    report.passed("tls", f"chain and name are valid; {left} day(s) left", ms=ms, remedy=remedy)


async def fetch_certificate(
    endpoint: Endpoint, addresses: Sequence[str], context: ssl.SSLContext, *, within: float
) -> TlsFault | datetime | None:
    """Do a TLS handshake with the first address that accepts a connection, and send nothing else.

    Return a fault, or when the certificate ends (None: not known). Each address has `within` seconds, at most 10.
    """
    for address in addresses:
        try:
            async with asyncio.timeout(min(within, _MAX_HANDSHAKE_S)):
                return await _shake_hands(endpoint, address, context)
        except ssl.SSLCertVerificationError as error:
            return _VERIFY_CODES.get(error.verify_code, TlsFault.REFUSED)
        except (ssl.SSLError, ConnectionResetError, asyncio.IncompleteReadError):
            return TlsFault.NOT_TLS
        except OSError:  # TimeoutError too: the next address may answer
            continue
    return TlsFault.UNREACHABLE


async def _shake_hands(endpoint: Endpoint, address: str, context: ssl.SSLContext) -> datetime | None:
    _, writer = await asyncio.open_connection(
        address, endpoint.port, ssl=context, server_hostname=endpoint.host
    )
    try:
        shown = writer.get_extra_info("peercert") or {}
        ends_at = ssl.cert_time_to_seconds(shown.get("notAfter", ""))
        return datetime.fromtimestamp(ends_at, UTC)
    except ValueError:
        return None
    finally:
        with suppress(OSError):
            writer.transport.abort()


def as_other_profile(connection: Connection) -> OtherProfile:
    """Return a profile that has only this connection, with its hosts and networks."""
    return OtherProfile(connections=(connection,), hosts=connection.hosts, networks=connection.networks)


def find_shared_members(candidate: Connection, other: OtherProfile) -> tuple[str, ...]:
    """Return the names of the candidate's members that the other profile has too.

    Raises:
        SettingInvalid: a malformed URL.
    """
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
