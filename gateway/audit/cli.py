"""`gateway audit`: check the rows and the state in evidence, and print a signed checkpoint to be stored elsewhere.

`audit verify` compares the log with such checkpoints too: with those in files, and with the one that a witness has.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.bounded_files import FileTooLarge, read_bounded_text
from gateway.errors.operators import AuditBroken, StateWrong
from gateway.terminal import (
    AsJson,
    OpenGateway,
    counted,
    fail,
    new_typer,
    print_json,
    print_result,
    print_table,
    run,
    run_in_gateway,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.audit.checkpoints import Checkpoint, Inclusion, Signers
    from gateway.audit.state_check import AuditReport, StateReport
    from gateway.audit.verify import Known, Trust
    from gateway.profiles.model import Gateway
    from gateway.settings import Settings
    from gateway.storage.checkpoint_copies import Witnessed
    from gateway.storage.database import Database

    _Found = tuple[AuditReport | StateReport, "KeptCheckpoints"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_KEPT = 64 << 20
"""Limit of a file's bytes: a gateway that copies a checkpoint a minute writes as much in eight months."""

_WitnessKeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The witness's key (its /key), kept from the first time."),
]

_BAR = 30


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the audit."""
    app = new_typer("The tamper-evident record of every question, delivery and refusal.")
    _add_verify(app, open_gateway)
    _add_checkpoint(app, open_gateway)
    _add_proof(app, open_gateway)
    _add_witness(app, open_gateway)
    return app


def _add_verify(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("verify", epilog="Example: gateway audit verify --state --checkpoint checkpoint.txt")
    def verify(
        *,
        checkpoint: Annotated[
            Path | None, typer.Option(help="Earlier `audit checkpoint`s, stored elsewhere.")
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
        witness_key: _WitnessKeyFile = None,
        as_json: AsJson = False,
    ) -> None:
        """Check every row and every signed checkpoint; exit 1 naming the first bad row.

        Rows that wait get their place first; one that still waits after 60 seconds is a fault. Only a checkpoint kept
        elsewhere, or the head that a server keeps in a file, shows missing last rows: those in
        GATEWAY_CHECKPOINT_FILE are compared too, and with --witness the one that it cosigned last.
        """
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
    read: Callable[..., Awaitable[KeptCheckpoints]],
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

    kept = await read(database, settings, signers=trust.signers)
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
        from gateway.audit.checkpoints import encode, prove_row, write_proof

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


def _add_witness(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("witness", epilog="Example: gateway audit witness https://witness.example")
    def print_witness(
        witness: Annotated[
            str, typer.Argument(metavar="URL", help="The witness's address, or a file with its checkpoint.")
        ],
        *,
        witness_key: _WitnessKeyFile = None,
        as_json: AsJson = False,
    ) -> None:
        """Print what a witness cosigned last, if the log agrees; `audit verify --witness` checks every row too."""

        async def compare(gateway: Gateway) -> tuple[Witnessed, int]:
            from gateway.audit.checkpoints import count_later, find_intact_checkpoint

            last = await find_intact_checkpoint(gateway.deps.database)
            found = await _read_cosigned(witness, witness_key, last)
            return found, await count_later(gateway.deps.database, found.checkpoint)

        found, later = run_in_gateway(open_gateway, compare)
        text = f"{found}\nlog: agrees, and has {counted(later, 'signed row')} after it"
        print_result({"witness": found.members(), "later": later}, text, as_json=as_json)


async def _make_checkpoint(gateway: Gateway) -> Checkpoint | None:
    """Return the checkpoint of every row committed until now; None of an empty audit. Raises `AuditBroken`."""
    from gateway.audit.checkpoints import find_intact_checkpoint

    await gateway.sequencer.run_to_end()
    return await find_intact_checkpoint(gateway.deps.database)


def _print_found(found: AuditReport | StateReport, kept: KeptCheckpoints, *, as_json: bool) -> None:
    from gateway.audit.state_check import StateReport

    audit, state = (found.audit, found) if isinstance(found, StateReport) else (found, None)
    if as_json:
        members = {"ok": True} | asdict(audit) | kept.members
        if state:
            members["state"] = {"tables": dict(state.tables), "baselines": list(state.baselines)}
        print_json(members)
        return
    _print_audit(audit)
    for line in kept.lines:
        typer.echo(line)
    if state:
        _print_state(state)


def _print_audit(audit: AuditReport) -> None:
    typer.echo(f"ok: {counted(audit.rows, 'row')}")
    waiting = f", {counted(audit.waiting, 'row')} wait{'s' * (audit.waiting == 1)}" if audit.waiting else ""
    typer.echo(f"tree: reaches row {audit.size}{waiting}\nroot: {audit.root}")
    last = f", the last at row {audit.signed}" if audit.signed else ""
    for why, count in audit.erased.why.items():
        typer.echo(
            f"erased: {counted(count, 'row')} {'has' if count == 1 else 'have'} no entry any more: {why}"
        )
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
        typer.echo(f"\r{draw_bar(count, total)} {what}", err=True, nl=total - count < STEP)


def draw_bar(count: int, total: int) -> str:
    """Return a bar of `_BAR` characters with both numbers."""
    done = min(_BAR * count // max(total, 1), _BAR)
    return f"[{'#' * done:.<{_BAR}}] {count:,} of {total:,}"


def _print_state(report: StateReport) -> None:
    print_table(["TABLE", "ROWS"], [[name, str(count)] for name, count in report.tables.items()])
    rows, tables = sum(report.tables.values()), len(report.tables)
    typer.echo(f"state: {rows} rows of {tables} tables agree with the audit")
    if report.baselines:
        first, last = report.baselines[0], report.baselines[-1]
        typer.echo(f"baseline: rows {first} to {last}; edits from before it can't be found")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoints:
    """The kept checkpoints; `lines` and `members` say of each source, once they agree, what was compared."""

    known: Sequence[Known]
    lines: Sequence[str] = ()
    members: dict[str, object] = field(default_factory=dict)


async def read_kept(
    database: Database,
    settings: Settings | None,
    *,
    signers: Signers | None = None,
    checkpoint: Path | None = None,
    witness: str | None = None,
    witness_key: Path | None = None,
) -> KeptCheckpoints:
    """Read everything before the log is read: a running gateway may sign and copy a later checkpoint meanwhile.

    Without `settings` there is no file of copies. `signers`: a copy that names none of these keys is not this store's.

    Raises:
        StateWrong: a file or a witness has no checkpoint of this log.
    """
    from gateway.audit.checkpoints import find_intact_checkpoint
    from gateway.storage.checkpoint_copies import find_checkpoint_file

    known: list[Known] = [] if checkpoint is None else _read_known(checkpoint)
    try:
        last = await find_intact_checkpoint(database)
    except AuditBroken:  # the check of the log names it, and the first bad row
        return KeptCheckpoints(known=known)
    lines = []
    members: dict[str, object] = {}
    file = None if settings is None else find_checkpoint_file(settings)
    if file is not None:
        copies = _read_copies(file, last, signers)
        known += copies
        agree = f"{len(copies)} agree" if copies else "none yet"
        lines.append(f"copies of checkpoints: {agree} ({file})")
        members["copies"] = {"file": str(file), "checkpoints": len(copies)}
    if witness is not None:
        found = await _read_cosigned(witness, witness_key, last)
        known.append(found.checkpoint)
        lines.append(str(found))
        members["witness"] = found.members()
    return KeptCheckpoints(known=known, lines=lines, members=members)


async def _read_cosigned(witness: str, key: Path | None, last: Checkpoint | None) -> Witnessed:
    """Return what a witness of this log cosigned last. Raises `StateWrong`."""
    from gateway.storage.checkpoint_copies import read_text, read_witness

    found = await read_witness(witness, None if key is None else read_text(key))
    if last is None or found.checkpoint.origin != last.origin:
        raise StateWrong(f"{witness}: the witness follows another log, {found.checkpoint.origin}")
    return found


def _read_copies(file: Path, last: Checkpoint | None, signers: Signers | None) -> list[Checkpoint]:
    """Return the copies of this log; other logs of the folder may have theirs in the same file."""
    from gateway.audit.checkpoints import NoteInvalid
    from gateway.storage.checkpoint_copies import read_copies

    remedy = "put back the file that the gateway appended to"
    try:
        found = read_copies(file)
    except OSError as error:
        raise StateWrong(f"{file}: {error.strerror}") from None
    except NoteInvalid:
        raise StateWrong(f"{file}: no checkpoint in it; {remedy}") from None
    ours = [each for each in found if last is None or each.origin == last.origin]
    if found and not ours:
        raise StateWrong(f"{file}: no checkpoint of this log in it; {remedy}")
    other = next((each for each in ours if signers is not None and not signers.are_named(each)), None)
    if other is not None:
        raise StateWrong(
            f"{file}: a key that this store never had signed row {other.size} of {other.origin}. If another store's gateway "
            "appends to this file, give each its own GATEWAY_CHECKPOINT_FILE or GATEWAY_PUBLIC_URL, and move this file "
            "aside; if none does, somebody replaced this store's keys, or the file"
        )
    return [replace(each, note="") for each in ours]


def _read_known(path: Path) -> list[Known]:
    """Read what `audit checkpoint` printed, once or more often: notes, JSON with a note, or before schema 0017 JSON with a hash.

    Raises:
        StateWrong: also if only a part of the file is read; a checkpoint that is left out could be the one that differs.
    """
    from gateway.audit.checkpoints import find_only_notes
    from gateway.audit.model import AuditHead

    try:
        text = read_bounded_text(path, most=_MOST_KEPT, errors="replace")
    except FileTooLarge as error:
        raise StateWrong(f"{path}: {error.strerror}: give a file with the last checkpoints") from None
    except OSError as error:
        raise StateWrong(f"{path}: {error.strerror}") from None
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = {"note": text}
    members = members if isinstance(members, dict) else {}
    if isinstance(members.get("note"), str) and (found := find_only_notes(members["note"])):
        return [replace(each, note="") for each in found]
    rows, digest = members.get("rows"), members.get("hash")
    if type(rows) is not int or rows < 0 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise StateWrong(f"{path}: not a checkpoint; expected what `gateway audit checkpoint` prints")
    return [AuditHead(rows=rows, hash=digest)]
