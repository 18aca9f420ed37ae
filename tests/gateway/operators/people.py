"""Operators as tests have them: made by the real use cases, their passwords hashed cheaply, signed in over HTTP.

What a hash costs stands in the hash, so the application verifies these as cheaply; a name that nobody has costs it
the full price.
"""

import base64
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.app import open_gateway
from gateway.audit.model import LOCAL
from gateway.operators.enrolment import enrol
from gateway.operators.model import Operator, Role, parse_name
from gateway.operators.passwords import Cost, Passwords, parse_new_password
from gateway.operators.sessions import identify
from gateway.operators.totp import STEP_S, code_at, step_of
from gateway.operators.use_cases import admit_operator, operator_entry
from gateway.profiles.model import Gateway
from gateway.web import build_app
from tests.answers_seen import SEEN
from tests.gateway.scene import BASE, HandClock, Scene

PASSWORD = "ba con voi di choi"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
SESSIONS = "/ops/v1/sessions"


@dataclass
class Person:
    """An enrolled operator with an authenticator in hand."""

    http: httpx.AsyncClient
    clock: HandClock
    name: str
    secret: bytes = field(repr=False)
    token: str = field(default="", repr=False)

    def code(self) -> str:
        """Return what the authenticator shows now."""
        return code_at(self.secret, step_of(self.clock.now()))

    def next_code(self) -> str:
        """Wait for the authenticator's next code: each works once."""
        self.clock.advance(STEP_S)
        return self.code()

    async def try_in(self, **members: Any) -> httpx.Response:
        """`POST /ops/v1/sessions` with all that is right, unless told otherwise."""
        body = {"name": self.name, "password": PASSWORD, "totp": self.code()} | members
        return await self.http.post(SESSIONS, json=body)

    async def sign_in(self) -> "Person":
        """Sign in and keep the token; return the person itself."""
        answer = await self.try_in(totp=self.next_code())
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        return self

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call `/ops/v1` with the token kept."""
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return await self.http.request(method, f"/ops/v1{path}", json=body, headers=headers)


async def invite(gateway: Gateway, name: str, role: Role, *, by: str = LOCAL) -> str:
    """Make an operator whoever else there is, and return the one-time code."""
    codes: list[str] = []

    async def decide(transaction: Any) -> list[Any]:
        codes.append(await admit_operator(transaction, gateway, parse_name(name), role, by=by))
        return [operator_entry(gateway.parts, f"operator_admitted:{name}", actor=by)]

    await gateway.parts.audit.commit(decide)
    return codes[-1]


async def enrolled(gateway: Gateway, name: str, role: Role) -> bytes:
    """Make an active operator, and return the TOTP secret."""
    code = await invite(gateway, name, role)
    with ThreadPoolExecutor(1) as executor:
        password = parse_new_password(PASSWORD, name=name)
        passwords = Passwords(executor, cost=CHEAP)
        secret = await enrol(gateway, passwords, parse_name(name), code=code, password=password)
    return base64.b32decode(secret)


async def signed_in(scene: Scene, name: str, role: Role) -> Person:
    """Make an operator and sign them in over HTTP."""
    secret = await enrolled(scene.gateway, name, role)
    return await Person(http=scene.http, clock=scene.clock, name=name, secret=secret).sign_in()


async def operator_behind(scene: Scene, person: Person) -> Operator:
    """Return the operator whose session a person holds."""
    return await identify(scene.gateway, person.token)


@asynccontextmanager
async def calling(scene: Scene, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """Call the scene's application from another address."""
    transport = httpx.ASGITransport(scene.app, client=(address, 4000))
    hooks = {"response": [SEEN.note]}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks=hooks) as http:
        yield http


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Open a second gateway on the scene's store, and call it."""
    async with (
        open_gateway(scene.settings, clock=scene.clock) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as http,
    ):
        yield http
