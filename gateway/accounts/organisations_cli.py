"""`gateway organisations`: the agencies that have accounts."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    check_name,
    fail,
    new_typer,
    print_list,
    print_result,
    run_in_gateway,
    run_in_store,
)

_ORGANISATION = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}")


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on organisations; adding one may begin a store."""
    app = new_typer("Agencies that have accounts.")

    @app.command("add", epilog='Example: gateway organisations add 000.00.01.H26 "UBND TP Hà Nội"')
    def add(
        organisation: Annotated[str, typer.Argument(metavar="ID", help="The agency's e-id.")],
        name: Annotated[str, typer.Argument(help="Its name.")],
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Add an agency by its e-id (QĐ 20/2020/QĐ-TTg)."""
        from gateway.accounts.use_cases import add_organisation

        check_name(name)
        if not _ORGANISATION.fullmatch(organisation):
            fail("ID is an agency's e-id (QĐ 20/2020/QĐ-TTg), such as 000.00.01.H26, never a person's number")
        made = run_in_gateway(
            open_gateway,
            lambda gateway: add_organisation(gateway.deps, organisation, name.strip()),
            make=True,
            dry_run=dry_run,
        )
        print_result({"id": made.id, "name": made.name}, f"added {made.id}", as_json=as_json)

    @app.command("list", epilog="Example: gateway organisations list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the agencies."""
        from gateway.accounts.store import list_organisations

        found = run_in_store(open_gateway, list_organisations)
        rows = [{"id": each.id, "name": each.name} for each in found]
        print_list(rows, ("id", "name"), as_json=as_json)

    return app
