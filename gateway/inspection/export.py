"""Export rows of the audit: as JSON lines, or as a folder that anyone can verify without the gateway.

The rows of an export have no gap: from the first of the period to the last, in the order of rows. The folder has the rows,
the signed checkpoint, an inclusion proof for each row, and a verifier of one file (`standalone_verifier.py`). After its last row come the
later erasures that name rows of the export, since a row without content is evidence only with its erasure. An export has
pseudonyms, dossiers and officers' pseudonyms: it is written for its owner only.
"""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any

from gateway.audit import tree_store
from gateway.audit.checkpoints import encode, key_line, parse_checkpoint
from gateway.audit.model import find_members
from gateway.audit.state import write_canonical
from gateway.audit.tree import TILE_HEIGHT, SubtreeRoot, node_hash, prove_inclusion
from gateway.clock import Period
from gateway.errors.operators import AlreadyExists, AuditBroken, OperationError, Unknown
from gateway.inspection.store import find_rows, list_later_erasures, list_rows
from gateway.private_files import make_private_folder, open_new_file, replace_private_file
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction
from gateway.storage.driver import escape_surrogates

_EVIDENCE, _VERIFIER = ("rows.ndjson", "checkpoint", "proofs.ndjson"), "verify.py"
FILES = (*_EVIDENCE, _VERIFIER)

_PAGE = 2_048
_TILES_KEPT = 64


class ExportFailed(OperationError):
    """The folder can't be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The rows that were exported, both inclusive; and the size of the tree that has them."""

    first: int
    last: int
    size: int


async def export_rows(gateway: Gateway, period: Period, write: Callable[[str], object]) -> int:
    """Give every row of a period to `write` as a line of JSON, in order; return their number.

    Raises:
        AuditBroken, Overloaded, MasterKeyWrong: the waiting entries can't get their rows.
    """
    await gateway.sequencer.run_to_end()
    count = 0
    async with gateway.deps.database.walk() as connection:
        async for page in _pages(connection, await find_rows(connection, period)):
            for row in page:
                write(_line(row))
            count += len(page)
    return count


async def export_folder(gateway: Gateway, period: Period, folder: Path) -> Export:
    """Write the files of a verifiable export into a new folder.

    Raises:
        AlreadyExists: the folder has files.
        ExportFailed: it can't be written.
        Unknown: the period has no row.
        AuditBroken, Overloaded, MasterKeyWrong: the waiting entries can't get their rows.
    """
    _require_new(folder)
    await gateway.sequencer.run_to_end()
    async with gateway.deps.database.walk() as connection:
        found = await find_rows(connection, period)
        stored = await tree_store.find_last_checkpoint(connection)
        if found is None or stored is None:
            raise Unknown("the audit has no row of this period")
        checkpoint = parse_checkpoint(stored.note)
        keys = (await gateway.vault.read_checkpoint_keys(connection)).keys
        export = Export(first=found[0], last=found[1], size=checkpoint.size)
        try:
            make_private_folder(folder)
            verifier = _verifier([key_line(checkpoint.origin, key) for key in keys], export)
            with _new_files(folder, verifier) as files:
                files["checkpoint"].write(checkpoint.note)
                await _write_rows(connection, export, files["rows.ndjson"], files["proofs.ndjson"])
        except OSError as error:
            raise ExportFailed(f"{folder}: can't be written ({error.strerror})") from None
    return export


def _require_new(folder: Path) -> None:
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise AlreadyExists(f"{folder}: has files already: name a new folder")
        if folder.exists() and not folder.is_dir():
            raise ExportFailed(f"{folder}: is no folder: name a new folder")
    except OSError as error:
        raise ExportFailed(f"{folder}: can't be read ({error.strerror})") from None


@contextmanager
def _new_files(folder: Path, verifier: str) -> Iterator[dict[str, IO[str]]]:
    """Yield the new files but the verifier, which is written in one step when the block and they are complete.

    So the folder of a killed export has none: an incomplete verifier would end without an error. After an error no file is
    left. Raises `OSError`.
    """
    files: dict[str, IO[str]] = {}
    try:
        with ExitStack() as opened:
            for name in _EVIDENCE:
                files[name] = opened.enter_context(_create(folder / name))
            yield files
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        replace_private_file(folder / _VERIFIER, verifier, personal=True)
    except BaseException:  # of any kind, also a cancellation: no half export stays
        for name in files:
            (folder / name).unlink(missing_ok=True)
        raise


def _create(path: Path) -> IO[str]:
    """Create a file that only its owner may read."""
    return os.fdopen(open_new_file(path), "w", encoding="utf-8", newline="\n")


async def _pages(
    connection: Transaction, found: tuple[int, int] | None
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    first, last = found or (1, 0)
    while first <= last:
        page = await list_rows(connection, first=first, last=last, most=_PAGE)
        if not page:
            return
        yield page
        first = page[-1]["row"] + 1


async def _exported(connection: Transaction, export: Export) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Yield the rows of the period, then the later erasures that name rows of it."""
    async for page in _pages(connection, (export.first, export.last)):
        yield page
    yield await list_later_erasures(connection, first=export.first, last=export.last)


async def _write_rows(connection: Transaction, export: Export, rows: IO[str], proofs: IO[str]) -> None:
    subtree = _tile_reader(connection)
    async for page in _exported(connection, export):
        for row in page:
            rows.write(_line(row))
            hashes = await prove_inclusion(row["row"] - 1, export.size, subtree)
            proof = {
                "row": row["row"],
                "leaf_index": row["row"] - 1,
                "tree_size": export.size,
                "leaf_hash": encode([_read_leaf(row)])[0],
                "hashes": encode(hashes),
            }
            proofs.write(json.dumps(proof) + "\n")


def _read_leaf(row: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(row["leaf"])
    except (ValueError, TypeError):
        raise AuditBroken(f"row {row['row']}: its leaf is no hash") from None


def _printable(value: Any) -> Any:
    """Return a column's number or text; on SQLite it may have another type, and text that is no UTF-8."""
    return value if isinstance(value, int) else escape_surrogates(str(value))


def _line(row: Mapping[str, Any]) -> str:
    """Return a row as a line: its number and hashes, and the members of its entry.

    `body` is the stored text, where the canonical JSON of the members differs from it.
    """
    names = ("row", "leaf", "salt", "previous", "hash", "digest")
    own = {name: _printable(row[name]) for name in names if row[name]}
    if row["body"] is None:
        return json.dumps({name: own[name] for name in ("row", "leaf")}) + "\n"
    members = find_members(row["body"])
    if members is None:  # it verifies as little as its row does
        return json.dumps(own | {"body": _printable(row["body"])}) + "\n"
    if write_canonical(members) != row["body"]:
        own["body"] = row["body"]
    return json.dumps(own | members, ensure_ascii=False) + "\n"


def _verifier(keys: Sequence[str], export: Export) -> str:
    source = (
        resources.files("gateway.inspection").joinpath("standalone_verifier.py").read_text(encoding="utf-8")
    )
    listed = "".join(f"    {json.dumps(key)},\n" for key in keys)
    source = source.replace("KEYS: tuple[str, ...] = ()", f"KEYS: tuple[str, ...] = (\n{listed})", 1)
    return source.replace("FIRST, LAST = 1, 0", f"FIRST, LAST = {export.first}, {export.last}", 1)


def _tile_reader(connection: Transaction) -> SubtreeRoot:
    """Return a reader of subtree roots that keeps the last tiles: the proofs of neighbours share most hashes."""
    kept: dict[tuple[int, int], list[list[bytes]]] = {}

    async def read(level: int, index: int) -> bytes:
        stored, above = divmod(level, TILE_HEIGHT)
        tile = (index << above) >> TILE_HEIGHT
        levels = kept.get((stored, tile))
        if levels is None:
            width = 1 << TILE_HEIGHT
            hashes = await tree_store.list_subtrees(connection, level=stored, after=tile * width, most=width)
            levels = kept[stored, tile] = _levels(hashes)
            if len(kept) > _TILES_KEPT:
                del kept[next(iter(kept))]
        return levels[above][index - ((tile << TILE_HEIGHT) >> above)]

    return read


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return the roots of the perfect subtrees of a tile, level by level."""
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)])
    return levels
