"""`gateway accounts grant` and `scopes`: other rights of an account. On official a proposer proposes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.accounts.grants import ANY, Grants, make_grant
from gateway.accounts.model import SCOPES, Account
from gateway.accounts.propose_cli import ClientIdArgument, act_or_propose
from gateway.errors.operators import StateWrong
from gateway.terminal import AsJson, DryRun, OpenGateway, fail, print_result

if TYPE_CHECKING:
    from gateway.procedures.catalogue import Catalogue
    from gateway.profiles.model import Gateway

Procedures = Annotated[list[str] | None, typer.Option("--procedure", help="A slug; repeat for more.")]
AllProcedures = Annotated[bool, typer.Option("--all-procedures", help="Every procedure.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; repeat for more. Default: all.")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="A registry field; repeat for more.")]
AllFields = Annotated[bool, typer.Option("--all-fields", help="All except ethnicity and religion.")]

_OPTIONS = {"procedures": "--procedure", "subject_roles": "--role", "fields": "--field"}
_GRANT_EXAMPLES = """\b
Examples:
  gateway accounts grant acc_… --procedure khai-sinh --field full_name
  gateway accounts grant acc_… --all-procedures --all-fields --replace"""


def read_grants(
    procedures: list[str] | None,
    every: bool,
    roles: list[str] | None,
    fields: list[str] | None,
    all_fields: bool,
) -> Grants:
    """Return the grants that a command's options name; one line and exit 1 if they contradict each other."""
    if bool(procedures) == every:
        fail("give procedures (--procedure SLUG) or --all-procedures, one of the two")
    if fields and all_fields and set(fields) - {"ethnicity", "religion"}:
        fail(
            "--all-fields is every field except ethnicity and religion: with it, --field names only these two"
        )
    return make_grant(procedures or [ANY], roles or [ANY], [*(fields or []), *([ANY] if all_fields else [])])


def check_scopes(scopes: Sequence[str]) -> frozenset[str]:
    """Return the scopes; one line and exit 1 for an unknown one."""
    if unknown := set(scopes) - set(SCOPES):
        fail(f"--scope {min(unknown)}: one of {', '.join(SCOPES)} is expected")
    return frozenset(scopes)


def check_grants(catalogue: Catalogue, grants: Grants) -> None:
    """Raise `StateWrong` for a procedure, role or field that is not in the catalogue."""
    from gateway.accounts.use_cases import find_unknown

    if found := find_unknown(catalogue, grants):
        member, name = found
        raise StateWrong(f"{_OPTIONS[member]} {name}: not in the catalogue; see gateway procedures list")


def add_rights_commands(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add `grant` and `scopes` to the commands on accounts."""

    @app.command("grant", epilog=_GRANT_EXAMPLES)
    def grant(
        client_id: ClientIdArgument,
        *,
        procedure: Procedures = None,
        all_procedures: AllProcedures = False,
        role: Roles = None,
        field: Fields = None,
        all_fields: AllFields = False,
        replace: Annotated[
            bool, typer.Option("--replace", help="Replace the present grants; else they stay.")
        ] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Grant fields for procedures; live tokens end. On official propose it, as a signed-in proposer."""
        wanted = read_grants(procedure, all_procedures, role, field, all_fields)

        def merge(account: Account) -> Grants:
            return wanted if replace else Grants((*account.grants.entries, *wanted.entries))

        def propose(account: Account) -> dict[str, Any]:
            return {"kind": "account_rights", "authorization_details": merge(account).to_details()}

        async def change(gateway: Gateway, account: Account) -> Account:
            from gateway.accounts.use_cases import change_rights

            check_grants(gateway.deps.catalogue, wanted)
            return await change_rights(gateway.deps, account, grants=merge(account), scopes=account.scopes)

        found = act_or_propose(open_gateway, client_id, change, propose, as_json=as_json, dry_run=dry_run)
        if found is not None:
            _print_rights(found, as_json=as_json)

    @app.command("scopes", epilog="Example: gateway accounts scopes acc_… --scope verify --scope prefill")
    def scopes_command(
        client_id: ClientIdArgument,
        *,
        scope: Annotated[list[str], typer.Option(help="A scope that the account then has; repeat for more.")],
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Set an account's scopes; live tokens end. On official propose it, as a signed-in proposer."""
        scopes = check_scopes(scope)

        async def change(gateway: Gateway, account: Account) -> Account:
            from gateway.accounts.use_cases import change_rights

            return await change_rights(gateway.deps, account, grants=account.grants, scopes=scopes)

        proposal = {"kind": "account_rights", "scopes": sorted(scopes)}
        found = act_or_propose(open_gateway, client_id, change, proposal, as_json=as_json, dry_run=dry_run)
        if found is not None:
            _print_rights(found, as_json=as_json)


def _print_rights(account: Account, *, as_json: bool) -> None:
    details = account.grants.to_details()
    lines = [f"{account.client_id}: scopes {' '.join(sorted(account.scopes))}"]
    for each in details:
        procedures, roles, fields = (
            " ".join(each[name]) for name in ("procedures", "subject_roles", "fields")
        )
        lines.append(f"  procedures {procedures}; roles {roles}; fields {fields or 'none'}")
    members = {
        "client_id": account.client_id,
        "scopes": sorted(account.scopes),
        "authorization_details": details,
    }
    print_result(members, "\n".join(lines), as_json=as_json)
