"""`gateway accounts officers`: who may be named by an account. Ids come by stdin or file, never by argv."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.accounts.model import parse_officer
from gateway.accounts.propose_cli import find_actor, propose_on_account
from gateway.accounts.use_cases import add_officers, disable_officers, get_account
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, read_lines, read_stdin, run

_EXAMPLE = "Example: echo can.bo.01 | gateway accounts officers {word} acc_…"

ClientIdArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID")]


def add_officer_commands(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add the group `officers` to the commands on accounts."""
    officers = new_typer("Officers that an account may name; ids by stdin, a line each.")
    app.add_typer(officers, name="officers")

    @officers.command("add", epilog=_EXAMPLE.format(word="add"))
    def add(client_id: ClientIdArgument, *, as_json: AsJson = False) -> None:
        """Let officers be named by the account; on official propose it, as a proposer who is signed in."""
        ids = parse_officers(read_stdin())

        async def work() -> bool:
            async with open_gateway() as gateway:
                account = await get_account(gateway.parts, client_id)
                if await find_actor(gateway, account) is not None:
                    return False
                await add_officers(gateway.parts, gateway.places[account.profile], account, ids)
                return True

        if not run(work()):
            body = {"kind": "account_officers", "client_id": client_id, "officers": ids}
            propose_on_account(open_gateway, body, as_json=as_json)
        elif as_json:
            print_json({"added": len(ids)})
        else:
            typer.echo(f"{len(ids)} added")

    @officers.command("disable", epilog=_EXAMPLE.format(word="disable"))
    def disable(client_id: ClientIdArgument) -> None:
        """Forbid officers from now on; on official as any operator but a viewer."""
        ids = parse_officers(read_stdin())

        async def work() -> None:
            async with open_gateway() as gateway:
                account = await get_account(gateway.parts, client_id)
                by = await find_actor(gateway, account)
                await disable_officers(gateway.parts, gateway.places[account.profile], account, ids, by=by)

        run(work())
        typer.echo(f"{len(ids)} disabled")


def read_officers_file(path: Path) -> list[str]:
    """Return the ids of a file; one line and exit 1 where it can't be read or has another form."""
    try:
        return parse_officers(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        fail(f"{path}: can't be read as UTF-8 text")


def parse_officers(text: str) -> list[str]:
    """Return officers' ids, one a line; one line and exit 1 for another form, without repeating it."""
    ids = list(dict.fromkeys(read_lines(text)))
    if not ids:
        fail("officers: one id a line is expected")
    try:
        return [parse_officer(officer) for officer in ids]
    except ValueError as error:
        fail(f"officers: one id a line, each {error}")
