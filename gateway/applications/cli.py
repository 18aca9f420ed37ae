"""`gateway official`: apply for the official account, and open what C06 issues. No secret is printed or written.

The modules that do the work load the libraries for HTTP and XML, so they are imported when a command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal import AsJson, DryRun, OpenGateway, fail, new_typer, print_json, run_in_gateway

if TYPE_CHECKING:
    from gateway.applications.document import Bundle
    from gateway.applications.statement import Statement
    from gateway.profiles.model import Gateway

_APPLY_HELP = """Write the application that C06 asks for: a signed bundle and a page to print.

Agency, procedures, data items, operations and officers come from the store;
FILE states the rest (--template prints one to fill in). A preflight of the
sandbox's connection asks the test environment about a number that nobody has.
For each missing piece the command prints one line, then exits with 1; --draft
writes the bundle anyway.
"""
_APPLY_EXAMPLES = """\b
Examples:
  gateway official application --template > application.toml
  gateway official application --file application.toml
  gateway official application --file application.toml --draft --json"""
_OPEN_HELP = """Open the file that C06 issued, and propose it as official's next revision.

Needs a signed-in proposer. The credentials are sealed to this gateway's key and
are not shown. The proposal names the application; it needs a preflight and a
second person like any other. With --issuer-key the file must be signed by that
key of C06's desk, and the proposal names the key.
"""
_OPEN_EXAMPLES = """\b
Examples:
  gateway official open --file issued.json --issuer-key desk.jwk.json
  gateway official open --file issued.json"""


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the official account."""
    app = new_typer("The official account: apply for it, open what is issued.")
    _add_application(app, open_gateway)
    _add_open(app, open_gateway)
    return app


def _add_application(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("application", help=_APPLY_HELP, epilog=_APPLY_EXAMPLES)
    def application(
        *,
        file: Annotated[Path | None, typer.Option(help="The statement, as TOML or JSON (.json).")] = None,
        template: Annotated[bool, typer.Option("--template", help="Print a file to fill in.")] = False,
        organisation: Annotated[
            str | None, typer.Option(help="The agency that applies, if the store has several.")
        ] = None,
        out: Annotated[Path, typer.Option(help="The bundle; the page has the same name, .html.")] = Path(
            "official-application.json"
        ),
        draft: Annotated[
            bool, typer.Option("--draft", help="Write an incomplete bundle, marked as draft.")
        ] = False,
        no_preflight: Annotated[
            bool, typer.Option("--no-preflight", help="Send nothing; then it is a draft.")
        ] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from gateway.applications.statement import TEMPLATE

        if template:
            typer.echo(TEMPLATE, nl=False)
            return
        stated, page = _read_statement(file), out.with_suffix(".html")
        if taken := next((path for path in (out, page) if path.exists()), None):
            fail(f"{taken}: exists, and may have been sent: name another file by --out")

        async def make(gateway: Gateway) -> Bundle:
            made = await _make(gateway, stated, organisation, preflight=not no_preflight)
            if dry_run and not as_json:
                _print_missing(made)
            return made

        bundle = run_in_gateway(open_gateway, make, dry_run=dry_run, as_json=as_json)
        written = draft or not bundle.draft
        if written:
            _write(out, bundle.text)
            _write(page, bundle.page)
        _print_bundle(bundle, (out, page) if written else None, as_json=as_json)


async def _make(gateway: Gateway, stated: Statement, organisation: str | None, *, preflight: bool) -> Bundle:
    from gateway.applications.use_cases import make_application
    from gateway.audit.model import LOCAL
    from gateway.operators.sessions import find_operator
    from gateway.preflight.recorder import PreflightNetwork
    from gateway.registry.egress import open_transport

    preflight_network = PreflightNetwork(open_transport=open_transport) if preflight else None
    operator = await find_operator(gateway)
    by = LOCAL if operator is None else operator.name
    return await make_application(
        gateway, stated, by=by, organisation=organisation, preflight_network=preflight_network
    )


def _read_statement(file: Path | None) -> Statement:
    from gateway.applications.statement import Statement, read_statement

    if file is None:
        return Statement()
    try:
        return read_statement(file)
    except ValueError as error:
        fail(f"{file}: {error}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode())  # bytes, since the hash is over them
    except OSError as error:
        fail(f"{path}: can't be written ({error.strerror})")


def _print_missing(bundle: Bundle) -> None:
    for each in bundle.missing:
        typer.echo(f"missing: {each.what}: {each.remedy}")


def _print_bundle(bundle: Bundle, files: tuple[Path, Path] | None, *, as_json: bool) -> None:
    """Print the result: `files` are the bundle and its page, None if nothing was written."""
    out, page = map(str, files) if files else (None, None)
    if as_json:
        members = {
            "bundle": out,
            "sha256": bundle.sha256 if files else None,
            "page": page,
            "complete": not bundle.draft,
            "missing": [{"what": each.what, "remedy": each.remedy} for each in bundle.missing],
        }
        print_json(members)
    else:
        _print_missing(bundle)
        if files:
            typer.echo(f"bundle: {out}{' (a draft: not to be sent)' if bundle.draft else ''}")
            typer.echo(f"sha256: {bundle.sha256}\npage: {page}")
    if not files:
        fail(f"incomplete, {len(bundle.missing)} missing: nothing was written; --draft writes it anyway")


def _add_open(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("open", help=_OPEN_HELP, epilog=_OPEN_EXAMPLES)
    def open_file(
        *,
        file: Annotated[Path, typer.Option(help="The file from C06's desk.")],
        issuer_key: Annotated[
            Path | None, typer.Option(help="The desk's public JWK, received over another channel.")
        ] = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from gateway.changes.cli_acts import ChangeCommands

        commands = ChangeCommands(open_gateway=open_gateway, as_json=as_json, dry_run=dry_run)
        commands.propose_issued(file, issuer_key)
        if issuer_key is None:
            typer.echo("warning: no signature was checked: give the desk's key by --issuer-key", err=True)
