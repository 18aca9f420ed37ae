"""The gateway's registries that lead into a test's own run of the mock: the fixture `c06` behind them."""

from dataclasses import dataclass, field, replace

import httpx

from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection, Dialect
from gateway.registry.model import Claim, Question, Registry
from mock_c06.testing.scene import C06
from tests.gateway.registry.mock_scene import ACCOUNTS, CLOCK, connection_of


class Watching(httpx.AsyncBaseTransport):
    """A way to the mock that keeps each packet and answer which passes."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.packets: list[httpx.Request] = []
        self.answers: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        self.packets.append(request)
        response = await self._inner.handle_async_request(request)
        self.answers.append(await response.aread())
        return response


@dataclass
class Reach:
    """Registries as the gateway opens them, each with an account of the mock."""

    c06: C06
    seen: list[Watching] = field(default_factory=list)
    asked: int = 0

    def registry(
        self, dialect: Dialect, account: str | None = None, *, environment: str = "test", **members: object
    ) -> Registry:
        """Open one."""
        self.seen.append(Watching(self.c06.transport()))
        made = self.connection(account or ACCOUNTS[dialect], dialect, environment)
        changed = replace(made, **members)  # type: ignore[arg-type]  # a test's own bag of members
        return open_registry(changed, transport=self.seen[-1], clock=CLOCK)

    def connection(self, name: str, dialect: Dialect, environment: str = "test") -> Connection:
        """Make the connection."""
        return connection_of(self.c06.account(name).members, dialect, self.c06.url(environment))

    def question(self, operation: Operation, claim: Claim, *, within: float = 5) -> Question:
        """Make the next question, which must be answered within so many seconds."""
        self.asked += 1
        return Question(
            profile=Profile.SANDBOX,
            revision=0,
            operation=operation,
            request_code=f"HN-{self.asked:08d}",
            procedure="khai-sinh",
            service_code="G15-TP110",
            officer="can.bo.01",
            claim=claim,
            deadline=CLOCK.monotonic() + within,
        )
