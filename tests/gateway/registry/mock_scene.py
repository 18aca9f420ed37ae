"""The scene of the tests that go through the mock registry: a fresh mock, and registries that lead to it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import httpx

from gateway.clock import SystemClock
from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.registry.client import open_registry
from gateway.registry.connection import Adapter, Connection, Dialect
from gateway.registry.model import Claim, Question, Registry
from mock_c06.app import MockRegistry, build_mock
from mock_c06.population.model import Persona
from mock_c06.population.personas import load_personas
from mock_c06.settings import Settings

ACCOUNTS = {
    Dialect.SOAP: "dvctt-hanoi",
    Dialect.LGSP_PASSTHROUGH: "dvctt-lgsp-passthrough",
    Dialect.LGSP_CAMEL: "dvctt-lgsp-camel",
    Dialect.LGSP_PASCAL: "dvctt-lgsp-pascal",
}
CLOCK = SystemClock()
PERSONAS = {persona.slug: persona for persona in load_personas()}
AN = PERSONAS["nguyen-van-an"]


class Watched(httpx.ASGITransport):
    """The mock's face in-process, keeping each packet and answer that passes."""

    def __init__(self, app: Callable[..., object]) -> None:
        super().__init__(app)  # type: ignore[arg-type]  # starlette's ASGI type and httpx's own differ in name only
        self.packets: list[httpx.Request] = []
        self.answers: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.packets.append(request)
        response = await super().handle_async_request(request)
        content = await response.aread()
        self.answers.append(content)
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@dataclass
class Place:
    """A fresh mock and the gateway's registries that lead to it."""

    mock: MockRegistry = field(default_factory=lambda: build_mock(Settings(_env_file=None)))
    seen: list[Watched] = field(default_factory=list)
    asked: int = 0

    def registry(self, dialect: Dialect, account: str | None = None, **members: object) -> Registry:
        transport = Watched(self.mock.test)
        self.seen.append(transport)
        return open_registry(
            self.connection(account or ACCOUNTS[dialect], dialect, **members),
            transport=transport,
            clock=CLOCK,
        )

    def connection(self, name: str, dialect: Dialect, **members: object) -> Connection:
        account = self.mock.register.find(name)
        assert account is not None
        made = Connection(
            profile=Profile.SANDBOX,
            registry_url="http://mock.test:8100",
            dialect=dialect,
            c06_user=account.user,
            c06_secret=account.secret,
            ngsp_key=account.ngsp_key,
            ngsp_secret=account.ngsp_secret,
            adapter=Adapter(**asdict(account.adapter)) if account.adapter else None,
            agency=account.agency,
            officer="dvctt.dichvu",
        )
        return replace(made, **members)  # type: ignore[arg-type]  # a test's own bag of members

    def question(
        self, operation: Operation, claim: Claim, *, within: float = 5, **members: object
    ) -> Question:
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


def claim_of(persona: Persona) -> Claim:
    person = persona.person
    return Claim(
        citizen_id=person.citizen_id,
        id_card_number=None if person.citizen_id else person.id_card_number,
        full_name=person.full_name,
        birth_date=person.birth_date,
        birth_year=None if person.birth_date else person.birth_year,
    )
