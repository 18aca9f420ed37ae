"""`mock-c06 serve`: build the mock and answer until Ctrl-C.

Nobody must take it for the registry: it listens on other than loopback addresses only with --allow-public, and never
under a name that looks official.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mock_c06.accounts.model import Switches, parse_switches
from mock_c06.accounts.register import DEFAULT_SEED
from mock_c06.commands.population import People, Population, WorldSeed, make_generated
from mock_c06.errors import AccountUnknown, StartRefused

if TYPE_CHECKING:
    import socket

    from mock_c06.app import MockRegistry
    from mock_c06.control.faults_web import PlanBody
    from mock_c06.settings import Settings

LOOPBACK = "127.0.0.1"
USUAL_PORTS = (8100, 8110, 8101)
LOGIN_PORT = 8102
BANNER = "mock-c06: TEST DATA ONLY. A mock of the population registry; every person in it is synthetic."
ControlHost = Annotated[
    str, typer.Option(help="Address of the control face, so that another container can steer it.")
]
SwitchNames = Annotated[
    list[str] | None,
    typer.Option(
        "--switch", metavar="NAME[=true|false]", help="Another form of C06's behaviour; repeatable."
    ),
]
LoginPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Stand-in for the national login, on loopback; 8102 beside the usual ports, else none.",
    ),
]


def serve_command(
    host: Annotated[str, typer.Option(help="Address of the registry's two faces.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Test environment; 0 is any free.")] = 8100,
    official_port: Annotated[int, typer.Option(min=0, max=65535, help="Official environment.")] = 8110,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Control face.")] = 8101,
    control_host: ControlHost = LOOPBACK,
    login_port: LoginPort = None,
    population: Population = 0,
    seed: WorldSeed = DEFAULT_SEED,
    plan: Annotated[Path | None, typer.Option(help="Faults for the run default: TOML or JSON.")] = None,
    people: People = None,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Allow a --host or --control-host that is not loopback.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="Answer over TLS: certificate, chain and key in one PEM file.")
    ] = None,
    switch: SwitchNames = None,
) -> None:
    """Answer as the registry until Ctrl-C.

    \b
    Examples:
      mock-c06 serve
      mock-c06 serve --port 0 --official-port 0 --control-port 0 --login-port 0
      mock-c06 serve --plan slow-morning.toml
      mock-c06 serve --control-host 0.0.0.0 --allow-public
      mock-c06 serve --people our-people.json
      mock-c06 serve --certificate registry.pem
      mock-c06 serve --switch seconds --switch split_name
      mock-c06 serve --population 1000000 --seed 7
    """
    from mock_c06.commands.start_files import read_plan
    from mock_c06.settings import read_settings

    for place in (host, control_host):
        _require_place(place, allow_public=allow_public)
    _require_certificate(certificate)
    planned = read_plan(plan) if plan is not None else None
    settings = read_settings()
    mock = _build(settings, seed, population, people, parse_switches(switch or ()))
    if plan is not None and planned is not None:
        _plan(mock, planned, plan)
    usual_seed = settings.secret_seed or seed == DEFAULT_SEED
    listen(
        mock,
        host=host,
        control_host=control_host,
        ports=(port, official_port, control_port),
        login_port=login_port,
        certificate=certificate,
        banner=BANNER,
        without_login="login: none; --login-port 0 starts one on a free port",
        closing=None if usual_seed else f"accounts: mock-c06 accounts --seed {shlex.quote(seed)}",
    )


def _build(
    settings: Settings, seed: str, population: int, people: Path | None, switches: Switches
) -> MockRegistry:
    from mock_c06.app import build_mock
    from mock_c06.commands.start_files import read_people

    own_people = read_people(people) if people is not None else ()
    generated = make_generated(population, seed)
    return build_mock(settings, seed=seed, switches=switches, generated=generated, own_people=own_people)


def listen(
    mock: MockRegistry,
    *,
    host: str,
    ports: tuple[int, int, int],
    banner: str,
    closing: str | None,
    login_port: int | None = None,
    control_host: str = LOOPBACK,
    certificate: Path | None = None,
    without_login: str | None = None,
) -> None:
    """Answer on every face until Ctrl-C; print the banner, the addresses and the closing line once they listen.

    Where no login is started, `without_login` is printed in its place.
    """
    from mock_c06.app import build_login
    from mock_c06.server import Face, OfficialHostRefusal, bind, serve

    registry = (
        ("test", mock.test, ports[0], "--port"),
        ("official", mock.official, ports[1], "--official-port"),
    )
    faces = [
        Face(
            name=name,
            app=OfficialHostRefusal(app),
            listener=bind(host, port, option=option),
            certificate=certificate,
        )
        for name, app, port, option in registry
    ]
    control = bind(control_host, ports[2], option="--control-port")
    faces.append(Face(name="control", app=mock.control, listener=control))
    login = _bind_login(login_port, beside=ports)
    if login is not None:
        issuer = f"http://{LOOPBACK}:{login.getsockname()[1]}"
        faces.append(Face(name="login", app=build_login(mock, issuer=issuer), listener=login))

    def announce() -> None:
        print(banner)
        for face in faces:
            token = f" token={mock.control_token}" if face.name == "control" else ""
            print(f"{face.name}: {face.address}{token}", flush=True)
        for line in (without_login if login is None else None, closing):
            if line is not None:
                print(line, flush=True)

    serve(faces, ready=announce)


def _bind_login(port: int | None, *, beside: tuple[int, int, int]) -> socket.socket | None:
    """Bind the login's port: the named one, or the usual one beside the usual three; else there is no login."""
    from mock_c06.server import bind

    if port is None and beside != USUAL_PORTS:
        return None
    option = "--login-port (of mock-c06 serve; any other --port starts without a login)"
    return bind(LOOPBACK, LOGIN_PORT if port is None else port, option=option)


def _plan(mock: MockRegistry, planned: PlanBody, file: Path) -> None:
    from mock_c06.control.accounts_json import verify_accounts
    from mock_c06.runs.run import DEFAULT_RUN

    run = mock.runs.get(DEFAULT_RUN)
    try:
        verify_accounts(run, mock.register, planned.named_accounts())
    except AccountUnknown as unknown:
        raise StartRefused(
            f"plan {file}: {unknown.field}: {unknown.detail}: see mock-c06 accounts"
        ) from unknown
    run.faults.put(planned.name, planned.faults)
    for futility in planned.find_futile():
        print(f"mock-c06: plan {file}: {futility}", file=sys.stderr)


def _require_place(host: str, *, allow_public: bool) -> None:
    from mock_c06.server import looks_official

    if looks_official(host):
        raise StartRefused(f"{host} looks like an official name: a mock does not listen there")
    if not allow_public and not _is_loopback(host):
        raise StartRefused(f"{host} is not a loopback address: add --allow-public to listen there")


def _require_certificate(file: Path | None) -> None:
    import ssl

    if file is None:
        return
    if file.is_fifo() or file.is_char_device():  # it is read several times
        raise StartRefused(f"--certificate {file}: a file is expected, not a pipe or a device")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, password=_no_password)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise StartRefused(f"--certificate {file}: {error.strerror}") from None
    except (OSError, ValueError):  # includes ssl.SSLError
        raise StartRefused(
            f"--certificate {file}: a PEM file with certificate, chain and key (no password) is expected"
        ) from None


def _no_password() -> str:
    """Prevent OpenSSL from asking for a password at the terminal."""
    raise ValueError


def _is_loopback(host: str) -> bool:
    import ipaddress

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
