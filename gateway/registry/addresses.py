"""Classify addresses: refused for every profile, public, or loopback. No other file classifies addresses.

Link-local and metadata addresses, and those that contain another address (Teredo, 6to4, a translator's local prefix),
are refused even if a deployment's network includes them. Source: IANA's special-purpose address registries (RFC 6890),
RFC 6052, docs/decisions/0067.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_ALWAYS_REFUSED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",  # Alibaba's metadata
        "168.63.129.16/32",  # Azure's metadata
        "192.0.0.192/32",  # Oracle's metadata
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:42::42/128",  # Scaleway's metadata
        "fd00:c1::a9fe:a9fe/128",  # Oracle's metadata
        "fd00:ec2::/32",  # Amazon's metadata, name servers and time
        "fd20:ce::254/128",  # Google's metadata
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
        "64:ff9b:1::/48",  # local translators (RFC 8215)
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
    )
)
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""Listed here because `is_global` of `ipaddress` differs between versions of Python."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_COMPATIBLE, _TRANSLATED = IPv6Network("::/96"), IPv6Network("64:ff9b::/96")


def address_of(text: str) -> IpAddress:
    """Return the address that a resolver gave as text, without its zone. Raises `ValueError`."""
    return ip_address(text.partition("%")[0])


def literal_of(host: str) -> IpAddress | None:
    """Return a host as an address, if it is one in any form that a resolver accepts; None for a name."""
    try:
        return address_of(host)
    except ValueError:
        pass
    try:
        # Resolvers also accept 2852039166, 0xa9fea9fe and 169.254.43518 as addresses.
        return IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def unwrapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address contains, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if (address in _COMPATIBLE and int(address) > 1) or address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_always_refused(address: IpAddress) -> bool:
    """Return whether an address is refused for every profile, even if a deployment's network includes it."""
    return any(each in network for each in (address, unwrapped(address)) for network in _ALWAYS_REFUSED)


def _is_public(address: IpAddress) -> bool:
    """Return whether an address is on the public Internet; of IPv6 addresses with an IPv4 one, only translated ones can be."""
    if is_always_refused(address) or any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global
    if address in _TRANSLATED:
        return _is_public(unwrapped(address))
    return address in _GLOBAL_UNICAST and address.is_global


def may_reach(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    """Return whether a profile with these networks may reach an address; without networks only public ones."""
    if is_always_refused(address):
        return False
    if not networks:
        return _is_public(address)
    return any(unwrapped(address) in network for network in networks)


def is_loopback(target: str | IpAddress | IpNetwork) -> bool:
    """Return whether a host, an address or every address of a network is this machine.

    A host is loopback by its address or its reserved name (RFC 6761), an IPv6 address also by the IPv4 one it contains.
    `is_loopback` of `ipaddress` is not enough: its result for `::ffff:127.0.0.1` differs between versions of Python.
    """
    if isinstance(target, IPv4Network | IPv6Network):
        return is_loopback(target.network_address) and is_loopback(target.broadcast_address)
    if isinstance(target, str):
        host = plain_host(target)
        address = literal_of(host)
        return is_loopback(address) if address is not None else host.split(".")[-1] == "localhost"
    return unwrapped(target).is_loopback


def is_loopback_only(networks: Sequence[str]) -> bool:
    """Return whether a profile with these networks can reach only loopback; without networks it can reach more."""
    return bool(networks) and all(is_loopback(ip_network(network)) for network in networks)


def plain_host(host: str) -> str:
    """Return a host in the form for comparison: lower case, without the final dot."""
    return host.rstrip(".").lower()
