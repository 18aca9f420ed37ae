"""`gateway organisations`: the agencies that hold accounts."""

import re
from typing import Annotated

import typer

from gateway.accounts import store
from gateway.accounts.use_cases import add_organisation
from gateway.identifiers import has_long_number
from gateway.terminal import AsJson, OpenGateway, check_name, fail, new_typer, print_json, print_table, run

_ORGANISATION = re.compile(r"[A-Za-z0-9._-]{1,64}")


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on organisations."""
    app = new_typer("Agencies that hold accounts.")

    @app.command("add", epilog='Example: gateway organisations add 000.00.01.H26 "UBND TP Hà Nội"')
    def add(
        organisation: Annotated[str, typer.Argument(metavar="ID", help="The agency's e-id.")],
        name: Annotated[str, typer.Argument(help="Its name.")],
        *,
        as_json: AsJson = False,
    ) -> None:
        """Add an agency by its e-id (QĐ 20/2020/QĐ-TTg)."""
        check_name(name)
        if not _ORGANISATION.fullmatch(organisation):
            fail("ID is 1 to 64 of A-Z a-z 0-9 . _ -")
        if has_long_number(organisation):
            fail("ID could be a person's number: no run of nine digits, no 9 or 12 digits in groups")

        async def work() -> None:
            async with open_gateway() as gateway:
                await add_organisation(gateway.parts, organisation, name.strip())

        run(work())
        print_json({"id": organisation, "name": name.strip()}) if as_json else typer.echo(
            f"added {organisation}"
        )

    @app.command("list", epilog="Example: gateway organisations list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the agencies."""

        async def work() -> list[dict[str, str]]:
            async with open_gateway() as gateway, gateway.parts.database.read() as connection:
                found = await store.list_organisations(connection)
            return [{"id": organisation.id, "name": organisation.name} for organisation in found]

        found = run(work())
        if as_json:
            print_json(found)
        else:
            print_table(("ID", "NAME"), [(row["id"], row["name"]) for row in found])

    return app
