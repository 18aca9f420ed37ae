"""The audit's head in a file beside the master key, or where a setting says: it shows that the store went back in time.

A backup that is restored, or a replica that took over too early, undoes revocations, suspensions and spent budgets, and
nothing in the store shows it. The file is outside the store and its backups, so its head is then ahead of the store's. A start
is then refused; while a server runs, the head stays as it is, the log says `store_went_back`, and no checkpoint is signed.
Without a file (a master key without a file, a folder that can't be written) nothing is checked, and the start says so.
"""

import asyncio
import hashlib
import json
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field, TypeAdapter

from gateway.audit.store import find_leaf
from gateway.background import run_in_background
from gateway.bounded_files import read_bounded, why_unread
from gateway.errors.operators import StateWrong
from gateway.errors.requests import Overloaded
from gateway.private_files import remove_leftovers, replace_private_file, temporary_beside
from gateway.settings import Settings
from gateway.storage.database import Database, find_store_file

HEAD_SECONDS = 2.0
"""How far the file may be behind the store."""

log = structlog.get_logger("gateway.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHead:
    """The number of the last audit row that has its place in the tree, and its leaf hash; 0 and "" before the first."""

    rows: Annotated[int, Field(ge=0, lt=2**63)]  # PostgreSQL's bigint
    leaf: str


_STORED = TypeAdapter(StoreHead)


async def read_store_head(database: Database, row: int | None = None) -> StoreHead:
    """Return the store's head, or a row of it as if it were the last one."""
    async with database.read() as transaction:
        found = await find_leaf(transaction, row)
    return StoreHead(rows=0, leaf="") if found is None else StoreHead(rows=found[0], leaf=found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFile:
    """The file with the head of one store."""

    path: Path

    def read(self) -> StoreHead | None:
        """Return the head; None without a file. Raises `StateWrong` for a file that holds none."""
        try:
            return _STORED.validate_json(read_bounded(self.path), strict=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise StateWrong(
                f"{self.path.absolute()} holds no audit head: restore it, or delete it if you know why it changed, "
                "or name another file with GATEWAY_AUDIT_HEAD_FILE"
            ) from None

    def require_replaceable(self) -> None:
        """Raise `StateWrong` if the file holds no head, such as a key or a store, or can't be written."""
        self.read()
        try:
            with temporary_beside(self.path, ""):
                pass
        except OSError as error:
            raise StateWrong(f"{self.path}: can't be written ({error.strerror})") from None

    def write(self, head: StoreHead) -> None:
        """Replace the head in one step, readable by the owner only. Raises `OSError`."""
        replace_private_file(self.path, json.dumps(asdict(head)))


def find_head_file(settings: Settings) -> HeadFile | None:
    """Return where the head of this store is kept.

    None: no setting names the file, the master key has none and the store has no folder.
    """
    if settings.audit_head_file is not None:
        return HeadFile(path=settings.audit_head_file.absolute())
    file = find_store_file(settings.database_url)
    if file is not None:
        store = file.absolute()
        if settings.master_key is None:
            return HeadFile(path=store.with_name(f"{store.name}.audit-head"))
        name = f"{store.name}.{_digest(str(store))}"
        folder = store.parent
    else:
        name, folder = f"postgresql.{_digest(settings.database_url.rpartition('@')[2])}", None
    if settings.master_key_file is not None:
        folder = settings.master_key_file.absolute().parent
    return None if folder is None else HeadFile(path=folder / f"{name}.audit-head")


async def find_lost_head(database: Database, file: HeadFile) -> StoreHead | None:
    """Return the file's head if it is ahead of the store's, or the same row differs. Raises `StateWrong` as `read`."""
    known = file.read()
    return None if known is None or await read_store_head(database, known.rows) == known else known


async def require_not_older(database: Database, file: HeadFile | None) -> None:
    """Refuse to serve a store that went back in time. Raises `StateWrong`."""
    if file is None or (known := await find_lost_head(database, file)) is None:
        return
    head = await read_store_head(database)
    raise StateWrong(
        f"the store went back in time: {file.path} has seen {known.rows} audit rows, the store has {head.rows}"
        f"{'' if head.rows < known.rows else ' that differ'}; revocations and suspensions since then may be undone. "
        "Put back the newer store, or accept this one: gateway accept-older-store --reason TEXT"
    )


def find_signed(file: HeadFile | None) -> tuple[int, str] | None:
    """Return number and leaf of the row that the file names; None without one, or if the file can't be read."""
    with suppress(StateWrong):  # a start is refused with it, and `follow_head` logs `head_not_kept`
        head = None if file is None else file.read()
        return (head.rows, head.leaf) if head is not None and head.rows else None
    return None


def follow_head(database: Database, file: HeadFile | None) -> AbstractAsyncContextManager[None]:
    """Keep the store's head in the file while a block runs."""
    return run_in_background(_follow(database, file))


async def _keep_head(database: Database, file: HeadFile) -> tuple[int, int] | None:
    """Write the store's head into the file.

    If the store lacks the row that the file names, return the numbers of that row and of the store's last one instead.

    Raises:
        OSError, StateWrong: the file can't be read or written.
    """
    known = file.read()  # another worker may have written a later one
    head = await read_store_head(database)
    if head == known:
        return None
    if known is not None and await read_store_head(database, known.rows) != known:
        return known.rows, head.rows
    await asyncio.to_thread(file.write, head)  # it waits for the disk
    return None


async def _follow(database: Database, file: HeadFile | None) -> None:
    if file is None:
        log.warning(
            "head_not_kept", remedy="set GATEWAY_AUDIT_HEAD_FILE: a restored older store is then noticed"
        )
        return
    path, went_back, told = str(file.path), False, ""
    remove_leftovers(file.path)
    while True:
        try:
            missing = await _keep_head(database, file)
            if missing is not None and not went_back:
                log.error("store_went_back", file=path, seen=missing[0], rows=missing[1])
            went_back, told = missing is not None, ""
        except Overloaded:
            pass
        except Exception as error:  # the outermost edge of a task: it must not end
            reason = why_unread(error)
            if reason != told:
                is_expected = isinstance(error, OSError | StateWrong)
                log.warning(
                    "head_not_kept", file=path, error=reason, remedy=_remedy(error), exc_info=not is_expected
                )
            told = reason
        await asyncio.sleep(HEAD_SECONDS)


def _remedy(error: Exception) -> str:
    if isinstance(error, StateWrong):
        return str(error)
    if isinstance(error, OSError):
        return (
            "free space on its disk, or make its folder and let the gateway write there, "
            "or name another file with GATEWAY_AUDIT_HEAD_FILE"
        )
    return "report it"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
