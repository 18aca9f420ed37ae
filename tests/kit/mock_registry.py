"""The gateway's registries as accounts of a mock: their connections, and the requests between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from gateway.clock import SystemClock
from gateway.identifiers import Profile
from gateway.procedures.model import Operation
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Adapter, Connection, Dialect
from gateway.registry.model import Claim, Question
from mock_c06.people.model import Persona
from mock_c06.people.personas import load_personas
from mock_c06.testing.scene import C06

ACCOUNTS = {
    Dialect.SOAP: "dvctt-hanoi",
    Dialect.LGSP_PASSTHROUGH: "dvctt-lgsp-passthrough",
    Dialect.LGSP_CAMEL: "dvctt-lgsp-camel",
    Dialect.LGSP_PASCAL: "dvctt-lgsp-pascal",
}
CLOCK = SystemClock()
PERSONAS = {persona.slug: persona for persona in load_personas()}
AN = PERSONAS["nguyen-van-an"]


def connection_of(account: Mapping[str, Any], dialect: Dialect, url: str) -> Connection:
    """Make a connection with which the gateway uses an account of the mock."""
    return Connection(
        profile=Profile.SANDBOX,
        registry_url=url,
        dialect=dialect,
        c06_user=account["user"],
        c06_secret=account["secret"],
        ngsp_key=account["ngsp_key"],
        ngsp_secret=account["ngsp_secret"],
        adapter=Adapter(**account["adapter"]) if account["adapter"] else None,
        agency=account["agency"],
        officer="dvctt.dichvu",
    )


def claim_of(persona: Persona) -> Claim:
    person = persona.person
    return Claim(
        citizen_id=person.citizen_id,
        id_card_number=None if person.citizen_id else person.id_card_number,
        full_name=person.full_name,
        birth_date=person.birth_date,
        birth_year=None if person.birth_date else person.birth_year,
    )


class Watching(httpx.AsyncBaseTransport):
    """A transport to the mock that records each request and each answer's body."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.packets: list[httpx.Request] = []
        self.answers: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
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
    ) -> RegistryClient:
        self.seen.append(Watching(self.c06.transport()))
        made = self.connection(account or ACCOUNTS[dialect], dialect, environment)
        changed = replace(made, **members)  # type: ignore[arg-type]  # a test passes any members
        return open_registry(changed, transport=self.seen[-1], clock=CLOCK)

    def connection(self, name: str, dialect: Dialect, environment: str = "test") -> Connection:
        return connection_of(self.c06.account(name).members, dialect, self.c06.url(environment))

    def question(self, operation: Operation, claim: Claim, *, within: float = 5) -> Question:
        """Make the next question, with a deadline in seconds."""
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
