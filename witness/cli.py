"""`witness serve`: follow a log and show its cosigned checkpoint until Ctrl-C."""

import asyncio
import logging
import math
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witness import __version__
from witness.errors import NoteInvalid, StartRefused
from witness.follower import Witness
from witness.log_client import LogClient
from witness.notes import Algorithm, Cosigner, VerifierKey, parse_keys
from witness.record import RecordFile
from witness.server import Server
from witness.web import build_app

NAME = "dancu-witness"
app = typer.Typer(
    help="A witness of a verification gateway's signed log, for another party to run.",
    no_args_is_help=True,
    add_completion=False,
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
        typer.Option(metavar="FILE", help="The log's keys (vkey lines), instead of those it shows first."),
    ] = None,
) -> None:
    """Follow the log and show its cosigned checkpoint until Ctrl-C; exit 1 if it has forked or lost rows.

    What the witness knows is in a file beside the key, KEY.record: keep both.

    \b
    Examples:
      witness serve --gateway https://gateway.example --key witness.key
      witness serve --gateway http://127.0.0.1:8000 --key witness.key --interval 1
    """
    _require_address(gateway)
    if not math.isfinite(interval):
        raise StartRefused("--interval is a number of seconds")
    _log_to_stderr()
    cosigner = open_key(key, name)
    keys = [] if log_key is None else _read_log_keys(log_key)
    file = RecordFile(key.with_name(f"{key.name}.record"))
    with file.locked(), _bind(host, port) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        typer.echo(f"witness: {address}\nkey: {cosigner.key}")
        has_alarm = asyncio.run(_serve(gateway, cosigner, file, keys, interval, listener))
    if has_alarm:
        raise typer.Exit(1)


def _require_address(gateway: str) -> None:
    """Refuse what no request can be sent to. Raises `StartRefused`."""
    try:
        address = httpx.URL(gateway)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in {"http", "https"} or not address.host:
        raise StartRefused("--gateway: expected an address such as https://gateway.example")


def open_key(path: Path, name: str | None) -> Cosigner:
    """Read a witness's key, or make one that only its owner may read. Raises `StartRefused`."""
    try:
        cosigner = Cosigner.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        cosigner = Cosigner(name or NAME, Ed25519PrivateKey.generate())
        _write_key(path, cosigner)
    except (OSError, UnicodeDecodeError, NoteInvalid):
        raise StartRefused(f"{path}: not a witness's key; name a new file to make one") from None
    if name not in {None, cosigner.key.name}:
        raise StartRefused(f"{path}: the key of {cosigner.key.name}; a key's name doesn't change")
    return cosigner


def _write_key(path: Path, cosigner: Cosigner) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(cosigner.write())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StartRefused(f"{path}: can't be made ({error.strerror})") from None


def _read_log_keys(path: Path) -> list[VerifierKey]:
    try:
        keys = parse_keys(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path}: can't be read ({type(error).__name__})") from None
    except NoteInvalid as error:
        raise StartRefused(f"{path}: {error}") from None
    if not keys or any(key.algorithm is not Algorithm.ED25519 for key in keys):
        raise StartRefused(f"{path}: the keys of a log are expected, one vkey a line")
    return keys


async def _serve(
    gateway: str,
    cosigner: Cosigner,
    file: RecordFile,
    keys: list[VerifierKey],
    interval: float,
    listener: socket.socket,
) -> bool:
    """Follow and answer until SIGINT or SIGTERM; return whether there is an alarm then."""
    async with httpx.AsyncClient(trust_env=False) as client:
        witness = Witness(LogClient(client, gateway), cosigner, file, now=_now, keys=keys)

        @asynccontextmanager
        async def following() -> AsyncIterator[None]:
            task = asyncio.create_task(witness.follow(interval))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

        await Server(build_app(witness, following)).serve(sockets=[listener])
    return witness.state.is_alarm


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise StartRefused(f"can't listen on {host} port {port}: {error.strerror}") from error
    return listener


def _now() -> int:
    return int(time.time())  # noqa: TID251 - the program's own clock; tests hand in another


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
