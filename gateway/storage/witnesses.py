"""The latest checkpoint of a witness, another party's program that follows the log: read from its address, or from a file."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.audit.checkpoints import (
    Checkpoint,
    Cosignature,
    NoteInvalid,
    check_cosignature,
    parse_checkpoint,
)
from gateway.errors.operators import StateWrong

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 10.0

_MOST = 65_536
_PLAIN = {"accept-encoding": "identity"}  # a compressed answer could grow without limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A checkpoint that a witness has cosigned."""

    checkpoint: Checkpoint
    cosignature: Cosignature


async def read_witness(
    source: str, key: str | None, *, transport: "httpx.AsyncBaseTransport | None" = None
) -> Witnessed:
    """Return the cosigned checkpoint at a witness's address or in a file; without its `vkey` the address also says that.

    Raises:
        StateWrong: there is none, its cosignature is false or missing, or the witness has found the log forked or shrunk.
    """
    if source.startswith(("http://", "https://")):
        import httpx  # noqa: PLC0415 - a command that sends nothing needn't load it

        address = source.rstrip("/")
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            state = await _fetch(client, f"{address}/state", also=503)
            note = await _fetch(client, f"{address}/checkpoint")
            key = key or await _fetch(client, f"{address}/key")
        _require_no_alarm(source, state)
    else:
        note = read_text(Path(source))
    if key is None:
        raise StateWrong(f"{source}: the key of the witness is needed too; give --witness-key FILE")
    try:
        checkpoint = parse_checkpoint(note)
        return Witnessed(checkpoint=checkpoint, cosignature=check_cosignature(checkpoint, key.strip()))
    except NoteInvalid:
        raise StateWrong(f"{source}: not a checkpoint that this witness has cosigned") from None


def _require_no_alarm(source: str, text: str) -> None:
    try:
        members = json.loads(text)
        state = members["state"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StateWrong(f"{source}: not a witness") from None
    if state in ("forked", "shrunk"):  # a tuple: another program's state may be of any type
        raise StateWrong(
            f"{source}: the witness has found the log {state}: {str(members.get('reason'))[:200]!r}"
        )


async def _fetch(client: "httpx.AsyncClient", url: str, *, also: int = 200) -> str:
    """Return a short text. Raises `StateWrong`."""
    import httpx  # noqa: PLC0415 - a command that sends nothing needn't load it

    try:
        async with asyncio.timeout(ANSWER_SECONDS), client.stream("GET", url, headers=_PLAIN) as answer:
            content = bytearray()
            assert isinstance(answer.stream, httpx.AsyncByteStream)  # of an asynchronous client
            async for part in answer.stream:  # as sent
                content += part
                if len(content) > _MOST:
                    raise StateWrong(f"{url}: not a witness's answer")
    # A UnicodeError: of a host in a malformed international form (`xn--a`).
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError) as error:
        raise StateWrong(f"{url}: the witness does not answer ({type(error).__name__})") from None
    if answer.status_code not in {200, also}:
        raise StateWrong(f"{url}: the witness answers with status {answer.status_code}")
    return content.decode(errors="replace")


def read_text(path: Path) -> str:
    """Return a file's text. Raises `StateWrong`."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError as error:
        raise StateWrong(f"{path}: {error.strerror}") from None
