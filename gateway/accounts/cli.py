"""`gateway accounts`: create, list, show, rotate, suspend, resume, revoke. Secrets are shown once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.accounts import store
from gateway.accounts.grants import ANY, Grants, make_grant
from gateway.accounts.model import DEFAULT_SCOPES, SCOPES, Account, AccountState
from gateway.accounts.officers_cli import add_officer_commands, read_officers_file
from gateway.accounts.promote_cli import add_promote
from gateway.accounts.propose_cli import find_actor, propose_on_account
from gateway.accounts.public_keys import parse_public_keys
from gateway.accounts.use_cases import (
    IssuedCredential,
    NewAccount,
    change_state,
    create_account,
    get_account,
    list_credentials,
    rotate_credential,
)
from gateway.clock import rfc3339
from gateway.errors.commands import StateWrong
from gateway.parts import Parts
from gateway.places import Profile
from gateway.terminal import (
    AsJson,
    OpenGateway,
    check_name,
    fail,
    new_typer,
    print_json,
    print_table,
    read_json_file,
    run,
)

Name = Annotated[str, typer.Argument(help="What people call the account.")]
ClientIdArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID")]
PublicKeyFile = Annotated[
    Path | None, typer.Option("--public-key", help="JWK or JWK Set with the account's public keys.")
]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on accounts."""
    app = new_typer("OAuth accounts of portals. Each belongs to one profile.")
    _add_create(app, open_gateway)
    _add_reading(app, open_gateway)
    _add_rotate(app, open_gateway)
    add_officer_commands(app, open_gateway)
    add_promote(app, open_gateway)
    for word, state in (
        ("suspend", AccountState.SUSPENDED),
        ("resume", AccountState.ACTIVE),
        ("revoke", AccountState.REVOKED),
    ):
        _add_state(app, open_gateway, word, state)
    return app


def _add_create(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "create",
        epilog="Example: gateway accounts create dvctt --organisation 000.00.01.H26 --profile sandbox"
        " --all-procedures --field full_name --field birth_date --json",
    )
    def create(
        name: Name,
        *,
        organisation: Annotated[str, typer.Option(help="The agency's e-id.")],
        profile: Annotated[Profile, typer.Option(help="Where the account lives, for good.")],
        procedure: Annotated[list[str] | None, typer.Option(help="A slug; repeat for more.")] = None,
        all_procedures: Annotated[bool, typer.Option("--all-procedures")] = False,
        role: Annotated[list[str] | None, typer.Option(help="A role; all where none is named.")] = None,
        field: Annotated[list[str] | None, typer.Option(help="A registry field; repeat for more.")] = None,
        all_fields: Annotated[
            bool, typer.Option("--all-fields", help="All but ethnicity and religion.")
        ] = False,
        scope: Annotated[list[str] | None, typer.Option(help="Default: verify prefill.")] = None,
        officers_file: Annotated[Path | None, typer.Option(help="Officers' ids, a line each.")] = None,
        public_key: PublicKeyFile = None,
        allow_bearer: Annotated[
            bool, typer.Option("--allow-bearer", help="Official: tokens need not be DPoP-bound.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Make an account and print its credential; a secret is shown this once."""
        check_name(name)
        if bool(procedure) == all_procedures:
            fail("name procedures (--procedure SLUG) or give --all-procedures, one of the two")
        if field and all_fields and set(field) - {"ethnicity", "religion"}:
            fail("--all-fields holds every field but ethnicity and religion; name only those beside it")
        scopes = frozenset(scope or DEFAULT_SCOPES)
        if unknown := scopes - set(SCOPES):
            fail(f"--scope {min(unknown)}: one of {', '.join(SCOPES)} is expected")
        new = NewAccount(
            name=name,
            organisation=organisation,
            profile=profile,
            scopes=scopes,
            grants=make_grant(
                procedure or [ANY], role or [ANY], [*(field or []), *([ANY] if all_fields else [])]
            ),
            officers=tuple(read_officers_file(officers_file)) if officers_file else (),
            public_keys=tuple(_read_public_keys(public_key)),
            bearer_allowed=allow_bearer,
        )

        async def work() -> IssuedCredential:
            async with open_gateway() as gateway:
                _check_grants(gateway.parts, new.grants)
                return await create_account(gateway.parts, gateway.places[profile], new)

        _print_credential(run(work()), as_json=as_json)


def _add_reading(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("list", epilog="Example: gateway accounts list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the accounts."""

        async def work() -> list[Account]:
            async with open_gateway() as gateway, gateway.parts.database.read() as connection:
                return await store.list_accounts(connection)

        found = run(work())
        if as_json:
            print_json([_describe(account) for account in found])
            return
        rows = [(a.client_id, a.profile.value, a.state.value, a.organisation, a.name) for a in found]
        print_table(("CLIENT_ID", "PROFILE", "STATE", "ORGANISATION", "NAME"), rows)

    @app.command("show", epilog="Example: gateway accounts show acc_… --json")
    def show(client_id: ClientIdArgument, *, as_json: AsJson = False) -> None:
        """Show one account: state, scopes, grants, kinds of credentials."""

        async def work() -> dict[str, Any]:
            async with open_gateway() as gateway:
                account = await get_account(gateway.parts, client_id)
                credentials = await list_credentials(gateway.parts, account)
            return _describe(account) | {
                "credentials": [
                    {"kind": kind, "expires_at": rfc3339(end) if end else None} for kind, end in credentials
                ]
            }

        found = run(work())
        if as_json:
            print_json(found)
        else:
            print_table(("MEMBER", "VALUE"), [(key, _show(value)) for key, value in found.items()])


def _add_rotate(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("rotate", epilog="Example: gateway accounts rotate acc_… --json")
    def rotate(
        client_id: ClientIdArgument, *, public_key: PublicKeyFile = None, as_json: AsJson = False
    ) -> None:
        """Give a new secret (the old one works for 7 more days), or new public keys (the old ones end).

        An official account's keys: once there are operators, this proposes them, as a
        proposer who is signed in, and a second person approves.
        """
        keys = _read_public_keys(public_key)

        async def work() -> IssuedCredential | None:
            async with open_gateway() as gateway:
                account = await get_account(gateway.parts, client_id)
                if keys and await find_actor(gateway, account) is not None:
                    return None
                place = gateway.places[account.profile]
                return await rotate_credential(gateway.parts, place, account, public_keys=keys)

        if (issued := run(work())) is not None:
            _print_credential(issued, as_json=as_json)
            return
        body = {"kind": "rotate_account", "client_id": client_id, "public_key": {"keys": list(keys)}}
        propose_on_account(open_gateway, body, as_json=as_json)


def _add_state(app: typer.Typer, open_gateway: OpenGateway, word: str, state: AccountState) -> None:
    @app.command(word, epilog=f"Example: gateway accounts {word} acc_…", help=_STATE_HELP[word])
    def change(client_id: ClientIdArgument, *, as_json: AsJson = False) -> None:
        async def work() -> Account | None:
            async with open_gateway() as gateway:
                by = None
                if state is not AccountState.SUSPENDED:  # that is the host's, whoever is signed in, or nobody
                    by = await find_actor(gateway, await get_account(gateway.parts, client_id))
                if by is not None and state is AccountState.ACTIVE:
                    return None
                return await change_state(gateway.parts, client_id, state, by=by)

        account = run(work())
        if account is None:
            body = {"kind": "resume_account", "client_id": client_id}
            propose_on_account(open_gateway, body, as_json=as_json)
            return
        print_json(_describe(account)) if as_json else typer.echo(f"{client_id} is {account.state.value}")


_STATE_HELP = {
    "suspend": "Refuse the account's calls until it is resumed; live tokens end.",
    "resume": "Let a suspended account call again, with new tokens; on official propose it.",
    "revoke": "End the account for good; live tokens end. On official as an operator.",
}


def _check_grants(parts: Parts, grants: Grants) -> None:
    """Raise `StateWrong` for a procedure, role or field that the catalogue does not know."""
    slugs = {procedure.slug for procedure in parts.catalogue.procedures}
    roles = {role.name for procedure in parts.catalogue.procedures for role in procedure.roles}
    (grant,) = grants.entries
    for kind, names, known in (
        ("--procedure", grant.procedures, slugs),
        ("--role", grant.subject_roles, roles),
        ("--field", grant.fields, {name for name in grant.fields if parts.catalogue.knows_field(name)}),
    ):
        for name in sorted(names - {ANY} - known):
            raise StateWrong(f"{kind} {name}: not in the catalogue; see gateway procedures list")


def _read_public_keys(path: Path | None) -> Sequence[dict[str, Any]]:
    if path is None:
        return ()
    try:
        return parse_public_keys(read_json_file(path))
    except ValueError as error:
        fail(f"--public-key {path}: {error}")


def _show(value: Any) -> str:
    """Return a member in words for people; `--json` has the exact form."""
    if isinstance(value, list):
        return "; ".join(map(_show, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_show_inner(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _show_inner(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _print_credential(credential: IssuedCredential, *, as_json: bool) -> None:
    members = {"client_id": credential.client_id, "issuer": credential.issuer}
    if credential.client_secret is not None:
        members["client_secret"] = credential.client_secret
    if as_json:
        print_json(members)
        return
    for name, value in members.items():
        typer.echo(f"{name}: {value}")


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
