"""Build the mock: two registry faces, one for each environment, and the control face.

Building binds no socket and does not read the environment. Tests build the mock too, and call the apps in-process.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06 import __version__
from mock_c06.accounts.bundles import DeskSigner
from mock_c06.accounts.desk import Desk
from mock_c06.accounts.model import AS_BUILT, Environment, Switches
from mock_c06.accounts.register import DEFAULT_SEED, Register, ready_made_accounts
from mock_c06.clock import Clock, SystemClock
from mock_c06.control.applications_web import AccountDependencies
from mock_c06.control.body_limit import BodyLimit
from mock_c06.control.web import install_control
from mock_c06.faces.face import RegistryFace
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.people.model import Person, Persona
from mock_c06.people.personas import load_personas
from mock_c06.runs.run import DEFAULT_RUN, Runs
from mock_c06.runs.world import PeopleIndex
from mock_c06.settings import Settings
from mock_c06.wire.reply import MarkedAsTestData


@dataclass(frozen=True, slots=True, kw_only=True)
class MockRegistry:
    """The three ASGI apps, and the token of the control face."""

    test: ASGIApp
    official: ASGIApp
    control: ASGIApp
    control_token: str
    runs: Runs
    register: Register
    clock: Clock
    secret_seed: str


def build_mock(
    settings: Settings,
    *,
    clock: Clock | None = None,
    seed: str = DEFAULT_SEED,
    switches: Switches = AS_BUILT,
    generated: GeneratedPopulation | None = None,
    own_people: Iterable[Person] = (),
) -> MockRegistry:
    """Build a mock registry that shares no state with another. `own_people` replace the personas with the same
    numbers."""
    clock = clock or SystemClock()
    secret = settings.seed_of_secrets(seed)
    register = Register(replace(account, switches=switches) for account in ready_made_accounts(secret))
    people = load_personas()
    known = chain((persona.person for persona in people), own_people)
    runs = Runs(base=PeopleIndex(known, generated=generated), clock=clock)
    token = settings.control_token.get_secret_value() if settings.control_token else secrets.token_urlsafe(32)

    def face(environment: Environment) -> ASGIApp:
        return _HeadAsGet(
            RegistryFace(
                environment=environment,
                runs=runs,
                register=register,
                clock=clock,
                started_with=switches,
            )
        )

    def desk_now() -> datetime:
        return runs.get(DEFAULT_RUN).clock.now()  # no run has the desk

    desk = AccountDependencies(
        runs=runs,
        register=register,
        desk=Desk(register, secret_seed=secret, now=desk_now, stamp=DeskSigner(secret)),
        secret_seed=secret,
        switches=switches,
    )

    return MockRegistry(
        test=face(Environment.TEST),
        official=face(Environment.OFFICIAL),
        control=MarkedAsTestData(
            _HeadAsGet(BodyLimit(_BuiltWhenAsked(lambda: _control_face(desk, people, token, clock))))
        ),
        control_token=token,
        runs=runs,
        register=register,
        clock=clock,
        secret_seed=secret,
    )


@dataclass(frozen=True, slots=True)
class _HeadAsGet:
    """Middleware that answers `HEAD` as `GET`; the server sends no body after it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        await self.app(asked, receive, send)


class _BuiltWhenAsked:
    """The control face takes longer to build than all the rest, and most in-process mocks are never asked by it.

    A server asks at its start (lifespan), so that no request waits for it.
    """

    def __init__(self, build: Callable[[], FastAPI]) -> None:
        self._build = build
        self._app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)


def _control_face(
    desk: AccountDependencies, personas: tuple[Persona, ...], token: str, clock: Clock
) -> FastAPI:
    app = FastAPI(
        title="mock-c06 control face",
        version=__version__,
        description="TEST DATA ONLY: every person, number and secret is synthetic.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the framework's redirect would go to whatever the caller's Host says
    )
    install_control(app, desk, personas=personas, token=token, clock=clock)
    return app


def build_login(mock: MockRegistry, *, issuer: str) -> ASGIApp:
    """Build the stand-in for the national login; `issuer` is the address that it listens on."""

    def build() -> FastAPI:
        # Authlib and Jinja take longer to load than all the rest, and most mocks are never signed in at.
        from mock_c06.login.holders import list_holders  # noqa: PLC0415 - as said
        from mock_c06.login.issuer import Issuer  # noqa: PLC0415 - as said
        from mock_c06.login.issuer_web import install_issuer  # noqa: PLC0415 - as said

        app = FastAPI(
            title="mock-c06 login", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
            redirect_slashes=False,
        )  # fmt: skip
        holders = list_holders(load_personas(), mock.register.everybody())
        install_issuer(app, Issuer(issuer, seed=mock.secret_seed, clock=mock.clock), holders)
        return app

    return MarkedAsTestData(_HeadAsGet(BodyLimit(_BuiltWhenAsked(build), most=64 * 1024, forms_only=True)))
