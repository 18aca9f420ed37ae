"""Copies of signed checkpoints outside the database: appended to a file, sent to a URL on another host, held by a witness.

Who can write the database can rewrite the log with its checkpoints; only a copy shows it. At most one copy a minute is kept,
and one on demand and at the end of a server. What fails is logged and counted, and delays no request. A witness is another
party's program that follows the log: its latest checkpoint is read from its address, or from a file.
"""

import asyncio
import errno
import fcntl
import json
import os
import ssl
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import structlog

from gateway.audit.checkpoints import (
    Checkpoint,
    Cosignature,
    NoteInvalid,
    check_cosignature,
    find_checkpoint,
    find_notes,
    parse_checkpoint,
    signer_ids,
)
from gateway.audit.sequencer import Sequencer
from gateway.background import run_in_background
from gateway.bounded_files import read_bounded_text
from gateway.clock import Clock, rfc3339
from gateway.errors.operators import StateWrong
from gateway.errors.requests import Overloaded
from gateway.private_files import make_private_file
from gateway.settings import Settings
from gateway.storage.database import Database, find_store_file

if TYPE_CHECKING:
    import httpx

KEPT_SECONDS = 60
"""At least this much time is between two copies that nobody demanded."""

LOOK_SECONDS = 5.0
SEND_SECONDS = 10.0
"""Limit of one request to the URL."""

LOCK_SECONDS = 1.0
"""How long one append waits while another program has the file's lock."""

_LOCK_PAUSE_S = 0.02
_ENDING = 16_384

ANSWER_SECONDS = 10.0
"""Limit of one request to a witness."""

_MOST = 65_536
_PLAIN = {"accept-encoding": "identity"}  # a compressed answer could grow without limit

log = structlog.get_logger("gateway.audit")


def find_checkpoint_file(settings: Settings) -> Path | None:
    """Return the file of copies: the setting, else `checkpoints.log` beside an embedded store, else None."""
    store = find_store_file(settings.database_url)
    if settings.checkpoint_file is not None or store is None:
        return settings.checkpoint_file
    return store.with_name("checkpoints.log")


def open_copies(settings: Settings) -> "CheckpointCopies":
    """Return the copies that the settings want."""
    return CheckpointCopies(
        find_checkpoint_file(settings),
        settings.checkpoint_url,
        witness=settings.witness_url,
        witness_key=settings.witness_key,
    )


class CheckpointCopies:
    """Where copies go; None: nowhere. `cosigned` is the last one that the witness has, with its cosignature.

    `counts` has outcomes by (`file`, `url`, `witness` or `store`, `kept` or `failed`): from a
    store whose last note is damaged nothing is copied. `failing` are those whose last outcome was a failure.
    """

    def __init__(
        self,
        file: Path | None = None,
        url: str | None = None,
        *,
        witness: str | None = None,
        witness_key: str | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self.cosigned: Checkpoint | None = None
        self.counts: Counter[tuple[str, str]] = Counter()
        self._file, self._url, self._transport = file, url, transport
        self._witness, self._witness_key = witness, witness_key
        self._sent_size, self._sent_at = 0, 0.0
        self.failing: set[str] = set()

    async def keep(self, checkpoint: Checkpoint, *, now: datetime, demanded: bool = False) -> None:
        """Copy a checkpoint, unless the last copy has its size, or is younger than a minute and this is not `demanded`."""
        if self._file is not None:
            try:
                if await asyncio.to_thread(_append, self._file, checkpoint, now, demanded=demanded):
                    self.note("file")
            except OSError as error:
                self.note("file", error)
        if self._url is not None and self._must_send(checkpoint, now, demanded=demanded):
            import httpx  # noqa: PLC0415 - a command that sends nothing needn't load it

            try:
                await self._send(self._url, checkpoint.note)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError, TimeoutError) as error:
                self.note("url", error)
            else:
                self.note("url")
                self._sent_size, self._sent_at = checkpoint.size, now.timestamp()

    async def ask_witness(self) -> None:
        """Get the checkpoint that the witness cosigned last, if there is a witness."""
        if self._witness is None:
            return
        try:
            found = await read_witness(self._witness, self._witness_key, transport=self._transport)
        except StateWrong as error:
            self.note("witness", error)
        else:
            self.cosigned = found.checkpoint
            self.note("witness")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The authorities of this host, which are read once."""
        return ssl.create_default_context()

    def _must_send(self, checkpoint: Checkpoint, now: datetime, *, demanded: bool) -> bool:
        is_due = not 0 <= now.timestamp() - self._sent_at < KEPT_SECONDS
        return checkpoint.size > self._sent_size and (demanded or is_due)

    async def _send(self, url: str, note: str) -> None:
        """Send a note; the answer's body is not read. Raises `httpx.HTTPError`, `httpx.InvalidURL`, `UnicodeError`, `TimeoutError`."""
        import httpx  # noqa: PLC0415 - a command that sends nothing needn't load it

        from gateway.bounded_transport import BoundedTransport  # noqa: PLC0415 - as above

        headers = {"content-type": "text/plain; charset=utf-8"}
        verify = self._tls if url.startswith("https:") else False
        transport = self._transport or BoundedTransport(verify=verify)
        async with (
            asyncio.timeout(SEND_SECONDS),
            httpx.AsyncClient(transport=transport, trust_env=False) as client,
            client.stream("POST", url, content=note.encode(), headers=headers) as answer,
        ):
            if not answer.is_success:
                raise httpx.HTTPStatusError("refused", request=answer.request, response=answer)

    def note(self, target: str, error: Exception | None = None) -> None:
        """Count an outcome; log the first of several failures."""
        self.counts[target, "failed" if error else "kept"] += 1
        if error is None:
            self.failing.discard(target)
        elif target not in self.failing:
            self.failing.add(target)
            status = getattr(getattr(error, "response", None), "status_code", None)
            reason = str(error) if isinstance(error, StateWrong) else getattr(error, "strerror", None)
            log.warning(
                "checkpoint_not_copied",
                target=target,
                error=type(error).__name__,
                status=status,
                reason=reason,
            )


@asynccontextmanager
async def copying_checkpoints(
    copies: CheckpointCopies,
    database: Database,
    sequencer: Sequencer,
    clock: Clock,
    *,
    every: float = LOOK_SECONDS,
) -> AsyncIterator[None]:
    """Copy checkpoints while a block runs, and the last one at its end."""
    async with run_in_background(_follow(copies, database, clock, every)):
        yield
    await sequencer.try_run()
    await _copy_last(copies, database, clock, demanded=True)


async def _follow(copies: CheckpointCopies, database: Database, clock: Clock, every: float) -> None:
    while True:
        await _copy_last(copies, database, clock, demanded=False)
        try:
            await copies.ask_witness()
        except Exception:  # the outermost edge of a task: it must not end in silence
            log.exception("witness_not_asked")
        await asyncio.sleep(every)


async def _copy_last(copies: CheckpointCopies, database: Database, clock: Clock, *, demanded: bool) -> None:
    try:
        last = await find_checkpoint(database)
        copies.failing.discard("store")
        if last is not None:
            await copies.keep(last, now=clock.now(), demanded=demanded)
    except Overloaded:
        pass  # the store's outage is in the log
    except NoteInvalid as error:
        copies.note("store", error)
    except Exception:  # the outermost edge of a task: it must not end in silence
        log.exception("checkpoint_not_copied")


def read_copies(file: Path) -> list[Checkpoint]:
    """Return the checkpoints of a file, none without a file.

    Raises:
        OSError: it can't be read, or is a pipe or a device.
        NoteInvalid: it has a content, and no checkpoint.
    """
    try:
        if not file.is_dir() and not stat.S_ISREG(file.stat().st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(file))
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = find_notes(text)
    if text.strip() and not found:
        raise NoteInvalid
    return found


def _append(path: Path, checkpoint: Checkpoint, now: datetime, *, demanded: bool) -> bool:
    """Append a note durably; False if there is no need. The file's time is that of its last copy."""
    if not path.exists():
        make_private_file(path)
    with path.open("r+b") as file:
        _lock(file)
        ending = _read_end(file)
        ours = signer_ids(checkpoint)  # another store's gateway may append under the same origin
        of_origin = (each for each in find_notes(ending) if each.origin == checkpoint.origin)
        known = [each for each in of_origin if signer_ids(each) & ours]
        age = now.timestamp() - os.fstat(file.fileno()).st_mtime
        if known and (known[-1].size >= checkpoint.size or (not demanded and 0 <= age < KEPT_SECONDS)):
            return False
        # A note that a crash cut off ends here, so that the next one is read.
        mend = "" if not ending or ending.endswith("\n\n") else "\n\n"
        file.seek(0, os.SEEK_END)
        file.write(f"{mend}{checkpoint.note}\n".encode())
        file.flush()
        os.fsync(file.fileno())
        os.utime(file.fileno(), (now.timestamp(), now.timestamp()))
    return True


def _lock(file: BinaryIO) -> None:
    """Lock the file, to which other workers append too. Raises `BlockingIOError` after the limit: no server waits for it at its end."""
    ends = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise
            time.sleep(_LOCK_PAUSE_S)
        else:
            return


def _read_end(file: BinaryIO) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _ENDING))
    return file.read(_ENDING).decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A checkpoint that a witness has cosigned."""

    checkpoint: Checkpoint
    cosignature: Cosignature

    def members(self) -> dict[str, object]:
        """Return the witness's name, the row that it cosigned last, and when."""
        at = rfc3339(datetime.fromtimestamp(self.cosignature.time, UTC))
        return {"name": self.cosignature.name, "size": self.checkpoint.size, "at": at}

    def __str__(self) -> str:
        return "witness: {name} cosigned row {size} at {at}".format_map(self.members())


async def read_witness(
    source: str, key: str | None, *, transport: "httpx.AsyncBaseTransport | None" = None
) -> Witnessed:
    """Return the cosigned checkpoint at a witness's address or in a file; without its `vkey` the address also says that.

    Raises:
        StateWrong: there is none, its cosignature is false or missing, or the witness has found the log forked or shrunk.
    """
    if source.startswith(("http://", "https://")):
        import httpx  # noqa: PLC0415 - a command that sends nothing needn't load it

        from gateway.bounded_transport import BoundedTransport  # noqa: PLC0415 - as above

        address = source.rstrip("/")
        verify = _read_authorities() if source.startswith("https:") else False
        transport = transport or BoundedTransport(verify=verify)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            state = await _fetch(client, f"{address}/state", also=503)
            note = await _fetch(client, f"{address}/checkpoint")
            key = key or await _fetch(client, f"{address}/key")
        _require_no_alarm(source, state)
    else:
        note = _read_note(Path(source))
    if key is None:
        raise StateWrong(f"{source}: the key of the witness is needed too; give --witness-key FILE")
    try:
        checkpoint = parse_checkpoint(note)
        return Witnessed(checkpoint=checkpoint, cosignature=check_cosignature(checkpoint, key.strip()))
    except NoteInvalid:
        raise StateWrong(f"{source}: not a checkpoint that this witness has cosigned") from None


@cache
def _read_authorities() -> ssl.SSLContext:
    """Return what trusts the public authorities. It is made once: a server asks its witness every few seconds."""
    import httpx  # noqa: PLC0415 - as in `read_witness`

    return httpx.create_ssl_context(trust_env=False)


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


def _read_note(path: Path) -> str:
    if not path.exists():
        raise StateWrong(f"{path}: the witness's http://… or https://…, or a file is expected")
    return read_text(path)


def read_text(path: Path) -> str:
    """Return the text of a note or a key. Raises `StateWrong`."""
    try:
        return read_bounded_text(path, most=_MOST, errors="replace")
    except OSError as error:
        raise StateWrong(f"{path}: {error.strerror}") from None
