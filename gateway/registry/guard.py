"""The last look before a packet leaves: this profile's question, to this connection's own place, or nothing.

Refuses: a question of the other profile or of another revision, a URL elsewhere than the connection's, plain mistakes
in the URL (userinfo, query), hosts outside the connection's `hosts`, and addresses that `addresses.py` doesn't let its
`networks` reach. An address behind a name is checked in `transport.py`, where it is resolved and connected to.
"""

from ipaddress import ip_network

import httpx

from gateway.errors.callers import ProfileMismatch
from gateway.errors.commands import SettingInvalid
from gateway.registry.addresses import IpAddress, is_this_machine, literal_of, may_reach
from gateway.registry.connection import Connection, Dialect, Owner

PLATFORM_FOLDER = "/lgsp"
"""Where a platform keeps the services; some write it into the URL, its token endpoint is beside it."""

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
        inside = is_this_machine(host) and not self._networks
        if host in _METADATA_NAMES or inside or (address is not None and not self.allows(address)):
            raise SettingInvalid(
                "registry_url: no profile may reach this address, unless "
                f"GATEWAY_{connection.profile.upper()}_NETWORKS names it; link-local and metadata addresses never"
            )

    def allows(self, address: IpAddress) -> bool:
        """Tell whether a packet may go to this address."""
        return may_reach(address, self._networks)

    def check(self, owner: Owner, url: httpx.URL) -> None:
        """Raise `ProfileMismatch` unless this profile's and revision's packet goes to this connection's own place."""
        if owner != self._owner or _place(url) != self._place or not url.path.startswith(self._path):
            raise ProfileMismatch


def _base_url(connection: Connection) -> httpx.URL:
    """Return the URL below which everything is called: services and token endpoint alike."""
    text = connection.registry_url
    try:
        url = httpx.URL(text)
        host = url.host  # read out of Punycode, which may be malformed
    except (httpx.InvalidURL, ValueError):
        raise SettingInvalid("registry_url: not a URL") from None
    if url.scheme not in {"http", "https"} or not host or not _is_port(url.port):
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
