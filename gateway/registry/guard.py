"""The last look before a packet leaves: this profile's question, to this connection's own place, or nothing.

Refuses: a question of the other profile or of another revision, a URL elsewhere than the connection's, plain mistakes
in the URL (userinfo, query), hosts outside the connection's `hosts` and `networks`, and always link-local and metadata
addresses. An address behind a name is checked in `transport.py`, where it is resolved and connected to.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from gateway.errors.callers import ProfileMismatch
from gateway.errors.commands import SettingInvalid
from gateway.registry.connection import Connection, Dialect, Owner

PLATFORM_FOLDER = "/lgsp"
"""Where a platform keeps the services; some write it into the URL, its token endpoint is beside it."""

IpAddress = IPv4Address | IPv6Address

_NEVER = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "fd00:ec2::254/128",
        "0.0.0.0/32",
        "::/128",
        "224.0.0.0/4",
        "ff00::/8",
        "255.255.255.255/32",
    )
)
_EMBEDDED_V4 = (ip_network("::/96"), ip_network("64:ff9b::/96"))
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata", "instance-data"})


class Guard:
    """What one connection may reach. Made once per connection: a bad place stops it there."""

    def __init__(self, connection: Connection) -> None:
        self._owner = connection.owner
        self._networks = tuple(ip_network(network) for network in connection.networks)
        self.base = _base_url(connection)
        self._place = _place(self.base)
        self._path = f"{self.base.path.rstrip('/')}/"
        host = self.base.host.rstrip(".").lower()
        if connection.hosts and host not in {allowed.rstrip(".").lower() for allowed in connection.hosts}:
            raise SettingInvalid("registry_url: its host is not among the profile's hosts")
        address = literal_of(host)
        if host in _METADATA_NAMES or (address is not None and not self.allows(address)):
            raise SettingInvalid("registry_url: no profile may reach this address")

    def allows(self, address: IpAddress) -> bool:
        """Tell whether a packet may go to this address."""
        address = unwrapped(address)
        if any(address in network for network in _NEVER):
            return False
        return not self._networks or any(address in network for network in self._networks)

    def check(self, owner: Owner, url: httpx.URL) -> None:
        """Raise `ProfileMismatch` unless this profile's and revision's packet goes to this connection's own place."""
        if owner != self._owner or _place(url) != self._place or not url.path.startswith(self._path):
            raise ProfileMismatch


def _base_url(connection: Connection) -> httpx.URL:
    """Return the URL below which everything is called: services and token endpoint alike."""
    text = connection.registry_url
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise SettingInvalid("registry_url: not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host or not _is_port(url.port):
        raise SettingInvalid("registry_url: an absolute http or https URL is expected")
    if url.userinfo or url.query or url.fragment or "?" in text or "#" in text:
        raise SettingInvalid("registry_url: without user, query and fragment")
    # The login is a hash over the URL: nothing in it may be written in two ways.
    if "/." in text or "//" in url.path or "%" in text:
        raise SettingInvalid("registry_url: without dot segments, empty segments and percent signs")
    path = url.path.rstrip("/")
    if connection.dialect is not Dialect.SOAP:
        path = path.removesuffix(PLATFORM_FOLDER)
    return url.copy_with(path=path or "/")


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port < 1 << 16


def _place(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def literal_of(host: str) -> IpAddress | None:
    """Return the address that a host writes out, in whichever form a resolver takes; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Resolvers also take 2852039166, 0xa9fea9fe and 169.254.43518 for addresses.
        return IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def unwrapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address inside an IPv6 one that carries it, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _EMBEDDED_V4) and int(address) & 0xFFFFFFFF > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
