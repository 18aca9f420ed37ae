"""The way from the gateway to both registries, in-process: every packet is written down by what stands in it.

A packet goes where its address says, whichever connection sent it, so that one that leaves for the wrong place arrives
there and is seen.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

import httpx

from gateway.places import Profile
from gateway.registry.connection import Connection, Owner
from mock_c06.app import MockRegistry

PORTS = {8100: Profile.SANDBOX, 8110: Profile.OFFICIAL}
"""Which environment's registry listens where."""

_REQUEST_CODE = re.compile(rb"MaYeuCau>([^<]+)<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet as a registry received it; `sender` is whose connection it left by."""

    door: Profile
    sender: Owner
    url: str
    user: str
    digest: str
    timestamp: str
    request_code: str

    def is_signed_with(self, secret: str) -> bool:
        """Say whether its login was made with this secret of its user."""
        made = hashlib.sha256(f"{self.url}{self.user}{self.timestamp}{secret}".encode()).hexdigest()
        return made == self.digest


class Network:
    """Both registries by their addresses, and what they received, in order."""

    def __init__(self, mock: MockRegistry) -> None:
        self.packets: list[Packet] = []
        self._doors = {
            Profile.SANDBOX: httpx.ASGITransport(mock.test),
            Profile.OFFICIAL: httpx.ASGITransport(mock.official),
        }

    def open(self, connection: Connection) -> httpx.AsyncBaseTransport:
        """Return the transport of one connection."""
        return _Line(self, connection.owner)

    async def carry(self, sender: Owner, request: httpx.Request) -> httpx.Response:
        """Take a packet to whoever listens at its address."""
        door = PORTS.get(request.url.port or 80)
        if door is None:
            raise httpx.ConnectError("nobody listens there")
        self.packets.append(_read(door, sender, request))
        return await self._doors[door].handle_async_request(request)


class _Line(httpx.AsyncBaseTransport):
    def __init__(self, network: Network, sender: Owner) -> None:
        self._network = network
        self._sender = sender

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.carry(self._sender, request)


def _read(door: Profile, sender: Owner, request: httpx.Request) -> Packet:
    login = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    user, _, digest = login.partition(":")
    code = _REQUEST_CODE.search(request.content)
    return Packet(
        door=door,
        sender=sender,
        url=str(request.url),
        user=user,
        digest=digest,
        timestamp=request.headers["timestamp"],
        request_code=code[1].decode() if code else "",
    )
