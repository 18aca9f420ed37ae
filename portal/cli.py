"""`portal serve`: the test portal until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from portal import __version__
from portal.errors import StartRefused

app = typer.Typer(
    help="The DVCTT test portal: a client of the verification gateway, with synthetic people only.",
    epilog="Example: portal serve --port 8200",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
receipts = typer.Typer(help="Receipts of the gateway, and their proofs.", no_args_is_help=True)
app.add_typer(receipts, name="receipts")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"portal {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8200,
) -> None:
    """Serve citizens and officers until Ctrl-C.

    \b
    Examples:
      portal serve
      PORTAL_CLIENT_ID=acc_… PORTAL_CLIENT_SECRET_FILE=secret.txt \\
          portal serve --port 8200

    \b
    Settings, from the environment or .env in this folder (docs/test-portal.md):
      PORTAL_CLIENT_ID              the account at the gateway; must be set
      PORTAL_PRIVATE_KEY_FILE       its key, or on sandbox its secret:
      PORTAL_CLIENT_SECRET_FILE     one of the two must be set
      PORTAL_GATEWAY_URL            the gateway
      PORTAL_PROFILE                sandbox or official
      PORTAL_PUBLIC_URL             the address that visitors use
      PORTAL_LOGIN_ISSUER           the national login
      PORTAL_LOGIN_CLIENT_ID        the portal's name there
      PORTAL_DATABASE_URL           sqlite:///path of the dossiers
      PORTAL_STORE_KEY_FILE         their key; made if missing
      PORTAL_RETENTION_DAYS         days until a dossier is deleted
      PORTAL_TRUSTED_PROXIES        networks whose X-Forwarded-For counts
      PORTAL_LOGIN_RATE             sign-ins a minute of one person
      PORTAL_VERIFICATION_RATE      verifications a minute of one person
      PORTAL_MOCK_CONTROL_URL       the mock's control face, for /_test
      PORTAL_MOCK_CONTROL_TOKEN     its token
      PORTAL_SUSPENDED_CLIENT_ID    a suspended account, for /_test
      PORTAL_TEST_PAGE_PUBLIC       serve /_test at a public address too
    """
    # The libraries of the server are slow to load, and `--help` needs none.
    import uvicorn

    from portal.app import build_app
    from portal.settings import read_settings
    from portal.store import only_portal
    from witness.errors import StartRefused as BindRefused
    from witness.server import address_of, bind

    settings = read_settings()
    if host not in {"127.0.0.1", "localhost", "::1"} and settings.public_url is None:
        raise StartRefused(f"listening on {host}: set PORTAL_PUBLIC_URL to the address that visitors use")
    try:
        listener = bind(host, port)
    except BindRefused as error:
        raise StartRefused(str(error)) from error
    public_url = settings.public_url or address_of(host, listener)
    with only_portal(settings.database_url):
        served = build_app(settings, public_url=public_url)
        config = uvicorn.Config(
            served, lifespan="on", proxy_headers=False, ws="none", access_log=False, log_level="warning",
            server_header=False, timeout_graceful_shutdown=10,
            http="h11", h11_max_incomplete_event_size=64 * 1024,  # httptools keeps a head of any length
        )  # fmt: skip
        typer.echo("TEST DATA ONLY: a test portal; every person in it is synthetic.")
        typer.echo(f"portal: {public_url}")
        uvicorn.Server(config).run(sockets=[listener])


@receipts.command("verify", short_help="Check a proof of a receipt, without the gateway.")
def verify_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The proof (C2SP tlog-proof).")],
    key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Keys of witnesses and of the log, one a line; repeatable."),
    ],
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The receipt whose row it must be.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A witness's /checkpoint of the same tree, if the proof's is not cosigned."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a proof against a checkpoint that a witness has cosigned; exit 1 with the reason if it proves nothing.

    \b
    Examples:
      portal receipts verify ver_….tlog-proof --key witness.vkey
      portal receipts verify ver_….tlog-proof --key witness.vkey \\
          --key log.vkey --receipt receipt.txt
      portal receipts verify ver_….tlog-proof --key witness.vkey \\
          --checkpoint cosigned.txt
    """
    from portal.receipts import verify_files

    verify_files(file, key, receipt, checkpoint, as_json=as_json)
