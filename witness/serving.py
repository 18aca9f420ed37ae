"""Serve a witness: read its key, follow the log, and show the cosigned checkpoint until a signal ends it."""

import asyncio
import logging
import math
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witness.bounded_files import read_bounded_text, why_unread
from witness.errors import NoteInvalid, StartRefused
from witness.follower import Witness
from witness.log_client import LogClient
from witness.notes import Algorithm, Cosigner, VerifierKey, parse_keys
from witness.record import RecordFile
from witness.server import Server, address_of, bind
from witness.web import build_app

NAME = "dancu-witness"


def serve(
    gateway: str,
    key: Path,
    *,
    host: str,
    port: int,
    interval: float,
    name: str | None,
    log_key: Path | None,
    say: Callable[[str], object],
) -> bool:
    """Follow and answer until SIGINT or SIGTERM; say the address and the key first. Return whether there is an alarm then.

    Raises:
        StartRefused: a value can't be used, a file can't be read, the port is taken.
    """
    _require_address(gateway)
    if not math.isfinite(interval):
        raise StartRefused("--interval is a number of seconds")
    _log_to_stderr()
    cosigner = open_key(key, name)
    keys = [] if log_key is None else _read_log_keys(log_key)
    file = RecordFile(key.with_name(f"{key.name}.record"))
    with file.locked(), bind(host, port) as listener:
        say(f"witness: {address_of(host, listener)}\nkey: {cosigner.key}")
        return asyncio.run(_serve(gateway, cosigner, file, keys, interval, listener))


def _require_address(gateway: str) -> None:
    """Refuse what no request can be sent to. Raises `StartRefused`."""
    try:
        address = httpx.URL(gateway)
        can_be_asked = address.scheme in {"http", "https"} and bool(address.host)
    except (httpx.InvalidURL, ValueError):  # ValueError: no UTF-8, or Punycode that names no host
        can_be_asked = False
    if not can_be_asked:
        raise StartRefused("--gateway: expected an address such as https://gateway.example")


def open_key(path: Path, name: str | None) -> Cosigner:
    """Read a witness's key, or make one that only its owner may read. Raises `StartRefused`."""
    try:
        cosigner = Cosigner.parse(read_bounded_text(path))
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
        keys = parse_keys(read_bounded_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path}: can't be read ({why_unread(error)})") from None
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


def _now() -> int:
    return int(time.time())  # noqa: TID251 - the program's own clock; tests hand in another


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
