"""`witness serve`: follow a log and show its cosigned checkpoint until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from witness import __version__

app = typer.Typer(
    help="A witness of a verification gateway's signed log, for another party to run.",
    epilog="Example: witness serve --gateway https://gateway.example --key witness.key",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"witness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command("serve", short_help="Follow the log and cosign its checkpoints until Ctrl-C.")
def serve_command(
    gateway: Annotated[str, typer.Option(metavar="URL", help="The gateway's address.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="This witness's key; made if missing.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8300,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two checks.")] = 10.0,
    name: Annotated[
        str | None, typer.Option(help="The name of a new key, such as its owner's domain.")
    ] = None,
    log_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The log's keys (vkey lines, the newest first), instead of those it shows first.",
        ),
    ] = None,
) -> None:
    """Follow the log and show its cosigned checkpoint until Ctrl-C; exit 1 if it has forked or lost rows.

    What the witness knows is in a file beside the key, KEY.record: keep both.

    \b
    Examples:
      witness serve --gateway https://gateway.example --key witness.key
      witness serve --gateway http://127.0.0.1:8000 --key witness.key --interval 1
    """
    from witness.serving import serve

    has_alarm = serve(
        gateway, key, host=host, port=port, interval=interval, name=name, log_key=log_key, say=typer.echo
    )
    if has_alarm:
        raise typer.Exit(1)
