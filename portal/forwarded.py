"""The visitor's address: the connection's peer, or the address that a trusted proxy reports.

`X-Forwarded-For` and `Forwarded` (RFC 7239) count only from a peer in `PORTAL_TRUSTED_PROXIES`: the visitor is the
right-most hop that is not a trusted proxy. If a header is malformed, has no address, or the two differ, the peer counts.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

MAX_HOPS = 16

_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?|([0-9A-Fa-f:]+(?::[0-9.]+)?)")
_PAIR = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)|"([^"\\,;]*)")')


def find_visitor(peer: str, headers: Sequence[tuple[bytes, bytes]], trusted: Sequence[Network]) -> str:
    """Return the visitor's address, given the connection's peer, the headers (names in lower case) and the proxies."""
    if not _trusts(trusted, _parse(peer)):
        return peer
    found = set()
    for name, read in _READERS.items():
        values = [value for header, value in headers if header == name]
        if values:
            try:
                found.add(_find_caller(read(b",".join(values).decode("ascii")), trusted))
            except ValueError:
                return peer
    return found.pop() or peer if len(found) == 1 else peer


def network_of(address: str) -> str:
    """Return the network that an address counts for: itself, or the /64 of an IPv6 one, which is one subscriber's."""
    parsed = _parse(address)
    if parsed is None:
        return "unknown"
    return str(parsed) if parsed.version == 4 else str(ip_network(f"{parsed}/64", strict=False))


def _find_caller(hops: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Return the right-most hop that is not a trusted proxy, else the left-most; None if it is not an address."""
    last = None
    for hop in list(reversed(hops))[:MAX_HOPS]:
        node = _NODE.fullmatch(hop)
        last = _parse(next(filter(None, node.groups()))) if node else None
        if not _trusts(trusted, last):
            break
    return None if last is None else str(last)


def _trusts(trusted: Sequence[Network], address: Address | None) -> bool:
    return address is not None and any(address in network for network in trusted)


def _parse(text: str) -> Address | None:
    """Return an address, an IPv4-mapped IPv6 one as IPv4; None for anything else."""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


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
