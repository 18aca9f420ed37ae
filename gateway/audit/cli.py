"""`gateway audit`: check the chain and the rows it vouches for, and print its head to be kept elsewhere."""

import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.model import AuditHead
from gateway.audit.use_cases import StateReport, read_audit_head, verify_audit, verify_state
from gateway.tables import all_tables
from gateway.terminal import (
    AsJson,
    OpenGateway,
    fail,
    new_typer,
    print_json,
    print_table,
    read_json_file,
    run,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the audit."""
    app = new_typer("The tamper-evident record of every question, delivery and refusal.")

    @app.command("verify", epilog="Example: gateway audit verify --state --checkpoint head.json")
    def verify(
        *,
        checkpoint: Annotated[
            Path | None, typer.Option(help="A head printed earlier and kept elsewhere.")
        ] = None,
        state: Annotated[
            bool,
            typer.Option("--state", help="Also compare accounts, operators, changes … with the audit."),
        ] = False,
        reported: Annotated[
            int,
            typer.Option(
                min=0, metavar="ROW", help="With --state: edits taken over up to this row are looked into."
            ),
        ] = 0,
        as_json: AsJson = False,
    ) -> None:
        """Check every row; exit 1 naming the first bad one. Only a checkpoint shows a tail cut off."""
        known = None if checkpoint is None else _read_head(checkpoint)

        async def work() -> AuditHead | StateReport:
            async with open_gateway() as gateway:
                database = gateway.parts.database
                if not state:
                    return await verify_audit(database, known=known, progress=_say)
                all_tables()
                return await verify_state(database, known=known, reported=reported, progress=_say)

        found = run(work())
        head = found.head if isinstance(found, StateReport) else found
        report = found if isinstance(found, StateReport) else None
        if as_json:
            print_json(
                {"ok": True, "rows": head.rows, "hash": head.hash}
                | (_state_members(report) if report else {})
            )
        else:
            typer.echo(f"ok: {head.rows} rows\nhead: {head.hash}")
            if report:
                _print_state(report)

    @app.command("checkpoint", epilog="Example: gateway audit checkpoint > head.json")
    def print_checkpoint(*, as_json: AsJson = False) -> None:
        """Print the number of rows and the last row's hash, always as JSON. Not signed yet: keep it safe."""
        del as_json  # accepted like everywhere

        async def work() -> AuditHead:
            async with open_gateway() as gateway:
                return await read_audit_head(gateway.parts.database)

        head = run(work())
        print_json({"rows": head.rows, "hash": head.hash})

    return app


def _say(what: str, count: int) -> None:
    """Tell on stderr how far a long check is."""
    typer.echo(f"checked {count} {what} …", err=True)


def _state_members(report: StateReport) -> dict[str, object]:
    return {"state": {"tables": dict(report.tables), "baselines": list(report.baselines)}}


def _print_state(report: StateReport) -> None:
    print_table(["TABLE", "ROWS"], [[name, str(count)] for name, count in report.tables.items()])
    rows, tables = sum(report.tables.values()), len(report.tables)
    typer.echo(f"state: {rows} rows of {tables} tables are as the audit says")
    if report.baselines:
        first, last = report.baselines[0], report.baselines[-1]
        typer.echo(f"baseline: rows {first} to {last}; nothing vouches for what was there before")


def _read_head(path: Path) -> AuditHead:
    members = read_json_file(path)
    rows, digest = (members.get("rows"), members.get("hash")) if isinstance(members, dict) else (None, None)
    if type(rows) is not int or rows < 0 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        fail(f"{path}: not a checkpoint; expected what `gateway audit checkpoint` prints")
    return AuditHead(rows=rows, hash=digest)
