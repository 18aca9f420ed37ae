"""`mock-c06 serve`: put the mock together as asked, and answer until Ctrl-C.

Refuses to listen where it could be mistaken for the registry: on no loopback address unless told, under no
official-looking name at all.
"""

import ipaddress
import shlex
import ssl
import sys
from pathlib import Path
from typing import Annotated

import typer

from mock_c06.app import DEFAULT_SEED, MockRegistry, build_mock
from mock_c06.control.fault_json import PlanBody
from mock_c06.control.given_files import read_people, read_plan
from mock_c06.control.named_accounts import NamedAccounts
from mock_c06.desk.switches import parse_switches
from mock_c06.errors import AccountUnknown, StartRefused, SwitchUnknown
from mock_c06.population_cli import People, Population, make_nation
from mock_c06.runs.run import DEFAULT_RUN
from mock_c06.serving import Face, bind, serve
from mock_c06.settings import read_settings
from mock_c06.wire.official_names import UnderNoOfficialName, looks_official

LOOPBACK = "127.0.0.1"
BANNER = "mock-c06: TEST DATA ONLY. A mock of the population registry; every person in it is synthetic."
WorldSeed = Annotated[
    str, typer.Option(help="Seed of people, and of secrets unless MOCK_C06_SECRET_SEED is set.")
]


def serve_command(
    host: Annotated[str, typer.Option(help="Address of the registry's two faces.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Test environment; 0 is any free.")] = 8100,
    official_port: Annotated[int, typer.Option(min=0, max=65535, help="Official environment.")] = 8110,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Control face, on loopback.")] = 8101,
    population: Population = 0,
    seed: WorldSeed = DEFAULT_SEED,
    plan: Annotated[Path | None, typer.Option(help="Faults for the run default: TOML or JSON.")] = None,
    people: People = None,
    allow_public: Annotated[bool, typer.Option("--allow-public", help="Let --host be no loopback.")] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="Answer over TLS: certificate, chain and key in one PEM file.")
    ] = None,
    switch: Annotated[
        list[str] | None,
        typer.Option("--switch", metavar="NAME[=true|false]", help="Another guess about C06; repeatable."),
    ] = None,
) -> None:
    """Answer as the registry until Ctrl-C.

    \b
    Examples:
      mock-c06 serve
      mock-c06 serve --port 0 --official-port 0 --control-port 0
      mock-c06 serve --plan slow-morning.toml
      mock-c06 serve --people our-people.json
      mock-c06 serve --certificate registry.pem
      mock-c06 serve --switch seconds --switch split_name
      mock-c06 serve --population 1000000 --seed 7
    """
    _require_place(host, allow_public=allow_public)
    _require_certificate(certificate)
    planned = read_plan(plan) if plan is not None else None
    try:
        switches = parse_switches(switch or ())
    except SwitchUnknown as unknown:
        raise StartRefused(f"{unknown}: see mock-c06 parity") from unknown
    settings = read_settings()
    mock = build_mock(
        settings,
        seed=seed,
        switches=switches,
        nation=make_nation(population, seed),
        own_people=read_people(people) if people is not None else (),
    )
    if plan is not None and planned is not None:
        _plan(mock, planned, plan)
    faces = [
        Face(name=name, app=UnderNoOfficialName(app), listener=bind(host, number), certificate=certificate)
        for name, app, number in (("test", mock.test, port), ("official", mock.official, official_port))
    ]
    faces += [
        Face(name="control", app=mock.control, listener=bind(LOOPBACK, control_port)),
    ]
    unusual_seed = None if settings.secret_seed or seed == DEFAULT_SEED else seed
    serve(faces, ready=lambda: _announce(faces, token=mock.control_token, unusual_seed=unusual_seed))


def _plan(mock: MockRegistry, planned: PlanBody, file: Path) -> None:
    run = mock.runs.get(DEFAULT_RUN)
    try:
        NamedAccounts(mock.register).verify(run, planned.named_accounts())
    except AccountUnknown as unknown:
        raise StartRefused(
            f"plan {file}: {unknown.field}: {unknown.detail}: see mock-c06 accounts"
        ) from unknown
    run.faults.put(planned.name, [fault.make() for fault in planned.faults])
    for futility in planned.find_futile():
        print(f"mock-c06: plan {file}: {futility}", file=sys.stderr)


def _announce(faces: list[Face], *, token: str, unusual_seed: str | None) -> None:
    """Say where it listens, and how the secrets are listed where they aren't the usual ones."""
    print(BANNER)
    for face in faces:
        secret = f" token={token}" if face.name == "control" else ""
        print(f"{face.name}: {face.address}{secret}", flush=True)
    if unusual_seed is not None:
        print(f"accounts: mock-c06 accounts --seed {shlex.quote(unusual_seed)}", flush=True)


def _require_place(host: str, *, allow_public: bool) -> None:
    if looks_official(host):
        raise StartRefused(f"{host} looks like an official name: a mock does not listen there")
    if not allow_public and not _is_loopback(host):
        raise StartRefused(f"{host} is no loopback address: add --allow-public to listen there all the same")


def _require_certificate(file: Path | None) -> None:
    if file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, password=_no_password)
    except (OSError, ValueError):  # an ssl.SSLError too
        raise StartRefused(
            f"--certificate {file}: a PEM file with certificate, chain and key (no password) is expected"
        ) from None


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal."""
    raise ValueError


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
