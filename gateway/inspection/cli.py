"""`gateway audit`: its own commands, and what auditors do with it: reconcile, search, export, affected; `gateway privacy`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.audit import cli as audit_cli
from gateway.clock import TOLERANCE, Period, in_minutes, parse_instant
from gateway.errors.operators import Unknown
from gateway.identifiers import Profile
from gateway.inspection import ledger_cli
from gateway.terminal import (
    NOTHING_WRITTEN,
    AsJson,
    DryRun,
    OpenGateway,
    choose_form,
    counted,
    new_typer,
    print_json,
    print_result,
    print_table,
    print_wrapped,
    run,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.inspection.erasure import Erased
    from gateway.inspection.export import Export
    from gateway.inspection.reconcile import Reconciliation
    from gateway.inspection.store import AffectedPerson, FoundRows
    from gateway.profiles.model import Gateway

_MOST = 1_000
"""The most rows that a search returns at once."""

_ZONES = "in Vietnam (+07:00), or an instant with its zone, as 2022-05-14T01:00:00Z"
From = Annotated[str, typer.Option("--from", metavar="DAY", help=f"First day, {_ZONES}.", show_default="all")]
To = Annotated[
    str, typer.Option("--to", metavar="DAY", help=f"Day after the last one, {_ZONES}.", show_default="all")
]


class ReconciliationFormat(StrEnum):
    """The forms of a report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return all commands on the audit."""
    app = audit_cli.build_cli(open_gateway)
    _add_reconcile(app, open_gateway)
    _add_search(app, open_gateway)
    _add_export(app, open_gateway)
    _add_affected(app, open_gateway)
    _add_erase(app, open_gateway)
    ledger_cli.add_command(app, open_gateway)
    return app


def _add_reconcile(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "reconcile",
        epilog="\b\nExample:\n  gateway audit reconcile --journal c06.json \\\n      --from 2022-05-14 --to 2022-05-15",
    )
    def reconcile_command(
        journal: Annotated[Path, typer.Option(metavar="FILE", help="The provider's log (JSON).")],
        from_: From = "",
        to: To = "",
        profile: Annotated[Profile | None, typer.Option(help="Only this profile; default: both.")] = None,
        account: Annotated[
            list[str] | None, typer.Option(help="Only this account of the provider's log. Repeatable.")
        ] = None,
        tolerance: Annotated[
            int, typer.Option(min=0, max=86_400, metavar="SECONDS", help="The clocks' difference.")
        ] = int(TOLERANCE.total_seconds()),
        written: Annotated[
            ReconciliationFormat, typer.Option("--format", help="The report's form.")
        ] = ReconciliationFormat.TEXT,
        *,
        html: Annotated[bool, typer.Option("--html", help="The same as --format html.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Compare our questions with the provider's log; exit 1 if anything differs.

        Joined by request code, content and time. Both logs must have the whole period.
        """
        from gateway.inspection.journal import read_journal
        from gateway.inspection.reconcile import (
            reconcile,
            reconciliation_json,
            reconciliation_page,
            reconciliation_text,
        )

        period = parse_period(from_, to)
        form = choose_form(written.value, json=as_json, html=html)

        async def work() -> Reconciliation:
            calls = read_journal(journal)
            _warn_of_absent(account or (), {each.account for each in calls if each.account})
            async with open_gateway() as gateway:
                return await reconcile(
                    gateway.deps.database,
                    [each for each in calls if not account or each.account in account],
                    keys={place.profile: place.keys for place in gateway.places.values()},
                    period=period,
                    profiles=list(Profile) if profile is None else [profile],
                    tolerance=timedelta(seconds=tolerance),
                )

        found = run(work())
        if form == ReconciliationFormat.JSON:
            print_json(reconciliation_json(found))
        elif form == ReconciliationFormat.HTML:
            typer.echo(reconciliation_page(found))
        else:
            print_wrapped(reconciliation_text(found))
        if not found.agrees:
            raise typer.Exit(1)


def _add_search(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("search", epilog="Example: gateway audit search --account acc_… --from 2022-05-14 --json")
    def search_command(
        account: Annotated[
            str,
            typer.Option(
                metavar="CLIENT_ID", help="Rows of this account; 8 characters after `acc_` are enough."
            ),
        ] = "",
        procedure: Annotated[str, typer.Option(metavar="SLUG", help="Rows of this procedure.")] = "",
        outcome: Annotated[
            str, typer.Option("--outcome", metavar="WORD", help="A verdict, a problem's code or a state.")
        ] = "",
        request_id: Annotated[
            str, typer.Option(metavar="ID", help="Rows of this call (X-Request-Id of its answer).")
        ] = "",
        from_: From = "",
        to: To = "",
        limit: Annotated[int, typer.Option(min=1, max=_MOST, help="The most rows that are printed.")] = 100,
        before: Annotated[
            int | None, typer.Option(min=1, metavar="ENTRY", help="Continue before this entry.")
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Print the rows that match every option, newest first, a page at a time."""
        from gateway.accounts.rights_cli import find_client_id
        from gateway.inspection.store import search

        period = parse_period(from_, to)
        names = {"procedure": procedure, "outcome": outcome, "request_id": request_id}
        equals = {name: value for name, value in names.items() if value}

        async def read(gateway: Gateway) -> FoundRows:
            client_id = await find_client_id(gateway, account) if account else ""
            wanted = equals | ({"client_id": client_id} if client_id else {})
            found = await search(gateway.deps.database, wanted, period=period, before=before, most=limit)
            if not found.rows:
                await _require_known(gateway, client_id, procedure)
            return found

        found = run_in_gateway(open_gateway, read)
        if as_json:
            print_json(list(found.rows))
        else:
            header = ("ROW", "AT (UTC)", "KIND", "PROCEDURE", "OUTCOME")
            print_table(header, [_summary(row) for row in found.rows])
        if found.before is not None:
            typer.echo(f"there are more rows: go on with --before {found.before}", err=True)


def _warn_of_absent(wanted: Iterable[str], logged: Collection[str]) -> None:
    """Name each wanted account of which the provider's log has no call: a misspelt one makes every question a difference."""
    for each in wanted:
        if logged and each not in logged:
            typer.echo(
                f"the log has no call of {each}; it has calls of {', '.join(sorted(logged))}", err=True
            )


async def _require_known(gateway: Gateway, account: str, procedure: str) -> None:
    """Raise `Unknown` for an account or a procedure that does not exist: a misspelt one has no rows either."""
    from gateway.accounts.use_cases import get_account

    if account:
        await get_account(gateway.deps, account)
    if procedure and procedure not in {each.slug for each in gateway.deps.load_catalogue().procedures}:
        raise Unknown("--procedure: no such service; `gateway procedures list` names them")


def _summary(row: Mapping[str, Any]) -> list[str]:
    number = "waits" if row["row"] is None else str(row["row"])
    at = "-" if row["at"] is None else in_minutes(row["at"])
    return [number, at, *(str(row.get(name) or "-") for name in ("kind", "procedure", "outcome"))]


class _OutputFailed(Exception):
    """The output can't be written; an `OSError` within a transaction would be taken for an outage of the store."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _write_line(line: str) -> None:
    try:
        sys.stdout.write(line)
    except OSError as error:
        raise _OutputFailed(error) from None


def _add_export(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("export", epilog="Example: gateway audit export --from 2022-05-01 --to 2022-06-01 --out may")
    def export_command(
        from_: From = "",
        to: To = "",
        out: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="Write a new folder, with the program that checks it."),
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Print the rows of a period as JSON lines, or write them with their proofs.

        DIR gets rows.ndjson, checkpoint, proofs.ndjson and verify.py: `python3 verify.py` in it
        exits 0, or 1 with the first bad row. It needs the package `cryptography` alone.
        """
        from gateway.inspection.export import export_folder, export_rows

        period = parse_period(from_, to)

        async def write(gateway: Gateway) -> Export | None:
            if out is None:
                await export_rows(gateway, period, _write_line)
                return None
            return await export_folder(gateway, period, out)

        try:
            found = run_in_gateway(open_gateway, write)
        except _OutputFailed as failed:
            raise failed.error from None
        if found is not None and out is not None:
            members = {"folder": str(out), "first": found.first, "last": found.last, "tree_size": found.size}
            # This Python has the package: many hosts have no `python`, and a `python3` without it.
            verify = f"{quote(sys.executable)} {quote(str(out / 'verify.py'))}"
            text = f"{out}: rows {found.first} to {found.last} of a tree of {found.size}; check it with: {verify}"
            print_result(members, text, as_json=as_json)


def _add_affected(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "affected", epilog="Example: gateway audit affected --account acc_… --from 2022-05-14 --json"
    )
    def affected_command(
        account: Annotated[
            str,
            typer.Option(
                "--account", metavar="CLIENT_ID", help="The account; 8 characters after `acc_` are enough."
            ),
        ],
        from_: From = "",
        to: To = "",
        *,
        as_json: AsJson = False,
    ) -> None:
        """List the people whom an account asked about: for the report within 72 hours after a leak.

        People are pseudonyms. Fields are those that were delivered.
        """
        from gateway.accounts.rights_cli import find_client_id
        from gateway.inspection.store import count_affected, find_affected

        period = parse_period(from_, to)

        async def find(gateway: Gateway) -> list[AffectedPerson]:
            client_id = await find_client_id(gateway, account)
            return await find_affected(gateway.deps.database, client_id, period)

        found = run_in_gateway(open_gateway, find)
        counts = count_affected(found)
        if as_json:
            print_json({"people": [each.members() for each in found], "counts": counts})
            return
        header = ("PSEUDONYM", "ENQUIRIES", "CONFIRMED", "FIELDS")
        print_table(header, [_person(each) for each in found])
        typer.echo(
            f"people: {counts['people']}, enquiries: {counts['enquiries']}, confirmed: {counts['confirmed']}"
        )


def _person(person: AffectedPerson) -> list[str]:
    confirmed = "yes" if person.confirmed else "no"
    return [person.pseudonym, str(len(person.acts)), confirmed, " ".join(sorted(person.fields)) or "-"]


def _add_erase(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("erase", epilog="Example: gateway audit erase")
    def erase_command(
        *,
        rewrite: Annotated[
            bool,
            typer.Option(
                "--rewrite",
                help="On PostgreSQL, write the tables of past months anew, so that their files have nothing erased; enquiries go on.",
            ),
        ] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Erase entries about citizens that are older than GATEWAY_AUDIT_RETENTION_MONTHS.

        Their rows and leaves stay, so every proof stays valid; the erasure is a row itself. Once there
        are operators, a data-protection officer or an admin signs in first.
        """

        async def erase(gateway: Gateway) -> Erased:
            from gateway.errors.operators import StateWrong
            from gateway.inspection.erasure import erase_entries
            from gateway.schema import all_tables

            months = gateway.settings.audit_retention_months
            if months is None:
                raise StateWrong(
                    "no policy says how long entries are kept: set GATEWAY_AUDIT_RETENTION_MONTHS"
                )
            all_tables()  # an entry may have named a row of any table
            return await erase_entries(gateway, months=months, rewrite=rewrite, rehearsal=dry_run)

        found = run_in_gateway(open_gateway, erase)
        entries = f"{counted(found.rows, 'entry')} from before {found.before}"
        text = f"erased: {entries}"
        if dry_run:
            text = f"dry run: {entries} would be erased\n{NOTHING_WRITTEN}"
        elif found.on_disk:
            text += "\nthe store's files may still have their content: see docs/data-protection.md, --rewrite"
        if found.changed:
            text += f"\nleft: {counted(len(found.changed), 'entry')} that somebody changed, the first at row {found.changed[0]}: gateway audit verify"
        members = {"erased": found.rows, "before": found.before, "on_disk": found.on_disk}
        members["changed"] = list(found.changed)
        if dry_run:
            members["dry_run"] = True
        print_result(members, text, as_json=as_json)


def build_privacy_cli(_open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on privacy."""
    app = new_typer("Which table has which data, for how long, and under which key.")

    @app.command("report", epilog="Example: gateway privacy report --json")
    def report_command(*, as_json: AsJson = False) -> None:
        """Print each column of each table with its class, retention and key; reads no database."""
        from gateway.inspection.privacy import TABLES, privacy_report

        if as_json:
            print_json(privacy_report())
            return
        for name, table in sorted(TABLES.items()):
            print_wrapped(f"{name}: kept {table.retention}")
            for each, columns in table.classes.items():
                print_wrapped(f"  {each}: {columns}")
            for column, key in table.keys.items():
                print_wrapped(f"  {column}: under {key}")
            for column, kept in table.retentions.items():
                print_wrapped(f"  {column}: kept {kept}")

    return app


def parse_period(start: str, end: str) -> Period:
    """Return the period of `--from` and `--to`; a malformed one is wrong usage."""
    begins, ends = _parse(start, "--from"), _parse(end, "--to")
    try:
        return Period(begins, ends)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from error


def _parse(text: str, option: str) -> datetime | None:
    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
