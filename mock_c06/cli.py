"""`mock-c06`: start the mock registry, list its people and accounts, explain why a claim doesn't match.

Personal data comes by stdin, never by an argument. Prints no escapes, so that its lines are the same everywhere.
"""

import json
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mock_c06 import __version__
from mock_c06.app import DEFAULT_SEED, secret_seed
from mock_c06.control.accounts_json import account_json
from mock_c06.control.bodies import persona_json
from mock_c06.control.fault_json import plan_schema
from mock_c06.desk.ready_made import ready_made
from mock_c06.explain_cli import explain_command
from mock_c06.parity.ledger import behaviour_json, load_ledger
from mock_c06.population.personas import load_personas
from mock_c06.population_cli import install_population
from mock_c06.recording.cli import record_command, replay_command
from mock_c06.report_cli import report_command
from mock_c06.runs.fault_words import DOES
from mock_c06.runs.faults import Kind
from mock_c06.serve_cli import serve_command
from mock_c06.settings import read_settings

COLUMNS = 80
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
app.command("serve")(serve_command)
app.command("explain")(explain_command)
app.command("record")(record_command)
app.command("report")(report_command)
app.command("replay")(replay_command)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]
Seed = Annotated[str, typer.Option(help="Seed of secrets; MOCK_C06_SECRET_SEED wins over it.")]


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
    """List the kinds of misbehaviour that a plan can hold, and what each does.

    \b
    Examples:
      mock-c06 faults
      mock-c06 faults --schema > plan-schema.json
      mock-c06 serve --plan examples/fault-plans/slow-morning.toml
    """
    if schema:
        print(json.dumps(plan_schema(), ensure_ascii=False, indent=2))
        return
    _print([kind.value for kind in Kind], [(kind.value, DOES[kind]) for kind in Kind], as_json=as_json)


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
