"""What an account may do: `gateway accounts grant`, `scopes`, `officers`, `promote`, and proposals on official ones.

Once there are operators, a command on an official account proposes a change, or acts as the signed-in operator
(docs/decisions/0057, 0069). Officers' ids come by stdin or from a file, never as arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.accounts.model import ANY, SCOPES, Account, Grants, make_grant, parse_officer
from gateway.bounded_files import read_bounded
from gateway.clock import rfc3339
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    fail,
    find_id,
    new_typer,
    print_list,
    print_result,
    read_json_file,
    read_lines,
    read_stdin,
    rehearse,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.operators.model import Operator
    from gateway.procedures.catalogue import Catalogue
    from gateway.profiles.model import Gateway

ClientIdArgument = Annotated[
    str, typer.Argument(metavar="CLIENT_ID", help="Its id, such as acc_…, or 8 characters after `acc_`.")
]
OfficersFile = Annotated[Path | None, typer.Option(help="Officers' ids, a line each.")]
Procedures = Annotated[list[str] | None, typer.Option("--procedure", help="A slug; repeat for more.")]
AllProcedures = Annotated[bool, typer.Option("--all-procedures", help="Every procedure.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; repeat for more. Default: all.")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="A registry field; repeat for more.")]
AllFields = Annotated[bool, typer.Option("--all-fields", help="All except ethnicity and religion.")]
Result = TypeVar("Result")

_EXAMPLE = "Example: echo can.bo.01 | gateway accounts officers {word} acc_…"
_PROMOTE_EXAMPLES = """\b
Examples:
  gateway accounts promote acc_… --public-key official.jwks.json \\
      --officers-file officers.txt
  gateway accounts promote acc_… --public-key official.jwks.json \\
      --procedure khai-sinh --field full_name --field birth_date"""
_OPTIONS = {"procedures": "--procedure", "subject_roles": "--role", "fields": "--field"}
_GRANT_EXAMPLES = """\b
Examples:
  gateway accounts grant acc_… --procedure khai-sinh --field full_name
  gateway accounts grant acc_… --all-procedures --all-fields --replace"""


async def find_actor(gateway: Gateway, account: Account) -> Operator | None:
    """Return the signed-in operator if the account is official and there are operators; else None.

    Raises:
        StateWrong: the session is over.
    """
    from gateway.operators import sessions

    return await sessions.find_actor(gateway) if account.profile is Profile.OFFICIAL else None


async def find_account(gateway: Gateway, typed: str) -> Account:
    """Return an account by its client id, or by at least the first 8 characters after `acc_`. Raises `Unknown`."""
    from gateway.accounts.use_cases import get_account

    return await get_account(gateway.deps, await find_client_id(gateway, typed))


async def find_client_id(gateway: Gateway, typed: str) -> str:
    """Return the client id that begins with the typed text, or that text if none does. Raises `Unknown` if several do."""
    from gateway.accounts import store

    async with gateway.deps.database.read() as transaction:
        return find_id(typed, [account.client_id for account in await store.list_accounts(transaction)])


def act_or_propose(
    open_gateway: OpenGateway,
    client_id: str,
    act: Callable[[Gateway, Account], Awaitable[Result]],
    proposal: Mapping[str, Any] | Callable[[Account], Mapping[str, Any]] | None,
    *,
    as_json: bool,
    dry_run: bool,
) -> Result | None:
    """Do an act on an account and return its result; if an operator must propose it, propose it and return None.

    `proposal` has the members of the change; None for an act that needs no proposal.
    """

    async def attempt(gateway: Gateway) -> tuple[Account, Result | None]:
        account = await find_account(gateway, client_id)
        if proposal is not None and await find_actor(gateway, account) is not None:
            return account, None
        return account, await (
            rehearse(gateway, lambda rehearsing: act(rehearsing, account), as_json=as_json)
            if dry_run
            else act(gateway, account)
        )

    account, result = run_in_gateway(open_gateway, attempt)
    if result is None and proposal is not None:
        members = proposal(account) if callable(proposal) else proposal
        _propose(open_gateway, {"client_id": account.client_id, **members}, as_json=as_json, dry_run=dry_run)
        if not as_json:
            typer.echo("next: gateway profiles preflight, approve and activate CHANGE, by two people")
    return result


def _propose(open_gateway: OpenGateway, body: Mapping[str, Any], *, as_json: bool, dry_run: bool) -> None:
    from gateway.changes.cli_acts import ChangeCommands

    ChangeCommands(open_gateway=open_gateway, as_json=as_json, dry_run=dry_run).propose(body)


def add_officer_commands(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add the group `officers` to the commands on accounts."""
    officers = new_typer("Officers that an account may name; ids by stdin, a line each.")
    app.add_typer(officers, name="officers")

    @officers.command("add", epilog=_EXAMPLE.format(word="add"))
    def add(client_id: ClientIdArgument, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Let the account name officers. On official propose it, as a signed-in proposer."""
        from gateway.accounts.use_cases import add_officers

        ids = _parse_officers(read_stdin())

        async def add_ids(gateway: Gateway, account: Account) -> int:
            await add_officers(gateway.deps, gateway.places[account.profile], account, ids)
            return len(ids)

        proposal = {"kind": "account_officers", "officers": ids}
        added = act_or_propose(open_gateway, client_id, add_ids, proposal, as_json=as_json, dry_run=dry_run)
        if added is not None:
            print_result({"added": added}, f"{added} added", as_json=as_json)

    @officers.command("disable", epilog=_EXAMPLE.format(word="disable"))
    def disable(client_id: ClientIdArgument, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Disable officers. On official any signed-in operator may, except a viewer."""
        from gateway.accounts.use_cases import disable_officers

        ids = _parse_officers(read_stdin())

        async def disable_ids(gateway: Gateway, account: Account) -> int:
            by = await find_actor(gateway, account)
            await disable_officers(gateway.deps, gateway.places[account.profile], account, ids, by=by)
            return len(ids)

        disabled = act_or_propose(
            open_gateway, client_id, disable_ids, None, as_json=as_json, dry_run=dry_run
        )
        print_result({"disabled": disabled}, f"{disabled} disabled", as_json=as_json)

    @officers.command("list", epilog="Example: gateway accounts officers list acc_… --json")
    def list_all(client_id: ClientIdArgument, *, as_json: AsJson = False) -> None:
        """List the officers that the account may name, by pseudonym: their ids are not stored."""
        from gateway.accounts import store

        async def read(gateway: Gateway) -> list[dict[str, str]]:
            account = await find_account(gateway, client_id)
            async with gateway.deps.database.read() as transaction:
                found = await store.list_officers_since(transaction, account.client_id)
            return [{"officer": officer, "added_at": rfc3339(since)} for officer, since in found]

        print_list(run_in_gateway(open_gateway, read), ("added_at", "officer"), as_json=as_json)


def read_officers(path: Path | None) -> list[str]:
    """Return the ids in a file, none without a file; one line and exit 1 if it can't be read or is malformed."""
    if path is None:
        return []
    try:
        return _parse_officers(read_bounded(path).decode())
    except OSError as error:
        fail(f"{path}: can't be read ({error.strerror})")
    except UnicodeDecodeError:
        fail(f"{path}: can't be read as UTF-8 text")


def _parse_officers(text: str) -> list[str]:
    ids = list(dict.fromkeys(read_lines(text)))
    if not ids:
        fail("officers: one id a line is expected")
    try:
        return [parse_officer(officer) for officer in ids]
    except ValueError as error:
        fail(f"officers: one id a line, each {error}")


def add_promote(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add `promote` to the commands on accounts."""

    @app.command("promote", epilog=_PROMOTE_EXAMPLES)
    def promote(
        client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="A sandbox account's.")],
        *,
        public_key: Annotated[Path, typer.Option(help="JWK or JWK Set of the portal's own official key.")],
        officers_file: OfficersFile = None,
        scope: Annotated[list[str] | None, typer.Option(help="Only these of the sandbox account's.")] = None,
        procedure: Annotated[
            list[str] | None, typer.Option(help="Only this procedure; needs --field; repeat for more.")
        ] = None,
        role: Annotated[list[str] | None, typer.Option(help="Only this role; repeat for more.")] = None,
        field: Annotated[list[str] | None, typer.Option(help="Only this field; repeat for more.")] = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Propose an official account with this one's grants, a new client id and key.

        The sandbox account stays. A second person approves: gateway profiles
        preflight, approve, activate CHANGE; the activation shows the client id.
        """
        if (procedure or role or field) and not (procedure and field):
            raise typer.BadParameter(
                "for fewer grants give --procedure and --field, and --role if not all roles"
            )
        grants = make_grant(procedure, role or [ANY], field).to_details() if procedure and field else None
        named = {
            "officers": read_officers(officers_file),
            "scopes": scope,
            "authorization_details": grants,
        }

        body = {
            "kind": "promote_account",
            "client_id": run_in_gateway(
                open_gateway, lambda gateway: find_account(gateway, client_id)
            ).client_id,
            "public_key": read_json_file(public_key),
        }
        given = {name: value for name, value in named.items() if value}
        _propose(open_gateway, body | given, as_json=as_json, dry_run=dry_run)


def read_grants(
    procedures: list[str] | None,
    every: bool,
    roles: list[str] | None,
    fields: list[str] | None,
    all_fields: bool,
) -> Grants:
    """Return the grants that a command's options name; options that contradict each other are wrong usage."""
    if bool(procedures) == every:
        raise typer.BadParameter("give procedures (--procedure SLUG) or --all-procedures, one of the two")
    if fields and all_fields and set(fields) - {"ethnicity", "religion"}:
        raise typer.BadParameter(
            "--all-fields is every field except ethnicity and religion: with it, --field names only these two"
        )
    return make_grant(procedures or [ANY], roles or [ANY], [*(fields or []), *([ANY] if all_fields else [])])


def check_scopes(scopes: Sequence[str]) -> frozenset[str]:
    """Return the scopes; an unknown one is wrong usage."""
    if unknown := set(scopes) - set(SCOPES):
        raise typer.BadParameter(
            f"{min(unknown)}: one of {', '.join(SCOPES)} is expected", param_hint="--scope"
        )
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
