"""The scene of a preflight: a candidate connection, a fresh mock behind it, and a recorder in memory."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx

from gateway.errors.requests import Overloaded, RegistryError
from gateway.identifiers import Profile
from gateway.preflight.candidate import OtherProfile
from gateway.preflight.recorder import PreflightNetwork
from gateway.preflight.report import Preflight, PreflightCheck
from gateway.preflight.run import run_preflight
from gateway.procedures.catalogue import load_catalogue
from gateway.registry.client import Transport
from gateway.registry.connection import Connection, Dialect
from gateway.registry.model import Question
from mock_c06.app import MockRegistry, build_mock
from mock_c06.journal import Entry
from mock_c06.settings import Settings
from tests.kit.mock_registry import ACCOUNTS, AN, CLOCK, Watching, claim_of, connection_of

LOOPBACK = ("127.0.0.0/8",)
AN_CLAIM = claim_of(AN)
OFFICIAL = "dvctt-hanoi-official"


@dataclass
class Notes:
    """A recorder in memory: announcements and conclusions, and the number of requests sent before each announcement."""

    seen: Callable[[], int] = lambda: 0
    announced: list[Question] = field(default_factory=list)
    concluded: list[tuple[Question, RegistryError | None]] = field(default_factory=list)
    left_before: list[int] = field(default_factory=list)
    full: bool = False
    reserved: list[int] = field(default_factory=list)

    async def reserve(self, questions: int) -> None:
        self.reserved.append(questions)

    async def announce(self, question: Question, body_sha256: str) -> None:
        if self.full:
            raise Overloaded
        self.left_before.append(self.seen())
        self.announced.append(question)

    async def conclude(self, question: Question, failure: RegistryError | None) -> None:
        self.concluded.append((question, failure))


class Dated(httpx.AsyncBaseTransport):
    """Adds a `Date` to each answer, this number of seconds off."""

    def __init__(self, inner: httpx.AsyncBaseTransport, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        date = CLOCK.now() + timedelta(seconds=self._seconds)
        response.headers["date"] = date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return response


@dataclass
class Preflights:
    """Runs preflights against one mock; `sent` are the requests that were sent, including token calls."""

    mock: MockRegistry = field(default_factory=lambda: build_mock(Settings(_env_file=None)))
    notes: Notes = field(default_factory=Notes)
    transports: list[Watching] = field(default_factory=list)
    addresses: Sequence[str] = ("127.0.0.1",)
    seconds_off: float | None = None
    pauses: list[float] = field(default_factory=list)

    def candidate(
        self, dialect: Dialect = Dialect.SOAP, account: str | None = None, **members: Any
    ) -> Connection:
        known = self.mock.register.get(account or ACCOUNTS[dialect])
        made = connection_of(asdict(known), dialect, "http://mock.test:8100")
        return replace(made, **({"networks": LOOPBACK} | members))

    async def look(self, connection: Connection, **changed: Any) -> Preflight:
        self.notes.seen = lambda: len(self.sent)
        deps: dict[str, Any] = {"other": OtherProfile(), "preflight_network": self.preflight_network()}
        return await run_preflight(
            connection,
            catalogue=load_catalogue(),
            clock=CLOCK,
            recorder=self.notes,
            **(deps | changed),
        )

    def preflight_network(self, transport: Transport | None = None) -> PreflightNetwork:
        def open_transport(connection: Connection) -> Transport:
            if transport is not None:
                return transport
            face = self.mock.test if connection.profile is Profile.SANDBOX else self.mock.official
            watched = Watching(httpx.ASGITransport(face))
            self.transports.append(watched)
            return watched if self.seconds_off is None else Dated(watched, self.seconds_off)

        async def resolve(_host: str, _port: int) -> Sequence[str]:
            if not self.addresses:
                raise OSError("no such name")
            return self.addresses

        return PreflightNetwork(open_transport=open_transport, resolve=resolve, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def sent(self) -> list[httpx.Request]:
        return [packet for transport in self.transports for packet in transport.packets]

    @property
    def journal(self) -> list[Entry]:
        return list(self.mock.runs.get("default").journal.entries())

    def flip(self, *names: str) -> None:
        self.mock.runs.get("default").switches.update(dict.fromkeys(names, True))


def line(preflight: Preflight, name: str) -> PreflightCheck:
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
