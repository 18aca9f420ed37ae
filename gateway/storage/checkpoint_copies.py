"""Copies of signed checkpoints outside the database: appended to a file, sent to a URL on another host, held by a witness.

Who can write the database can rewrite the log with its checkpoints; only a copy shows it. At most one copy a minute is kept,
and one on demand and at the end of a server. What fails is logged and counted, and delays no request.
"""

import asyncio
import fcntl
import os
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import structlog

from gateway.audit.checkpoints import Checkpoint, NoteInvalid, find_notes
from gateway.audit.proofs import find_checkpoint
from gateway.audit.sequencer import Sequencer
from gateway.background import run_in_background
from gateway.clock import Clock
from gateway.errors.operators import StateWrong
from gateway.errors.registry import Overloaded
from gateway.private_files import make_private_file
from gateway.settings import Settings
from gateway.storage.database import Database, find_store_file
from gateway.storage.witnesses import read_witness

if TYPE_CHECKING:
    import httpx

KEPT_SECONDS = 60
"""At least this much time is between two copies that nobody demanded."""

LOOK_SECONDS = 5.0
SEND_SECONDS = 10.0
"""Limit of one request to the URL."""

_ENDING = 16_384

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

        headers = {"content-type": "text/plain; charset=utf-8"}
        verify = self._tls if url.startswith("https:") else False
        async with (
            asyncio.timeout(SEND_SECONDS),
            httpx.AsyncClient(transport=self._transport, verify=verify, trust_env=False) as client,
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
            reason = str(error) if isinstance(error, StateWrong) else None
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
        OSError: it can't be read.
        NoteInvalid: it has a content, and no checkpoint.
    """
    try:
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
        fcntl.flock(file, fcntl.LOCK_EX)  # other workers append too
        ending = _read_end(file)
        known = [each for each in find_notes(ending) if each.origin == checkpoint.origin]
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


def _read_end(file: BinaryIO) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _ENDING))
    return file.read().decode(errors="replace")
