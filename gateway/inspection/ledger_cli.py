"""`gateway audit ledger`: the whole ledger of a person, for a signed-in data-protection officer.

The number comes by stdin, since an argument is visible to every user of the machine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.identifiers import Language, Profile
from gateway.terminal import (
    AsJson,
    OpenGateway,
    fail,
    print_json,
    print_wrapped,
    problem_titles,
    read_lines,
    read_stdin,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.inspection.ledger import WholeLedger
    from gateway.profiles.model import Gateway

_EXAMPLE = """\b
Example:
  printf '%s\\n' 001090000123 |
      gateway audit ledger --reason 'Đơn của công dân số 12/2022'"""


def add_command(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add the command to the group `audit`."""

    @app.command("ledger", epilog=_EXAMPLE)
    def ledger_command(
        *,
        reason: Annotated[
            str, typer.Option("--reason", metavar="TEXT", help="Why; else the second line on stdin.")
        ] = "",
        profile: Annotated[Profile | None, typer.Option(help="Only this profile; default: both.")] = None,
        language: Annotated[Language, typer.Option("--lang", help="Of the text.")] = Language.VI,
        as_json: AsJson = False,
    ) -> None:
        """Print who asked about a person: all organisations, and the fields that the person disputed.

        Stdin has the number of twelve digits. Needs a signed-in operator with the role
        data_protection. Each reading is a row with the reason, which the ledger shows too.
        """
        from gateway.inspection.ledger import ledger_json, ledger_text
        from gateway.procedures.catalogue import load_catalogue

        number, why = _read(reason)

        async def read(gateway: Gateway) -> WholeLedger:
            from gateway.inspection.ledger import inspect_ledger
            from gateway.operators.sessions import operator_of

            profiles = list(Profile) if profile is None else [profile]
            return await inspect_ledger(gateway, await operator_of(gateway), number, why, profiles=profiles)

        found = run_in_gateway(open_gateway, read)
        if as_json:
            print_json(ledger_json(found))
        else:
            titles = problem_titles(language)
            print_wrapped(ledger_text(found, load_catalogue(), language, titles))


def _read(reason: str) -> tuple[str, str]:
    """Return the number and the reason."""
    wanted = ["number of twelve digits"] if reason else ["number of twelve digits", "reason"]
    if sys.stdin.isatty():
        lines = [str(typer.prompt(name, err=True)) for name in wanted]
    else:
        lines = read_lines(read_stdin())
    if len(lines) != len(wanted):
        hint = "" if reason else " (or --reason TEXT)"
        fail(f"standard input: a line for each is expected: {', '.join(wanted)}{hint}")
    return lines[0], reason or lines[1]
