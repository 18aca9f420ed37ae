"""`gateway official`: apply for the official account, and open what C06 issues. No secret is printed or written.

What does the work is loaded when a command runs: it brings the wire's libraries.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.changes.printing import print_change
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, run

if TYPE_CHECKING:
    from gateway.applications.model import Bundle, Statement
    from gateway.profiles.model import Gateway

_APPLY_HELP = """Gather what C06 asks for into one signed bundle and a page to print.

Agency, procedures, data items, operations and officers come from the store;
what it can't know is stated in FILE (--template prints one to fill in). A
preflight of the sandbox's connection asks the test environment about nobody.
Each missing piece is one line, and exit 1; --draft writes all the same.
"""
_APPLY_EXAMPLES = """\b
Examples:
  gateway official application --template > application.toml
  gateway official application --file application.toml
  gateway official application --file application.toml --draft --json"""
_OPEN_HELP = """Open what C06's desk issued, and propose it as official's next revision.

A proposer's act. The credentials are sealed to this gateway's key, and stay
sealed: nothing of them is shown. Nothing changes yet: the proposal names the
application, and needs a preflight and a second person like any other. With
--issuer-key it names the desk's key too, which must have signed the file.
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
        file: Annotated[Path | None, typer.Option(help="What is stated, TOML or .json.")] = None,
        template: Annotated[bool, typer.Option("--template", help="Print a file to fill in.")] = False,
        organisation: Annotated[str | None, typer.Option(help="Who applies, where several could.")] = None,
        out: Annotated[Path, typer.Option(help="The bundle; the page lies beside it as .html.")] = Path(
            "official-application.json"
        ),
        draft: Annotated[
            bool, typer.Option("--draft", help="Write what is there, marked as a draft.")
        ] = False,
        no_preflight: Annotated[
            bool, typer.Option("--no-preflight", help="Send nothing; a draft then.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        from gateway.applications.statement import TEMPLATE  # noqa: PLC0415 - slow to load, as its like below

        if template:
            typer.echo(TEMPLATE, nl=False)
            return
        stated, page = _read_statement(file), out.with_suffix(".html")
        if taken := next((path for path in (out, page) if path.exists()), None):
            fail(f"{taken}: is there already, and may have been sent: name another by --out")
        bundle = run(_make(open_gateway, stated, organisation, preflight=not no_preflight))
        written = draft or not bundle.draft
        if written:
            _write(out, bundle.text)
            _write(page, bundle.page)
        _print_bundle(bundle, out if written else None, page if written else None, as_json=as_json)


async def _make(
    open_gateway: OpenGateway,
    stated: "Statement",
    organisation: str | None,
    *,
    preflight: bool,
) -> "Bundle":
    from gateway.applications.use_cases import make_application  # noqa: PLC0415 - slow to load
    from gateway.registry.probe_model import WayOut  # noqa: PLC0415 - slow to load
    from gateway.registry.transport import open_transport  # noqa: PLC0415 - slow to load

    way_out = WayOut(open_transport=open_transport) if preflight else None
    async with open_gateway() as gateway:
        by = await _actor(gateway)
        return await make_application(gateway, stated, by=by, organisation=organisation, way_out=way_out)


async def _actor(gateway: "Gateway") -> str:
    """Return who is signed in here, or `local` where nobody is."""
    from gateway.audit.model import LOCAL  # noqa: PLC0415 - slow to load
    from gateway.operators.token_file import find_token, operator_of  # noqa: PLC0415 - slow to load

    return LOCAL if find_token(gateway.opener.settings) is None else (await operator_of(gateway)).name


def _read_statement(file: Path | None) -> "Statement":
    from gateway.applications.model import Statement  # noqa: PLC0415 - slow to load
    from gateway.applications.statement import read_statement  # noqa: PLC0415 - slow to load

    if file is None:
        return Statement()
    try:
        return read_statement(file)
    except ValueError as error:
        fail(f"{file}: {error}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode())  # to the byte: the hash is over them
    except OSError as error:
        fail(f"{path}: can't be written ({error.strerror})")


def _print_bundle(bundle: "Bundle", out: Path | None, page: Path | None, *, as_json: bool) -> None:
    if as_json:
        members: dict[str, Any] = {
            "bundle": str(out) if out else None,
            "sha256": bundle.sha256 if out else None,
            "page": str(page) if page else None,
            "complete": not bundle.draft,
            "missing": [{"what": each.what, "remedy": each.remedy} for each in bundle.missing],
        }
        print_json(members)
    else:
        _print_lines(bundle, out, page)
    if out is None:
        fail(f"incomplete, {len(bundle.missing)} missing: nothing was written; --draft writes all the same")


def _print_lines(bundle: "Bundle", out: Path | None, page: Path | None) -> None:
    for each in bundle.missing:
        typer.echo(f"missing: {each.line}")
    if out is not None:
        typer.echo(f"bundle: {out}{' (a draft: not to be sent)' if bundle.draft else ''}")
        typer.echo(f"sha256: {bundle.sha256}")
        typer.echo(f"page: {page}")


def _add_open(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("open", help=_OPEN_HELP, epilog=_OPEN_EXAMPLES)
    def open_file(
        *,
        file: Annotated[Path, typer.Option(help="As C06's desk gave it.")],
        issuer_key: Annotated[
            Path | None, typer.Option(help="The desk's public JWK, got apart from the file.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        from gateway.changes.cli_acts import Acts  # noqa: PLC0415 - slow to load

        acts = Acts(open_gateway=open_gateway)
        print_change(run(acts.propose_issued(file, issuer_key)), as_json=as_json)
        if issuer_key is None:
            typer.echo("warning: nobody's signature was checked: --issuer-key names the desk's key", err=True)
