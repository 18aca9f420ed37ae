"""Where the mock's parts meet: two registry faces, one for each environment, and the control face.

Building has no effect outside: nothing is bound or read from the environment. Tests call it too, and speak to
the apps in-process.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06 import __version__
from mock_c06.clock import Clock, SystemClock
from mock_c06.control.bounds import BoundedBodies
from mock_c06.control.desk_web import DeskParts
from mock_c06.control.web import ControlParts, install_control
from mock_c06.desk.accounts import Environment
from mock_c06.desk.counter import Counter
from mock_c06.desk.issuing import Desk
from mock_c06.desk.ready_made import ready_made
from mock_c06.desk.register import Register
from mock_c06.desk.stamp import Stamp
from mock_c06.desk.switches import AS_BUILT, Switches
from mock_c06.nation.nation import Nation
from mock_c06.population.model import Person
from mock_c06.population.personas import load_personas
from mock_c06.population.world_index import WorldIndex
from mock_c06.runs.run import DefaultRunClock, Runs
from mock_c06.settings import Settings
from mock_c06.wire.exchange import Exchange
from mock_c06.wire.face import RegistryFace
from mock_c06.wire.marking import SaysTestData
from mock_c06.wire.token_call import TokenDesk
from mock_c06.wire.wsdl import load_wsdl

DEFAULT_SEED = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MockRegistry:
    """The three ASGI apps, and the token that opens the third."""

    test: ASGIApp
    official: ASGIApp
    control: ASGIApp
    control_token: str
    runs: Runs
    register: Register


def secret_seed(settings: Settings, seed: str = DEFAULT_SEED) -> str:
    """Say which seed secrets come from: the setting wins over the command's option."""
    return settings.secret_seed or seed


def build_mock(
    settings: Settings,
    *,
    clock: Clock | None = None,
    seed: str = DEFAULT_SEED,
    switches: Switches = AS_BUILT,
    nation: Nation | None = None,
    own_people: Iterable[Person] = (),
) -> MockRegistry:
    """Build a whole mock registry that shares nothing with another. One's own people take the place of whoever had
    their numbers."""
    clock = clock or SystemClock()
    secret = secret_seed(settings, seed)
    register = Register(account.with_switches(switches) for account in ready_made(secret))
    people = load_personas()
    held = chain((persona.person for persona in people), own_people)
    runs = Runs(base=WorldIndex(held, beyond=nation), clock=clock)
    token = settings.control_token.get_secret_value() if settings.control_token else secrets.token_urlsafe(32)
    wsdl = load_wsdl()

    def face(environment: Environment) -> RegistryFace:
        return RegistryFace(
            environment=environment,
            runs=runs,
            exchange=Exchange(register),
            tokens=TokenDesk(register),
            clock=clock,
            wsdl=wsdl,
        )

    desk_clock = DefaultRunClock(runs)
    issuing = Desk(register, secret_seed=secret, clock=desk_clock)
    desk = DeskParts(
        runs=runs,
        register=register,
        desk=issuing,
        counter=Counter(issuing, register, clock=desk_clock, stamp=Stamp(secret)),
        clock=desk_clock,
        secret_seed=secret,
        switches=switches,
    )
    parts = ControlParts(runs=runs, desk=desk, personas=people, token=token)
    return MockRegistry(
        test=face(Environment.TEST),
        official=face(Environment.OFFICIAL),
        control=SaysTestData(BoundedBodies(_BuiltWhenAsked(lambda: _control_face(parts)))),
        control_token=token,
        runs=runs,
        register=register,
    )


class _BuiltWhenAsked:
    """The control face takes longer to build than all the rest, and most in-process mocks are never asked by it.

    A server asks at its start (lifespan), so that no request waits for it.
    """

    def __init__(self, build: Callable[[], FastAPI]) -> None:
        self._build = build
        self._app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)


def _control_face(parts: ControlParts) -> FastAPI:
    app = FastAPI(
        title="mock-c06 control face",
        version=__version__,
        description="TEST DATA ONLY: every person, number and secret is synthetic.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the framework's redirect leads wherever the caller's Host says
    )
    install_control(app, parts)
    return app
