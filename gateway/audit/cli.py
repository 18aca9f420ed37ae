"""`gateway audit`: check the chain, and print its head to be kept elsewhere."""

import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.model import AuditHead
from gateway.audit.use_cases import read_audit_head, verify_audit
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, read_json_file, run

_DIGEST = re.compile(r"[0-9a-f]{64}")


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the audit."""
    app = new_typer("The tamper-evident record of every question, delivery and refusal.")

    @app.command("verify", epilog="Example: gateway audit verify --checkpoint head.json")
    def verify(
        *,
        checkpoint: Annotated[
            Path | None, typer.Option(help="A head printed earlier and kept elsewhere.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Check every row; exit 1 naming the first bad one. Only a checkpoint shows a tail cut off."""
        known = None if checkpoint is None else _read_head(checkpoint)

        async def work() -> AuditHead:
            async with open_gateway() as gateway:
                return await verify_audit(gateway.parts.database, known=known)

        head = run(work())
        if as_json:
            print_json({"ok": True, "rows": head.rows, "hash": head.hash})
        else:
            typer.echo(f"ok: {head.rows} rows\nhead: {head.hash}")

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


def _read_head(path: Path) -> AuditHead:
    members = read_json_file(path)
    rows, digest = (members.get("rows"), members.get("hash")) if isinstance(members, dict) else (None, None)
    if type(rows) is not int or rows < 0 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        fail(f"{path}: not a checkpoint; expected what `gateway audit checkpoint` prints")
    return AuditHead(rows=rows, hash=digest)
