"""`gateway accounts promote`: propose an official account that comes from a sandbox one. See docs/decisions/0057."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.accounts.grants import ANY, make_grant
from gateway.accounts.officers_cli import read_officers_file
from gateway.changes.printing import print_change
from gateway.terminal import AsJson, OpenGateway, fail, read_json_file, run


def add_promote(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add the command to those on accounts."""

    @app.command(
        "promote",
        epilog="\b\nExamples:\n  gateway accounts promote acc_… --public-key official.jwks.json \\\n"
        "      --officers-file officers.txt\n"
        "  gateway accounts promote acc_… --public-key official.jwks.json \\\n"
        "      --procedure khai-sinh --field full_name --field birth_date",
    )
    def promote(
        client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="A sandbox account's.")],
        *,
        public_key: Annotated[Path, typer.Option(help="JWK or JWK Set of the portal's own official key.")],
        officers_file: Annotated[Path | None, typer.Option(help="Officers' ids, a line each.")] = None,
        scope: Annotated[list[str] | None, typer.Option(help="Fewer than the sandbox account's.")] = None,
        procedure: Annotated[
            list[str] | None, typer.Option(help="Fewer: this one only; with --field.")
        ] = None,
        role: Annotated[list[str] | None, typer.Option(help="Fewer: this role only.")] = None,
        field: Annotated[list[str] | None, typer.Option(help="Fewer: this field only; repeat.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Propose an official account with this one's grants: a new client id, a new key.

        The sandbox account lives on. A second person approves: gateway profiles
        preflight, approve, activate CHANGE; the activation shows the client id.
        """
        from gateway.changes.cli_acts import Acts  # noqa: PLC0415 - slow to load

        body: dict[str, Any] = {
            "kind": "promote_account",
            "client_id": client_id,
            "public_key": read_json_file(public_key),
        }
        if officers_file:
            body["officers"] = list(read_officers_file(officers_file))
        if scope:
            body["scopes"] = scope
        if procedure or role or field:
            if not (procedure and field):
                fail("fewer grants are named whole: --procedure and --field, and --role where not all")
            body["authorization_details"] = make_grant(procedure, role or [ANY], field).to_details()
        print_change(run(Acts(open_gateway=open_gateway).propose(body)), as_json=as_json)
