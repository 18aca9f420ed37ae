"""What `audit verify` compares the log with: checkpoints that were kept outside the database, in files and by a witness."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.checkpoints import Checkpoint, NoteInvalid, parse_checkpoint
from gateway.audit.model import AuditHead
from gateway.audit.proofs import find_checkpoint
from gateway.audit.verify import Known
from gateway.clock import rfc3339
from gateway.errors.operators import StateWrong
from gateway.settings import Settings
from gateway.storage.checkpoint_copies import find_checkpoint_file, read_copies
from gateway.storage.database import Database
from gateway.storage.witnesses import read_text, read_witness

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoints:
    """The kept checkpoints; `lines` and `members` say of each source, once they agree, what was compared."""

    known: Sequence[Known]
    lines: Sequence[str]
    members: dict[str, object]


async def read_kept(
    database: Database,
    settings: Settings | None,
    *,
    checkpoint: Path | None = None,
    witness: str | None = None,
    witness_key: Path | None = None,
) -> KeptCheckpoints:
    """Read everything before the log is read: a running gateway may sign and copy a later checkpoint meanwhile.

    Without `settings` there is no file of copies.

    Raises:
        StateWrong: a file or a witness has no checkpoint of this log.
    """
    known: list[Known] = [] if checkpoint is None else [_read_known(checkpoint)]
    try:
        last = await find_checkpoint(database)
    except NoteInvalid:  # the check of the log names it, and the first bad row
        return KeptCheckpoints(known=known, lines=[], members={})
    lines = []
    members: dict[str, object] = {}
    file = None if settings is None else find_checkpoint_file(settings)
    if file is not None:
        copies = _read_copies(file, last)
        known += copies
        agree = f"{len(copies)} agree" if copies else "none yet"
        lines.append(f"copies of checkpoints: {agree} ({file})")
        members["copies"] = {"file": str(file), "checkpoints": len(copies)}
    if witness is not None:
        _require_witness(witness)
        found = await read_witness(witness, None if witness_key is None else read_text(witness_key))
        if last is None or found.checkpoint.origin != last.origin:
            raise StateWrong(f"{witness}: the witness follows another log, {found.checkpoint.origin}")
        known.append(found.checkpoint)
        size, name = found.checkpoint.size, found.cosignature.name
        at = rfc3339(datetime.fromtimestamp(found.cosignature.time, UTC))
        lines.append(f"witness: {name} cosigned row {size} at {at}")
        members["witness"] = {"name": name, "size": size, "at": at}
    return KeptCheckpoints(known=known, lines=lines, members=members)


def _require_witness(witness: str) -> None:
    if not witness.startswith(("http://", "https://")) and not Path(witness).exists():
        raise StateWrong(f"--witness {witness}: http://… or https://…, or a file is expected")


def _read_copies(file: Path, last: Checkpoint | None) -> list[Checkpoint]:
    """Return the copies of this log; other logs of the folder may have theirs in the same file."""
    remedy = "put back the file that the gateway appended to"
    try:
        found = read_copies(file)
    except OSError as error:
        raise StateWrong(f"{file}: {error.strerror}") from None
    except NoteInvalid:
        raise StateWrong(f"{file}: no checkpoint in it; {remedy}") from None
    ours = [replace(each, note="") for each in found if last is None or each.origin == last.origin]
    if found and not ours:
        raise StateWrong(f"{file}: no checkpoint of this log in it; {remedy}")
    return ours


def _read_known(path: Path) -> Known:
    """Read what `audit checkpoint` printed: a note, JSON with a note, or before schema 0017 JSON with a hash."""
    text = read_text(path)
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = {"note": text}
    if isinstance(members, dict) and isinstance(members.get("note"), str):
        with suppress(NoteInvalid):
            return parse_checkpoint(members["note"])
    rows, digest = (members.get("rows"), members.get("hash")) if isinstance(members, dict) else (None, None)
    if type(rows) is not int or rows < 0 or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise StateWrong(f"{path}: not a checkpoint; expected what `gateway audit checkpoint` prints")
    return AuditHead(rows=rows, hash=digest)
