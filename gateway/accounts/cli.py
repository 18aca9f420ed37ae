"""`gateway accounts` and `organisations`: the agencies and their OAuth accounts. A secret is shown once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.accounts.model import DEFAULT_SCOPES, Account, AccountState
from gateway.accounts.rights_cli import (
    AllFields,
    AllProcedures,
    ClientIdArgument,
    Fields,
    OfficersFile,
    Procedures,
    Roles,
    act_or_propose,
    add_officer_commands,
    add_promote,
    add_rights_commands,
    check_grants,
    check_scopes,
    find_account,
    find_actor,
    read_grants,
    read_officers,
)
from gateway.clock import rfc3339
from gateway.identifiers import Profile
from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    Yes,
    check_name,
    confirm,
    fail,
    new_typer,
    print_json,
    print_list,
    print_result,
    print_table,
    read_json_file,
    run_in_gateway,
    run_in_store,
)

if TYPE_CHECKING:
    from gateway.accounts.use_cases import IssuedCredential
    from gateway.profiles.model import Gateway

_ORGANISATION = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}")
PublicKeyFile = Annotated[
    Path | None, typer.Option("--public-key", help="JWK or JWK Set with the account's public keys.")
]
_STATES = (
    ("suspend", AccountState.SUSPENDED, "Refuse the account's calls until it is resumed; live tokens end."),
    (
        "resume",
        AccountState.ACTIVE,
        "Resume a suspended account; its portal needs new tokens. On official propose it, as a signed-in proposer.",
    ),
    (
        "revoke",
        AccountState.REVOKED,
        "End the account permanently; live tokens end. On official any signed-in operator may, except a viewer.",
    ),
)


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on accounts."""
    app = new_typer("OAuth accounts of portals. Each belongs to one profile.")
    _add_create(app, open_gateway)
    _add_reading(app, open_gateway)
    _add_rotate(app, open_gateway)
    add_rights_commands(app, open_gateway)
    add_officer_commands(app, open_gateway)
    add_promote(app, open_gateway)
    for word, state, help_text in _STATES:
        _add_state(app, open_gateway, word, state, help_text)
    return app


def _add_create(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "create",
        epilog="\b\nExample:\n  gateway accounts create dvctt --organisation 000.00.01.H26 \\\n"
        "      --profile sandbox --all-procedures \\\n"
        "      --field full_name --field birth_date --json",
    )
    def create(
        name: Annotated[str, typer.Argument(metavar="NAME", help="A name for people.")],
        *,
        organisation: Annotated[str, typer.Option(help="The agency's e-id.")],
        profile: Annotated[Profile, typer.Option(help="The account's profile; it never changes.")],
        procedure: Procedures = None,
        all_procedures: AllProcedures = False,
        role: Roles = None,
        field: Fields = None,
        all_fields: AllFields = False,
        scope: Annotated[
            list[str] | None, typer.Option(help="Repeat for more. Default: verify prefill.")
        ] = None,
        officers_file: OfficersFile = None,
        public_key: PublicKeyFile = None,
        allow_bearer: Annotated[
            bool, typer.Option("--allow-bearer", help="Official: tokens need not be DPoP-bound.")
        ] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Create an account and print its credential; a secret is shown only now."""
        from gateway.accounts.use_cases import create_account

        check_name(name)
        grants = read_grants(procedure, all_procedures, role, field, all_fields)
        create_new = partial(
            create_account,
            name=name,
            organisation=organisation,
            scopes=check_scopes(scope or DEFAULT_SCOPES),
            grants=grants,
            officers=read_officers(officers_file),
            public_keys=_read_public_keys(public_key),
            bearer_allowed=allow_bearer,
        )

        async def make(gateway: Gateway) -> IssuedCredential:
            check_grants(gateway.deps.catalogue, grants)
            return await create_new(gateway.deps, gateway.places[profile])

        _print_credential(
            run_in_gateway(open_gateway, make, dry_run=dry_run, as_json=as_json), as_json=as_json
        )


def _add_reading(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("list", epilog="Example: gateway accounts list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the accounts."""
        from gateway.accounts.store import list_accounts

        found = [_describe(account) for account in run_in_store(open_gateway, list_accounts)]
        print_list(found, ("client_id", "profile", "state", "organisation", "name"), as_json=as_json)

    @app.command("show", epilog="Example: gateway accounts show acc_… --json")
    def show(client_id: ClientIdArgument, *, as_json: AsJson = False) -> None:
        """Show one account: state, scopes, grants and kinds of credentials."""
        from gateway.accounts.use_cases import list_credentials

        async def read(gateway: Gateway) -> dict[str, Any]:
            account = await find_account(gateway, client_id)
            credentials = [
                {"kind": kind, "expires_at": rfc3339(end) if end else None}
                for kind, end in await list_credentials(gateway.deps, account)
            ]
            return _describe(account) | {"credentials": credentials}

        found = run_in_gateway(open_gateway, read)
        if as_json:
            print_json(found)
        else:
            print_table(("MEMBER", "VALUE"), [(key, _show(value)) for key, value in found.items()])


def _add_rotate(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("rotate", epilog="Example: gateway accounts rotate acc_… --json")
    def rotate(
        client_id: ClientIdArgument,
        *,
        public_key: PublicKeyFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Issue a new secret, or set new public keys: former keys end, a former secret after 7 days.

        For an official account, once there are operators, a signed-in proposer
        proposes the keys with it, and a second person approves.
        """
        from gateway.accounts.use_cases import rotate_credential

        keys = _read_public_keys(public_key)

        async def give(gateway: Gateway, account: Account) -> IssuedCredential:
            place = gateway.places[account.profile]
            return await rotate_credential(gateway.deps, place, account, public_keys=keys)

        proposal = {"kind": "rotate_account", "public_key": {"keys": list(keys)}} if keys else None
        issued = act_or_propose(open_gateway, client_id, give, proposal, as_json=as_json, dry_run=dry_run)
        if issued is not None:
            _print_credential(issued, as_json=as_json)


def _add_state(
    app: typer.Typer, open_gateway: OpenGateway, word: str, state: AccountState, help_text: str
) -> None:
    @app.command(word, epilog=f"Example: gateway accounts {word} acc_…", help=help_text)
    def change(
        client_id: ClientIdArgument, *, yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False
    ) -> None:
        from gateway.accounts.use_cases import change_state

        if state is AccountState.REVOKED and not dry_run:
            confirm(f"Revoke {client_id} permanently?", yes=yes)

        async def set_state(gateway: Gateway, account: Account) -> Account:
            by = await find_actor(gateway, account) if state is AccountState.REVOKED else None
            return await change_state(gateway.deps, account.client_id, state, by=by)

        proposal = {"kind": "resume_account"} if state is AccountState.ACTIVE else None
        account = act_or_propose(
            open_gateway, client_id, set_state, proposal, as_json=as_json, dry_run=dry_run
        )
        if account is not None:
            text = f"{account.client_id} is {account.state.value}"
            print_result(_describe(account), text, as_json=as_json)


def build_organisations_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on organisations; adding one may begin a store."""
    app = new_typer("Agencies that have accounts.")

    @app.command("add", epilog='Example: gateway organisations add 000.00.01.H26 "UBND TP Hà Nội"')
    def add(
        organisation: Annotated[str, typer.Argument(metavar="ID", help="The agency's e-id.")],
        name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
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
            as_json=as_json,
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


def _read_public_keys(path: Path | None) -> Sequence[dict[str, Any]]:
    from gateway.keys.jws import parse_public_keys

    if path is None:
        return ()
    try:
        return parse_public_keys(read_json_file(path))
    except ValueError as error:
        fail(f"--public-key {path}: {error}")


def _show(value: Any) -> str:
    """Return a member as text for people; `--json` has the exact form."""
    match value:
        case list():
            return "; ".join(map(_show, value)) or "none"
        case dict():
            inner = {name: " ".join(each) if isinstance(each, list) else each for name, each in value.items()}
            return ", ".join(f"{name} {each}" for name, each in inner.items() if each is not None)
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
    return str(value)


def _print_credential(credential: IssuedCredential, *, as_json: bool) -> None:
    members = {"client_id": credential.client_id, "issuer": credential.issuer}
    if credential.client_secret is not None:
        members["client_secret"] = credential.client_secret
    text = "\n".join(f"{name}: {value}" for name, value in members.items())
    print_result(members, text, as_json=as_json)


def _describe(account: Account) -> dict[str, Any]:
    return {
        "client_id": account.client_id,
        "name": account.name,
        "organisation": account.organisation,
        "profile": account.profile.value,
        "state": account.state.value,
        "scopes": sorted(account.scopes),
        "authorization_details": account.grants.to_details(),
        "grant_epoch": account.grant_epoch,
        "bearer_allowed": account.bearer_allowed,
        "promoted_from": account.promoted_from,
        "created_at": rfc3339(account.created_at),
    }
