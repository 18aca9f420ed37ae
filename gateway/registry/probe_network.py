"""What can be known of a registry's place without speaking to it: its addresses, and its certificate.

Connects to no address that the connection's guard refuses, and sends nothing: the TLS handshake ends there. Refuses
plain http wherever it could leave this machine. Source: docs/decisions/0021.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_network
from socket import SOCK_STREAM
from typing import TypeAlias

from gateway.registry.addresses import (
    address_of,
    is_never_reached,
    is_this_machine,
    stay_on_this_machine,
    unwrapped,
)
from gateway.registry.connection import Connection
from gateway.registry.guard import Guard

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name; raises `OSError` where there are none."""

_PORTS = {"http": 80, "https": 443}
_LONGEST_HANDSHAKE_S = 10.0


class TlsFault(StrEnum):
    """Why a certificate is not taken, or that none was shown."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection leads. Two connections with one host and port lead to one place; `loopback` is this machine, by whichever name."""

    secure: bool
    host: str
    port: int
    loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A name's addresses, judged: `outside` are none of the networks', `never` are no profile's."""

    allowed: tuple[str, ...]
    outside: int
    never: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a handshake showed; without a fault `ends_at` is when the certificate does."""

    fault: TlsFault | None = None
    ends_at: datetime | None = None


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, as the transport does; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def place_of(connection: Connection) -> Place:
    """Return where the connection leads; raises `SettingInvalid` where its guard does."""
    url = Guard(connection).base
    host = url.host.rstrip(".").lower()
    port = url.port or _PORTS[url.scheme]
    return Place(secure=url.scheme == "https", host=host, port=port, loopback=is_this_machine(host))


async def resolve_known(resolve: Resolve, place: Place) -> tuple[str, ...]:
    """Return the addresses of a place, each in its one form and this machine's as one; none where it has no name now."""
    try:
        return tuple(one_form(text) for text in await resolve(place.host, place.port))
    except OSError:
        return ()


def one_form(text: str) -> str:
    """Return an address as it is compared: without zone, out of an IPv6 that carries it, loopback as one."""
    address = unwrapped(address_of(text))
    return "loopback" if address.is_loopback else str(address)


def judge_addresses(connection: Connection, found: Sequence[str]) -> Addresses:
    """Sort a name's addresses by what the connection's guard says of them."""
    guard = Guard(connection)
    addresses = [address_of(text) for text in found]
    never = [address for address in addresses if is_never_reached(address)]
    allowed = [address for address in addresses if guard.allows(address)]
    return Addresses(
        allowed=tuple(map(str, allowed)),
        outside=len(addresses) - len(allowed) - len(never),
        never=len(never),
    )


def lies_within(addresses: Sequence[str], networks: Sequence[str]) -> bool:
    """Say whether any address is in any of the networks."""
    within = [ip_network(network) for network in networks]
    return any(unwrapped(address_of(address)) in network for address in addresses for network in within)


def stays_on_this_machine(connection: Connection) -> bool:
    """Say whether every address the connection may reach is loopback: only there is plain http no leak."""
    return stay_on_this_machine(connection.networks)


async def look_at_certificate(
    place: Place, addresses: Sequence[str], context: ssl.SSLContext, *, within: float
) -> Certificate:
    """Shake hands with the first of the addresses that takes a connection; nothing else is sent."""
    for address in addresses:
        try:
            async with asyncio.timeout(min(within, _LONGEST_HANDSHAKE_S)):
                return await _shake_hands(place, address, context)
        except ssl.SSLCertVerificationError as error:
            return Certificate(fault=_VERIFY_CODES.get(error.verify_code, TlsFault.REFUSED))
        except (ssl.SSLError, ConnectionResetError, asyncio.IncompleteReadError):
            return Certificate(fault=TlsFault.NOT_TLS)
        except OSError:  # TimeoutError too: the next address may answer
            continue
    return Certificate(fault=TlsFault.UNREACHABLE)


async def _shake_hands(place: Place, address: str, context: ssl.SSLContext) -> Certificate:
    _, writer = await asyncio.open_connection(address, place.port, ssl=context, server_hostname=place.host)
    try:
        shown = writer.get_extra_info("peercert") or {}
        return Certificate(ends_at=_ends_at(str(shown.get("notAfter", ""))))
    finally:
        with suppress(OSError):
            writer.transport.abort()


def _ends_at(written: str) -> datetime | None:
    """Read OpenSSL's way to write an instant, always in GMT."""
    try:
        return datetime.strptime(f"{written} +0000", "%b %d %H:%M:%S %Y GMT %z")
    except ValueError:
        return None
