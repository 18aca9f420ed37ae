"""A mock registry of a test's own, with its accounts as connections of the gateway; see c06_scene.py for its run alone."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from gateway.clock import SystemClock
from gateway.places import Profile
from gateway.registry.connection import Adapter, Connection, Dialect
from gateway.registry.model import Claim
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
    """A fresh mock, and connections by which the gateway is an account of it."""

    mock: MockRegistry = field(default_factory=lambda: build_mock(Settings(_env_file=None)))

    def connection(self, name: str, dialect: Dialect) -> Connection:
        account = self.mock.register.find(name)
        assert account is not None
        return connection_of(asdict(account), dialect, "http://mock.test:8100")


def connection_of(account: Mapping[str, Any], dialect: Dialect, url: str) -> Connection:
    """Make a connection by which the gateway is an account of the mock, there."""
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
