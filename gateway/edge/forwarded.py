"""From which address a request comes: the connection's other end, or what a trusted proxy says in front of it.

`X-Forwarded-For` and `Forwarded` (RFC 7239) count only where the connection comes from a proxy in
`GATEWAY_TRUSTED_PROXIES`: the right-most hop that is no trusted proxy. Whatever is malformed, names no address, or differs
between the two headers leaves the connection's other end.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

MOST_HOPS = 16

_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?|([0-9A-Fa-f:]+(?::[0-9.]+)?)")
_PAIR = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)|"([^"\\,;]*)")')


class TrustedProxies:
    """The networks that proxies of ours are in."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]

    def find_client(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address of whoever called, given the connection's other end and the headers (lower case)."""
        if not self._networks or not self._trusts(parse_address(peer)):
            return peer
        told = {
            name: b",".join(value for header, value in headers if header == name)
            for name in (b"x-forwarded-for", b"forwarded")
            if any(header == name for header, _ in headers)
        }
        try:
            hops = {name: _READERS[name](value.decode("ascii")) for name, value in told.items()}
        except ValueError:
            return peer
        found = {self._outermost(each) for each in hops.values()}
        return found.pop() or peer if len(found) == 1 else peer

    def _outermost(self, hops: Sequence[str]) -> str | None:
        """Return the right-most hop that is no proxy of ours, else the left-most; None where it is no address."""
        last = None
        for hop in list(reversed(hops))[:MOST_HOPS]:
            last = _parse_node(hop)
            if last is None or not self._trusts(last):
                break
        return None if last is None else str(last)

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """Return an address, an IPv6 one that stands for an IPv4 one as that; None for anything else."""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def class_of(address: str) -> str:
    """Return which sort of address it is: one of five words, which name nobody."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    if parsed.is_loopback:
        return "loopback"
    if not parsed.is_global:
        return "private"
    return f"public_v{parsed.version}"


def _parse_node(text: str) -> Address | None:
    found = _NODE.fullmatch(text)
    return parse_address(next(filter(None, found.groups()))) if found else None


def _read_forwarded_for(text: str) -> list[str]:
    return [hop.strip(" \t") for hop in text.split(",")]


def _read_forwarded(text: str) -> list[str]:
    """Read each element's `for`. Raises `ValueError` for what is not of RFC 7239's form, or has none."""
    hops = []
    for element in text.split(","):
        pairs = [_PAIR.fullmatch(pair.strip(" \t")) for pair in element.split(";")]
        named = [pair[2] or pair[3] for pair in pairs if pair and pair[1].lower() == "for"]
        if not all(pairs) or len(named) != 1 or not named[0]:
            raise ValueError("one for= in each element")
        hops.append(named[0])
    return hops


_READERS = {b"x-forwarded-for": _read_forwarded_for, b"forwarded": _read_forwarded}
