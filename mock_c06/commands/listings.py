"""`mock-c06 personas`, `accounts`, `faults` and `parity`: what the mock has, as tables or JSON."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mock_c06.accounts.register import DEFAULT_SEED
from mock_c06.commands.lines import print_wrapped

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]
Seed = Annotated[str, typer.Option(help="Seed of secrets, unless MOCK_C06_SECRET_SEED is set.")]


def personas_command(as_json: AsJson = False) -> None:
    """List the hand-made people, the expected verdict of each, and why each exists.

    \b
    Examples:
      mock-c06 personas
      mock-c06 personas --json
    """
    from mock_c06.control.people_json import persona_json
    from mock_c06.people.personas import load_personas

    people = [persona_json(persona) for persona in load_personas()]
    rows = [
        (
            "  ".join([p["slug"], p["citizen_id"] or p["id_card_number"], _birth(p), p["full_name"]]),
            f"{'confirmed' if p['expect']['confirmed'] else 'not confirmed'}: {p['why']}",
        )
        for p in people
    ]
    _print(people, rows, as_json=as_json)


def _birth(persona: Any) -> str:
    return str(persona["birth_date"] or persona["birth_year"])


def accounts_command(as_json: AsJson = False, seed: Seed = DEFAULT_SEED) -> None:
    """List the ready-made accounts; their secrets are synthetic and shown.

    \b
    Examples:
      mock-c06 accounts --json
      mock-c06 accounts --seed 7
    """
    from mock_c06.accounts.register import ready_made_accounts
    from mock_c06.control.accounts_json import account_json
    from mock_c06.settings import read_settings

    accounts = [
        account_json(account) for account in ready_made_accounts(read_settings().seed_of_secrets(seed))
    ]
    rows = [
        (f"{a['name']}  {a['environment']}  {a['status']}  {a['dialect']}", f"secret {a['secret']}")
        for a in accounts
    ]
    _print(accounts, rows, as_json=as_json)


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
    from mock_c06.faults.kinds import KINDS

    if schema:
        from mock_c06.control.faults_web import plan_schema

        print(json.dumps(plan_schema(), ensure_ascii=False, indent=2))
        return
    rows = [(kind.name, kind.description) for kind in KINDS.values()]
    _print([{"kind": name, "does": does} for name, does in rows], rows, as_json=as_json)


def parity_command(as_json: AsJson = False) -> None:
    """List what is imitated of C06 and what is guessed, each with its source, tests and switch.

    \b
    Examples:
      mock-c06 parity
      mock-c06 parity --json
      mock-c06 serve --switch hyphen_dates
    """
    from mock_c06.parity.ledger import behaviour_json, load_ledger

    ledger = load_ledger()
    rows = [
        (f"{b.id}  {b.mark}" + (f"  switch {b.switch}" if b.switch else ""), f"{b.claim} ({b.source})")
        for b in ledger
    ]
    _print([behaviour_json(behaviour) for behaviour in ledger], rows, as_json=as_json)


def _print(value: Sequence[Any], rows: Sequence[tuple[str, str]], *, as_json: bool) -> None:
    """Print the JSON array, or each row as a line and an indented text below it."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return
    for line, below in rows:
        print_wrapped(line)
        print_wrapped(f"    {below}", indent=4)
