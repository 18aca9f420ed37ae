"""The lines of a preflight about the registry's endpoint: its addresses, its name, its certificate.

Sends no question: it connects only to addresses that the egress policy allows, and only for a TLS handshake. Stops the
preflight where a question could reach the wrong registry, or be read on the way; plain http is refused unless it stays
on this machine. Source: docs/decisions/0021.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_network
from math import floor
from socket import SOCK_STREAM
from typing import TypeAlias

from gateway.clock import Clock
from gateway.errors.operators import SettingInvalid
from gateway.preflight.report import Report
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
    """The other profile's active and proposed connections and its settings, with which a candidate must share nothing.

    `sealed` are the numbers of revisions that can't be decrypted here, so that nothing can be compared with them.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The result of a handshake: a fault, or when the certificate ends (None: not known)."""

    fault: TlsFault | None = None
    ends_at: datetime | None = None


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
    begun = report.now()
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
            report.failed(
                "tls", "plain http would carry credentials in the clear", "use https in registry_url"
            )
            report.stop("credentials would leave this machine in the clear")
        return
    begun = report.now()
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
    if shown.fault is not None:
        setting = f"GATEWAY_{connection.profile.value.upper()}_CA_FILE"
        remedy = _TLS_REMEDIES[shown.fault].format(setting=setting)
        report.failed("tls", f"refused: {shown.fault.value}", remedy, ms=ms)
        report.stop("the certificate does not prove that this is the registry")
        return
    if shown.ends_at is None:
        report.passed("tls", "chain and name are valid; the end of the certificate is not known", ms=ms)
        return
    left = floor((shown.ends_at - clock.now()).total_seconds() / 86_400)
    remedy = "the certificate's owner has to renew it soon" if left <= WARNING_DAYS else ""
    report.passed("tls", f"chain and name are valid; {left} day(s) left", ms=ms, remedy=remedy)


async def fetch_certificate(
    endpoint: Endpoint, addresses: Sequence[str], context: ssl.SSLContext, *, within: float
) -> Certificate:
    """Do a TLS handshake with the first address that accepts a connection, in at most `within` seconds; send nothing else."""
    for address in addresses:
        try:
            async with asyncio.timeout(min(within, _MAX_HANDSHAKE_S)):
                return await _shake_hands(endpoint, address, context)
        except ssl.SSLCertVerificationError as error:
            return Certificate(fault=_VERIFY_CODES.get(error.verify_code, TlsFault.REFUSED))
        except (ssl.SSLError, ConnectionResetError, asyncio.IncompleteReadError):
            return Certificate(fault=TlsFault.NOT_TLS)
        except OSError:  # TimeoutError too: the next address may answer
            continue
    return Certificate(fault=TlsFault.UNREACHABLE)


async def _shake_hands(endpoint: Endpoint, address: str, context: ssl.SSLContext) -> Certificate:
    _, writer = await asyncio.open_connection(
        address, endpoint.port, ssl=context, server_hostname=endpoint.host
    )
    try:
        shown = writer.get_extra_info("peercert") or {}
        ends_at = ssl.cert_time_to_seconds(shown.get("notAfter", ""))
        return Certificate(ends_at=datetime.fromtimestamp(ends_at, UTC))
    except ValueError:
        return Certificate()
    finally:
        with suppress(OSError):
            writer.transport.abort()
