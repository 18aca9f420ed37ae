"""`gateway migrate`, `backup`, `restore`, `accept-older-store`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.errors import GatewayError
from gateway.identifiers import has_long_number
from gateway.terminal import (
    NOTHING_WRITTEN,
    AsJson,
    DryRun,
    OpenGateway,
    describe,
    end_dry_run,
    fail,
    new_typer,
    print_json,
    print_result,
    run,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.audit.model import AuditEntry
    from gateway.profiles.model import Gateway
    from gateway.settings import Settings
    from gateway.storage.backups import Backup
    from gateway.storage.database import Transaction
    from gateway.storage.heads import StoreHead

Result = TypeVar("Result")
_BY_ADMIN = "there are operators: an admin signs in (gateway login NAME) and accepts the store"


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the store as a whole."""
    app = new_typer("The store: its schema, and copies of it.")
    _add_migrate(app, open_gateway)

    @app.command("backup", epilog="Example: gateway backup /backup/2026-11-28.db")
    def backup_command(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Copy an embedded store while the gateway runs. The master key isn't in it."""
        from gateway.storage.backups import back_up, check_backup

        url = open_gateway.settings().database_url
        if dry_run:
            source = _attempt(lambda: check_backup(url, file))
            end_dry_run(f"{source} would be copied to {file}", as_json=as_json)
        _print(_attempt(lambda: back_up(url, file)), "backup", as_json=as_json)

    @app.command("restore", epilog="Example: gateway restore /backup/2026-11-28.db")
    def restore_command(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Put a backup in the store's place; the gateway must be stopped. The present store is kept beside it."""
        from gateway.storage.backups import check_restore, restore

        settings, now = open_gateway.settings(), open_gateway.clock.now()
        if dry_run:
            _, schema = _attempt(lambda: check_restore(settings.database_url, file))
            told = (
                f"{file} (schema {schema}) is intact and would become the store once the gateway is stopped"
            )
            end_dry_run(told, as_json=as_json)
        made = _attempt(lambda: restore(settings.database_url, file, now=now))
        _print(made, "restored", as_json=as_json)

    _add_accept(app, open_gateway)
    return app


def _add_accept(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "accept-older-store", epilog='Example: gateway accept-older-store --reason "disk lost, letter 12"'
    )
    def accept_command(
        reason: Annotated[str, typer.Option(help="Why; the audit keeps it.")],
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Let the gateway serve a store that went back in time; revocations since then may be undone."""
        if not 1 <= len(reason.strip()) <= 400 or not reason.isprintable() or has_long_number(reason):
            fail("--reason is 1 to 400 printable characters, without a person's number")
        head = run_in_gateway(
            open_gateway,
            lambda gateway: _accept(gateway, reason.strip(), rehearsal=dry_run),
            dry_run=dry_run,
            as_json=as_json,
        )
        if as_json:
            print_json({"rows": head.rows, "leaf": head.leaf})
        else:
            typer.echo(f"accepted at row {head.rows}\nnext: revoke again what was revoked since the backup")
            _name_newer_copies(open_gateway.settings())


def _name_newer_copies(settings: Settings) -> None:
    """Say which file has copies of checkpoints, some of which the accepted store may lack."""
    from gateway.storage.checkpoint_copies import find_checkpoint_file

    copies = find_checkpoint_file(settings)
    if copies is not None and copies.exists():
        typer.echo(
            f"next: gateway audit verify; if it names a row, move {copies} aside and keep it as evidence"
        )


def _add_migrate(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("migrate", epilog="Example: gateway migrate")
    def migrate_command(*, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Bring the database's schema to the newest revision; make an embedded store."""
        from gateway.app import open_vault
        from gateway.schema import NEWEST, migrate, rehearse_migration
        from gateway.storage.database import find_store_file, open_database

        settings = open_gateway.settings()

        async def work() -> tuple[str | None, str | None]:
            if dry_run and open_gateway.missing_store():
                return None, NEWEST
            file = find_store_file(settings.database_url)
            if not dry_run and (settings.master_key is not None or file is not None):
                open_vault(settings, create=True)
            database = open_database(settings.database_url)
            try:
                if dry_run:
                    return await rehearse_migration(database)
                return await migrate(database, open_gateway.clock)
            finally:
                await database.close()

        before, after = run(work())
        told = f"{after} (unchanged)" if before == after else f"{before or 'none'} → {after}"
        note = f"\n{NOTHING_WRITTEN}" if dry_run else ""
        members = {"before": before, "after": after} | ({"dry_run": True} if dry_run else {})
        print_result(members, f"schema: {told}{note}", as_json=as_json)


async def _accept(gateway: Gateway, reason: str, *, rehearsal: bool) -> StoreHead:
    from gateway.audit.model import act_entry
    from gateway.errors.operators import StateWrong
    from gateway.operators.sessions import find_actor
    from gateway.operators.use_cases import actor_of, require_admin
    from gateway.storage.heads import find_head_file, find_lost_head, read_store_head

    file = find_head_file(gateway.settings)
    if file is None:
        fail("no head is kept here: GATEWAY_AUDIT_HEAD_FILE isn't set, and a start checks nothing")
    file.require_replaceable()
    deps = gateway.deps
    if await find_lost_head(deps.database, file) is None:
        raise StateWrong(
            f"nothing to accept: this store is not older than the head in {file.path}; gateway serve starts with it"
        )
    by = await find_actor(gateway)
    await require_admin(gateway, by)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        actor = await actor_of(transaction, by, remedy=_BY_ADMIN)
        outcome = f"older_store_accepted: {reason}"
        return [act_entry(outcome, at=deps.clock.now(), actor=actor)], None

    await deps.audit.commit(decide)
    head = await read_store_head(deps.database)
    if not rehearsal:
        file.write(head)
    return head


def _attempt(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except GatewayError as error:
        fail(describe(error))


def _print(made: Backup, word: str, *, as_json: bool) -> None:
    aside = None if made.moved_to is None else str(made.moved_to)
    if as_json:
        print_json({"file": str(made.file), "bytes": made.size, "schema": made.schema, "moved_to": aside})
        return
    typer.echo(f"{word}: {made.file} ({made.size} bytes, schema {made.schema})")
    if aside is not None:
        typer.echo(f"the former store is {aside}")
    if word == "restored":
        typer.echo("it needs the master key of its time: gateway audit verify")
    if word == "backup":
        typer.echo("the master key isn't in it: keep a copy of the key apart from it")
