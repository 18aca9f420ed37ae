"""`gateway audit`: check the rows and the state in evidence, and print a signed checkpoint to be stored elsewhere."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal import (
    AsJson,
    OpenGateway,
    fail,
    new_typer,
    print_json,
    print_table,
    run,
    run_in_gateway,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.audit.checkpoints import Checkpoint
    from gateway.audit.kept_cli import KeptCheckpoints
    from gateway.audit.proofs import Inclusion
    from gateway.audit.report import AuditReport, StateReport
    from gateway.audit.verify import Trust
    from gateway.profiles.model import Gateway
    from gateway.settings import Settings
    from gateway.storage.database import Database

    _Found = tuple[AuditReport | StateReport, KeptCheckpoints]

_POLL_S = 0.05
_BAR = 30


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the audit."""
    app = new_typer("The tamper-evident record of every question, delivery and refusal.")
    _add_verify(app, open_gateway)
    _add_checkpoint(app, open_gateway)
    _add_proof(app, open_gateway)
    return app


def _add_verify(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("verify", epilog="Example: gateway audit verify --state --checkpoint checkpoint.txt")
    def verify(
        *,
        checkpoint: Annotated[
            Path | None, typer.Option(help="An earlier `audit checkpoint`, stored elsewhere.")
        ] = None,
        state: Annotated[
            bool,
            typer.Option("--state", help="Also compare accounts, operators, changes … with the audit."),
        ] = False,
        reported: Annotated[
            int,
            typer.Option(
                min=0,
                metavar="ROW",
                help="Known edits and lost entries, recorded up to this row, are accepted.",
            ),
        ] = 0,
        keyless: Annotated[
            bool,
            typer.Option("--keyless", help="Without the master key: every hash, no signature and no MAC."),
        ] = False,
        witness: Annotated[
            str | None,
            typer.Option(metavar="URL", help="A witness's address, or a file with its checkpoint."),
        ] = None,
        witness_key: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="The witness's key (its /key), kept from the first time."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Check every row and every signed checkpoint; exit 1 naming the first bad row.

        Rows that wait get their place first; one that still waits after 60 seconds is a fault. Only a checkpoint kept
        elsewhere, or the head that a server keeps beside the master key, shows missing last rows: those in
        GATEWAY_CHECKPOINT_FILE are compared too, and with --witness the one that it cosigned last.
        """
        from gateway.audit.kept_cli import read_kept
        from gateway.audit.verify import KEYLESS, read_trust
        from gateway.storage.heads import find_head_file, require_not_older

        read = partial(read_kept, checkpoint=checkpoint, witness=witness, witness_key=witness_key)
        check = partial(_check, read, state=state, reported=reported)

        async def work() -> _Found:
            if keyless:
                async with open_gateway.store() as database:
                    return await check(database, KEYLESS, None)
            async with open_gateway() as gateway:
                deps = gateway.deps
                await require_not_older(deps.database, find_head_file(gateway.settings))
                await gateway.sequencer.try_run()
                trust = await read_trust(deps.database, gateway.vault, now=deps.clock.now())
                return await check(deps.database, trust, gateway.settings)

        _print_found(*run(work()), as_json=as_json)


async def _check(
    read: Callable[[Database, Settings | None], Awaitable[KeptCheckpoints]],
    database: Database,
    trust: Trust,
    settings: Settings | None,
    *,
    state: bool,
    reported: int,
) -> _Found:
    """Check the log with what `read` finds elsewhere, and on demand the state. Raises `AuditBroken`."""
    from gateway.audit.verify import verify_audit, verify_state
    from gateway.schema import all_tables

    kept = await read(database, settings)
    if state:
        all_tables()
    verify: Callable[..., Awaitable[AuditReport | StateReport]] = verify_state if state else verify_audit
    found = await verify(
        database, trust=trust, known=kept.known, reported=reported, progress=_report_progress
    )
    return found, kept


def _add_checkpoint(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("checkpoint", epilog="Example: gateway audit checkpoint > checkpoint.txt")
    def print_checkpoint(*, as_json: AsJson = False) -> None:
        """Print a signed checkpoint of all rows until now (a C2SP note), to be stored elsewhere.

        It is also copied to the file and the URL of the settings, GATEWAY_CHECKPOINT_FILE and _URL.
        """

        async def make(gateway: Gateway) -> Checkpoint | None:
            made = await _make_checkpoint(gateway)
            if made is not None:
                await gateway.copies.keep(made, now=gateway.deps.clock.now(), demanded=True)
            return made

        found = run_in_gateway(open_gateway, make)
        if found is None:
            fail("the audit has no rows yet")
        if as_json:
            members = {"origin": found.origin, "size": found.size, "root": found.root.hex()}
            print_json(members | {"note": found.note})
        else:
            typer.echo(found.note, nl=False)


def _add_proof(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("proof", epilog="Example: gateway audit proof 42 > row-42.proof")
    def print_proof(
        row: Annotated[int, typer.Argument(min=1, metavar="ROW", help="The row's number, from 1.")],
        *,
        as_json: AsJson = False,
    ) -> None:
        """Print the proof that a row is in the signed tree (C2SP tlog-proof), with its checkpoint."""

        from gateway.audit.proofs import encode, prove_row, write_proof

        async def prove(gateway: Gateway) -> tuple[Inclusion, Checkpoint]:
            await _make_checkpoint(gateway)
            return await prove_row(gateway.deps.database, row)

        found, checkpoint = run_in_gateway(open_gateway, prove)
        if as_json:
            members = {"row": found.row, "leaf_index": found.row - 1, "tree_size": found.size}
            hashes = {"leaf_hash": encode([found.leaf])[0], "hashes": encode(found.hashes)}
            print_json(members | hashes | {"note": checkpoint.note})
        else:
            typer.echo(write_proof(found, checkpoint), nl=False)


async def _make_checkpoint(gateway: Gateway) -> Checkpoint | None:
    """Return the checkpoint of every row committed until now; None of an empty audit. Raises `AuditBroken`."""
    import asyncio

    from gateway.audit.checkpoints import NoteInvalid
    from gateway.audit.proofs import find_checkpoint
    from gateway.errors.operators import AuditBroken

    while not await gateway.sequencer.run():  # noqa: ASYNC110 - another process is at it
        await asyncio.sleep(_POLL_S)
    try:
        return await find_checkpoint(gateway.deps.database)
    except NoteInvalid:
        raise AuditBroken("the last checkpoint was changed: gateway audit verify names it") from None


def _print_found(found: AuditReport | StateReport, kept: KeptCheckpoints, *, as_json: bool) -> None:
    from gateway.audit.report import StateReport

    audit, state = (found.audit, found) if isinstance(found, StateReport) else (found, None)
    if as_json:
        members = {"ok": True} | asdict(audit) | kept.members
        print_json(members | (_state_members(state) if state else {}))
        return
    _print_audit(audit)
    for line in kept.lines:
        typer.echo(line)
    if state:
        _print_state(state)


def _print_audit(audit: AuditReport) -> None:
    typer.echo(f"ok: {audit.rows} rows")
    waiting = f", {audit.waiting} rows wait" if audit.waiting else ""
    typer.echo(f"tree: reaches row {audit.size}{waiting}\nroot: {audit.root}")
    last = f", the last at row {audit.signed}" if audit.signed else ""
    for why, count in audit.erased.why.items():
        typer.echo(f"erased: {count} rows have no entry any more: {why}")
    if audit.authenticated is None:
        typer.echo(f"checkpoints: {audit.checkpoints}{last}")
        typer.echo("without the master key: no signature and no MAC was checked, only hashes")
        return
    typer.echo(f"checkpoints: {audit.checkpoints} signed{last}")
    typer.echo(f"entries: {audit.authenticated} authenticated by their MAC")
    if audit.adopted:
        typer.echo(f"rows 1 to {audit.adopted} have none: an older version wrote them")


def _report_progress(what: str, count: int, total: int | None) -> None:
    """Show the progress of a long check on stderr: a bar on a terminal, else lines."""
    from gateway.audit.state_check import STEP

    if total is None or not sys.stderr.isatty():
        typer.echo(f"checked {count} {what} …", err=True)
    else:
        is_last = total - count < STEP
        typer.echo(f"\r{draw_bar(count, total)} {what}", err=True, nl=is_last)


def draw_bar(count: int, total: int) -> str:
    """Return a bar of `_BAR` characters with both numbers."""
    done = min(_BAR * count // max(total, 1), _BAR)
    return f"[{'#' * done:.<{_BAR}}] {count:,} of {total:,}"


def _state_members(report: StateReport) -> dict[str, object]:
    return {"state": {"tables": dict(report.tables), "baselines": list(report.baselines)}}


def _print_state(report: StateReport) -> None:
    print_table(["TABLE", "ROWS"], [[name, str(count)] for name, count in report.tables.items()])
    rows, tables = sum(report.tables.values()), len(report.tables)
    typer.echo(f"state: {rows} rows of {tables} tables agree with the audit")
    if report.baselines:
        first, last = report.baselines[0], report.baselines[-1]
        typer.echo(f"baseline: rows {first} to {last}; edits from before it can't be found")
