"""`mock-c06`: start the mock registry, list its people and accounts, explain why a claim doesn't match.

Personal data comes by stdin, never by an argument. Prints no escapes, so that its lines are the same everywhere.
"""

import ipaddress
import json
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mock_c06 import __version__
from mock_c06.app import DEFAULT_SEED, build_mock, secret_seed
from mock_c06.control.accounts_json import account_json
from mock_c06.control.bodies import persona_json
from mock_c06.control.fault_json import plan_schema
from mock_c06.control.plan_file import read_plan
from mock_c06.desk.ready_made import ready_made
from mock_c06.desk.switches import parse_switches
from mock_c06.errors import StartRefused, SwitchUnknown
from mock_c06.explain_cli import explain_command
from mock_c06.parity.ledger import behaviour_json, load_ledger
from mock_c06.population.personas import load_personas
from mock_c06.population_cli import Population, install_population, make_nation
from mock_c06.recording.cli import record_command, replay_command
from mock_c06.report_cli import report_command
from mock_c06.runs.faults import Kind
from mock_c06.runs.run import DEFAULT_RUN
from mock_c06.serving import Face, bind, serve
from mock_c06.settings import read_settings
from mock_c06.wire.official_names import UnderNoOfficialName, looks_official

COLUMNS = 80
LOOPBACK = "127.0.0.1"
BANNER = "mock-c06: TEST DATA ONLY. A mock of the population registry; every person in it is synthetic."
_EXAMPLES = """A mock of C06's population registry, with synthetic people only.

\b
Examples:
  mock-c06 serve --port 8100 --official-port 8110 --control-port 8101
  mock-c06 personas --json
  mock-c06 accounts --json
  mock-c06 population sample --where "age>80" --count 50 --json
  echo '{"citizen_id": "001090000123", "full_name": "Nguyễn Văn An",
         "birth_date": "1990-01-31"}' | mock-c06 explain
"""

app = typer.Typer(
    help=_EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("explain")(explain_command)
app.command("record")(record_command)
app.command("report")(report_command)
app.command("replay")(replay_command)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]
Seed = Annotated[str, typer.Option(help="Seed of secrets; MOCK_C06_SECRET_SEED wins over it.")]
WorldSeed = Annotated[
    str, typer.Option(help="Seed of people, and of secrets unless MOCK_C06_SECRET_SEED is set.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mock-c06 {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Address of the registry's two faces.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Test environment; 0 is any free.")] = 8100,
    official_port: Annotated[int, typer.Option(min=0, max=65535, help="Official environment.")] = 8110,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Control face, on loopback.")] = 8101,
    population: Population = 0,
    seed: WorldSeed = DEFAULT_SEED,
    plan: Annotated[Path | None, typer.Option(help="Faults for the run default: TOML or JSON.")] = None,
    allow_public: Annotated[bool, typer.Option("--allow-public", help="Let --host be no loopback.")] = False,
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
      mock-c06 serve --switch seconds --switch split_name
      mock-c06 serve --population 1000000 --seed 7
    """
    if looks_official(host):
        raise StartRefused(f"{host} looks like an official name: a mock does not listen there")
    if not allow_public and not _is_loopback(host):
        raise StartRefused(f"{host} is no loopback address: add --allow-public to listen there all the same")
    planned = read_plan(plan) if plan is not None else None
    try:
        switches = parse_switches(switch or ())
    except SwitchUnknown as unknown:
        raise StartRefused(f"{unknown}: see mock-c06 parity") from unknown
    settings = read_settings()
    mock = build_mock(settings, seed=seed, switches=switches, nation=make_nation(population, seed))
    if planned is not None:
        mock.runs.get(DEFAULT_RUN).faults.put(planned.name, [fault.make() for fault in planned.faults])
    faces = [
        Face(name="test", app=UnderNoOfficialName(mock.test), listener=bind(host, port)),
        Face(name="official", app=UnderNoOfficialName(mock.official), listener=bind(host, official_port)),
        Face(name="control", app=mock.control, listener=bind(LOOPBACK, control_port)),
    ]

    def announce() -> None:
        test, official, control = (face.address for face in faces)
        print(BANNER)
        print(f"test: {test}")
        print(f"official: {official}")
        print(f"control: {control} token={mock.control_token}", flush=True)
        if settings.secret_seed is None and seed != DEFAULT_SEED:
            print(f"accounts: mock-c06 accounts --seed {shlex.quote(seed)}", flush=True)

    serve(faces, ready=announce)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@app.command("personas")
def personas_command(as_json: AsJson = False) -> None:
    """List the hand-made people and why each exists.

    \b
    Examples:
      mock-c06 personas
      mock-c06 personas --json
    """
    people = [persona_json(persona) for persona in load_personas()]
    rows = [
        (f"{p['slug']}  {p['citizen_id'] or p['id_card_number']}  {p['full_name']}", p["why"]) for p in people
    ]
    _print(people, rows, as_json=as_json)


@app.command("accounts")
def accounts_command(as_json: AsJson = False, seed: Seed = DEFAULT_SEED) -> None:
    """List the ready-made accounts; their secrets are synthetic and shown.

    \b
    Examples:
      mock-c06 accounts --json
      mock-c06 accounts --seed 7
    """
    accounts = [account_json(account) for account in ready_made(secret_seed(read_settings(), seed))]
    rows = [
        (f"{a['name']}  {a['environment']}  {a['status']}  {a['dialect']}", f"secret {a['secret']}")
        for a in accounts
    ]
    _print(accounts, rows, as_json=as_json)


@app.command("faults")
def faults_command(
    as_json: AsJson = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a plan instead.")
    ] = False,
) -> None:
    """List the kinds of misbehaviour that a plan can hold.

    \b
    Examples:
      mock-c06 faults
      mock-c06 faults --schema > plan-schema.json
      mock-c06 serve --plan examples/fault-plans/slow-morning.toml
    """
    if schema:
        print(json.dumps(plan_schema(), ensure_ascii=False, indent=2))
        return
    _print([kind.value for kind in Kind], [(kind.value, "") for kind in Kind], as_json=as_json)


@app.command("parity")
def parity_command(as_json: AsJson = False) -> None:
    """List what is imitated of C06 and what is guessed, each with its source, tests and switch.

    \b
    Examples:
      mock-c06 parity
      mock-c06 parity --json
      mock-c06 serve --switch hyphen_dates
    """
    ledger = load_ledger()
    rows = [
        (f"{b.id}  {b.mark}" + (f"  switch {b.switch}" if b.switch else ""), f"{b.claim} ({b.source})")
        for b in ledger
    ]
    _print([behaviour_json(behaviour) for behaviour in ledger], rows, as_json=as_json)


install_population(app)


def _print(value: Sequence[Any], rows: Sequence[tuple[str, str]], *, as_json: bool) -> None:
    """Print the JSON array, or for each row its line with what is to be said of it below, in 80 columns."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return
    for line, below in rows:
        print(line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…")
        for wrapped in textwrap.wrap(below, COLUMNS - 4, break_on_hyphens=False):
            print(f"    {wrapped}")
