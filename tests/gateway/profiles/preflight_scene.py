"""The scene of a preflight: a candidate connection, a fresh mock behind it, and a witness who writes packets down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx

from gateway.errors.places import Overloaded
from gateway.errors.registry import RegistryError
from gateway.places import Profile
from gateway.procedures.catalogue import load_catalogue
from gateway.profiles.other_profile import OtherProfile
from gateway.profiles.preflight import Check, Preflight, run_preflight
from gateway.registry.client import Transport
from gateway.registry.connection import Connection, Dialect
from gateway.registry.probe_model import Packet, WayOut
from mock_c06.runs.journal import Entry
from tests.gateway.registry.mock_scene import ACCOUNTS, AN, CLOCK, Place, Watched, claim_of

LOOPBACK = ("127.0.0.0/8",)
AN_CLAIM = claim_of(AN)
OFFICIAL = "dvctt-hanoi-official"


@dataclass
class Notes:
    """A witness: what was announced and concluded, and how many packets had left at each announcement."""

    seen: Callable[[], int] = lambda: 0
    announced: list[Packet] = field(default_factory=list)
    concluded: list[tuple[Packet, RegistryError | None]] = field(default_factory=list)
    left_before: list[int] = field(default_factory=list)
    full: bool = False
    reserved: list[int] = field(default_factory=list)

    async def reserve(self, questions: int) -> None:
        self.reserved.append(questions)

    async def announce(self, packet: Packet) -> None:
        if self.full:
            raise Overloaded
        self.left_before.append(self.seen())
        self.announced.append(packet)

    async def conclude(self, packet: Packet, failure: RegistryError | None) -> None:
        self.concluded.append((packet, failure))


class Dated(httpx.AsyncBaseTransport):
    """Puts a `Date` on each answer, so many seconds off."""

    def __init__(self, inner: httpx.AsyncBaseTransport, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        told = CLOCK.now() + timedelta(seconds=self._seconds)
        response.headers["date"] = told.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return response


@dataclass
class Desk:
    """Runs preflights against one mock; `sent` are the packets that left, tokens too."""

    place: Place = field(default_factory=Place)
    notes: Notes = field(default_factory=Notes)
    transports: list[Watched] = field(default_factory=list)
    addresses: Sequence[str] = ("127.0.0.1",)
    seconds_off: float | None = None
    pauses: list[float] = field(default_factory=list)

    def candidate(
        self, dialect: Dialect = Dialect.SOAP, account: str | None = None, **members: Any
    ) -> Connection:
        made = self.place.connection(account or ACCOUNTS[dialect], dialect)
        return replace(made, **({"networks": LOOPBACK} | members))

    async def look(self, connection: Connection, **told: Any) -> Preflight:
        self.notes.seen = lambda: len(self.sent)
        parts: dict[str, Any] = {"other": OtherProfile(), "way_out": self.way_out()}
        return await run_preflight(
            connection,
            catalogue=load_catalogue(),
            clock=CLOCK,
            witness=self.notes,
            **(parts | told),
        )

    def way_out(self, transport: Transport | None = None) -> WayOut:
        def open_transport(connection: Connection) -> Transport:
            if transport is not None:
                return transport
            face = self.place.mock.test if connection.profile is Profile.SANDBOX else self.place.mock.official
            watched = Watched(face)
            self.transports.append(watched)
            return watched if self.seconds_off is None else Dated(watched, self.seconds_off)

        async def resolve(_host: str, _port: int) -> Sequence[str]:
            if not self.addresses:
                raise OSError("no such name")
            return self.addresses

        return WayOut(open_transport=open_transport, resolve=resolve, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def sent(self) -> list[httpx.Request]:
        return [packet for transport in self.transports for packet in transport.packets]

    @property
    def journal(self) -> list[Entry]:
        return list(self.place.mock.runs.get("default").journal.entries())

    def flip(self, *names: str) -> None:
        self.place.mock.runs.get("default").switches.update(dict.fromkeys(names, True))


def line(preflight: Preflight, name: str) -> Check:
    (found,) = (check for check in preflight.checks if check.name == name)
    return found


def failed(preflight: Preflight) -> list[str]:
    return [check.name for check in preflight.checks if not check.passed]


def tried_and_failed(preflight: Preflight) -> list[str]:
    return [
        check.name
        for check in preflight.checks
        if not check.passed and not check.detail.startswith("not tried: ")
    ]


def not_tried(preflight: Preflight) -> list[str]:
    return [check.name for check in preflight.checks if check.detail.startswith("not tried: ")]
