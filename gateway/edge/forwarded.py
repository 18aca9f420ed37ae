"""The caller's address: the connection's peer, or the address that a trusted proxy reports.

`X-Forwarded-For` and `Forwarded` (RFC 7239) count only if the peer is a proxy in `GATEWAY_TRUSTED_PROXIES`: the caller
is the right-most hop that is not a trusted proxy. If a header is malformed, has no address, or the two differ, the
peer's address counts.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

MAX_HOPS = 16

_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?|([0-9A-Fa-f:]+(?::[0-9.]+)?)")
_PAIR = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)|"([^"\\,;]*)")')


class TrustedProxies:
    """The networks of trusted proxies."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]

    def find_client(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the caller's address, given the connection's peer and the headers (names in lower case)."""
        if not self._networks or not self._trusts(parse_address(peer)):
            return peer
        found = set()
        for name, read in _READERS.items():
            values = [value for header, value in headers if header == name]
            if values:
                try:
                    found.add(self._find_caller(read(b",".join(values).decode("ascii"))))
                except ValueError:
                    return peer
        return found.pop() or peer if len(found) == 1 else peer

    def _find_caller(self, hops: Sequence[str]) -> str | None:
        """Return the right-most hop that is not a trusted proxy, else the left-most; None if it is not an address."""
        last = None
        for hop in list(reversed(hops))[:MAX_HOPS]:
            last = _parse_node(hop)
            if last is None or not self._trusts(last):
                break
        return None if last is None else str(last)

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """Return an address, an IPv4-mapped IPv6 one as IPv4; None for anything else."""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def class_of(address: str) -> str:
    """Return one of five classes of an address, none of which identifies a caller."""
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
    """Return each element's `for`. Raises `ValueError` if one has none, or RFC 7239 does not allow the form."""
    hops = []
    for element in text.split(","):
        pairs = [_PAIR.fullmatch(pair.strip(" \t")) for pair in element.split(";")]
        named = [pair[2] or pair[3] for pair in pairs if pair and pair[1].lower() == "for"]
        if not all(pairs) or len(named) != 1 or not named[0]:
            raise ValueError("one for= in each element")
        hops.append(named[0])
    return hops


_READERS = {b"x-forwarded-for": _read_forwarded_for, b"forwarded": _read_forwarded}
