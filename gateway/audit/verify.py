"""Check the evidence: every row, the signed roots over them, the waiting entries, and on demand the state of other tables.

A check reads one snapshot of the database, a page at a time. It computes each leaf from salt and body, compares the columns
beside the body, checks the entry's MAC, computes the root at every stored checkpoint and checks its signature. Rows older than
schema 0017 are also checked as the hash chain that they were. Without the master key MACs and signatures aren't checked, and
the report says so. What it can't see is the end of the log cut off together with its checkpoints: for this a checkpoint is kept
elsewhere (`Known`). With `--state` each covered row of other tables is compared (`state.py`), about 250 bytes of memory a row.
Source: threats 38, 54; docs/decisions/0078, 0093.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway import deployment
from gateway.audit import tree_store
from gateway.audit.checkpoints import Checkpoint, NoteInvalid, Signers, parse_checkpoint
from gateway.audit.model import LOST, AuditHead, AuditMark, EntryMacs, parse_mark
from gateway.audit.state import COVERED
from gateway.audit.state_check import (
    STEP,
    AuditReport,
    Chain,
    CheckedRow,
    Erasures,
    OpenQuestions,
    Progress,
    Promises,
    StateInEvidence,
    StateReport,
    check_entry,
    find_ordinary,
    refuse_two_months,
    row_or_waiting,
)
from gateway.audit.store import Rows, audit_entries, audit_subtrees, count_rows, list_erasures, refuse_lowest
from gateway.audit.tree import TILE_HEIGHT, Frontier
from gateway.audit.tree_store import StoredCheckpoint
from gateway.errors.operators import AuditBroken
from gateway.keys.model import Purpose
from gateway.keys.store import find_missing_key
from gateway.keys.vault import Vault
from gateway.storage.database import Database, Transaction

Known = Checkpoint | AuditHead
"""What was kept elsewhere: a checkpoint, or the head of the chain as before schema 0017."""

_PIECE = 128
"""How many rows are compared at once. The bodies of several hundred would start Python's garbage collection again and again."""

LONGEST_WAIT = timedelta(seconds=60)
"""How long a committed entry may wait for its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a check trusts: the keys of checkpoints and of entries, and the present time.

    Without `signers`, or without `macs`, signatures or MACs aren't checked; without `now`, not how long entries wait.
    """

    signers: Signers | None = None
    macs: EntryMacs | None = None
    now: datetime | None = None


KEYLESS = Trust()
"""Without the master key: every hash is checked, no signature and no MAC."""


async def read_trust(database: Database, vault: Vault, *, now: datetime) -> Trust:
    """Return what the holder of the master key trusts. Raises `MasterKeyWrong`."""
    async with database.read() as transaction:
        signers = await vault.read_audit_keys(transaction, Purpose.CHECKPOINT)
        macs = await vault.read_audit_keys(transaction, Purpose.EVIDENCE)
    return Trust(signers=Signers(signers.keys), macs=EntryMacs(macs.keys), now=now)


def _report_nothing(what: str, count: int, total: int | None) -> None:
    del what, count, total


async def verify_audit(
    database: Database,
    *,
    trust: Trust = KEYLESS,
    known: Sequence[Known] = (),
    reported: int = 0,
    progress: Progress = _report_nothing,
) -> AuditReport:
    """Check every row and every checkpoint.

    `known` was stored elsewhere: only with it missing last rows are found. Lost entries that rows up to `reported` record have
    been investigated.

    Raises:
        AuditBroken: names the first bad row and its fault.
        SchemaOld: a migration is not complete.
    """
    async with database.walk() as connection:
        return await _Check(connection, trust, known, None, progress, reported).run()


async def verify_state(
    database: Database,
    *,
    trust: Trust = KEYLESS,
    known: Sequence[Known] = (),
    reported: int = 0,
    progress: Progress = _report_nothing,
) -> StateReport:
    """Check what `verify_audit` checks, and compare every covered row with its digest in the audit.

    Edits that audit rows up to `reported` recorded are left out: they have been investigated.

    Raises:
        AuditBroken: also names the first covered row that was changed, inserted or deleted without an audit row.
    """
    async with database.walk() as connection:
        state = StateInEvidence(reported=reported)
        report = await _Check(connection, trust, known, state, progress, reported).run()
        tables = {name: await state.compare(connection, name, progress) for name in COVERED}
    state.require_clean()
    return StateReport(audit=report, tables=tables, baselines=tuple(state.baselines))


class _Check:
    """One check of the whole log."""

    def __init__(
        self,
        connection: Transaction,
        trust: Trust,
        known: Sequence[Known],
        state: StateInEvidence | None,
        progress: Progress,
        reported: int,
    ) -> None:
        self._reported, self._lost = reported, ""
        self._connection, self._trust = connection, trust
        self._due: dict[int, StoredCheckpoint] = {}
        self._known: dict[int, list[Known]] = {}
        for each in known:
            size = each.size if isinstance(each, Checkpoint) else each.rows
            self._known.setdefault(size, []).append(each)
        self._state = state
        self._progress = progress
        self._questions = OpenQuestions()
        self._promises = Promises()
        self._tree = Frontier()
        self._chain = Chain()
        self._mark = AuditMark(rows=0, leaf="")
        self._erasures = Erasures(())
        self._last_signed = self._signed = self._agreed = self._checkpoints = self._waiting = 0
        self._rows = self._authenticated = self._subtrees = 0
        self._last_waiting: int | None = None

    async def run(self) -> AuditReport:
        """Check everything and return what was found intact. Raises `AuditBroken`, and `SchemaOld` during a migration."""
        await deployment.require_filled(self._connection)
        await refuse_lowest(self._connection)
        self._mark = await self._read_mark()
        self._rows = await tree_store.last_row(self._connection)
        last = await tree_store.find_last_checkpoint(self._connection)
        self._last_signed = last.size if last else 0
        self._erasures = Erasures(await list_erasures(self._connection))
        async for page, stored in tree_store.stream_checked(self._connection):
            await self._check_page(page, stored)
        await self._check_end()
        async for waiting in tree_store.stream_waiting(self._connection):
            for row in waiting:
                self._check_waiting(row)
            await self._promises.find(self._connection)
        size, rows = self._tree.size, self._tree.size + self._waiting
        entries, erased = await count_rows(self._connection, audit_entries), self._erasures.result()
        if more := entries - (rows - erased.rows):
            extra = "1 entry has" if more == 1 else f"{more} entries have"
            raise AuditBroken(f"row {size + 1}: missing, {extra} no row")
        self._questions.check(await deployment.find_settled(self._connection), size=size, rows=rows)
        if self._lost:
            raise AuditBroken(self._lost)
        await self._promises.check(self._connection)
        return AuditReport(
            rows=rows,
            waiting=self._waiting,
            size=size,
            root=self._tree.root().hex(),
            checkpoints=self._checkpoints,
            signed=self._signed,
            authenticated=None if self._trust.macs is None else self._authenticated,
            adopted=self._mark.rows,
            signatures=self._trust.signers is not None,
            erased=erased,
        )

    async def _read_mark(self) -> AuditMark:
        """Return the mark of the rows without a MAC. Raises `AuditBroken` if it isn't this gateway's, or a key is missing."""
        stored, macs = await deployment.find_mark(self._connection), self._trust.macs
        if macs is None and stored is None:
            # No gateway that knows MACs has opened this store yet.
            return AuditMark(rows=await tree_store.last_row(self._connection), leaf="")
        if (missing := await find_missing_key(self._connection)) is not None:
            raise AuditBroken(f"keys: the {missing} is missing")
        mark = parse_mark(stored) if macs is None else macs.read_mark(stored, now=self._trust.now)
        if mark is None:
            raise AuditBroken("deployment/audit_mark: missing, or changed outside the audit")
        return mark

    async def _check_page(self, page: Rows, stored: Rows) -> None:
        tree, last = self._tree, page[-1][0]
        checkpoints = await tree_store.list_checkpoints(self._connection, after=tree.size, to=last)
        self._due = {each.size: each for each in checkpoints}
        entries = {each[0]: each for each in stored}
        if len(entries) < len(stored):
            refuse_two_months(page, stored)
        for start in range(0, len(page), _PIECE):
            self._check_piece(page[start : start + _PIECE], entries)
        await self._check_subtrees()
        await self._promises.find(self._connection)

    def _check_piece(self, rows: Rows, entries: Mapping[int, Sequence[Any]]) -> None:
        """Check rows: all at once if they are ordinary and right, otherwise one at a time, which names the first bad one."""
        if self._tree.size >= self._mark.rows:
            ordinary = find_ordinary(rows, entries, after=self._tree.size, macs=self._trust.macs)
            if ordinary is not None:
                self._take_ordinary(ordinary)
                return
        for row in rows:
            self._check_row(row, entries.get(row[1]))
            self._tree.append(bytes.fromhex(row[2]))
            self._check_size()

    def _take_ordinary(self, rows: Sequence[CheckedRow]) -> None:
        """Read ordinary rows; check the tree at the same sizes as after one row at a time."""
        first, last = rows[0][0], rows[-1][0]
        sizes = {*self._due, *self._known, last - last % STEP, last}
        for size in sorted(each for each in sizes if first <= each <= last):
            part = rows[self._tree.size + 1 - first : size + 1 - first]
            self._read(part)
            self._tree.extend([bytes.fromhex(stored[3]) for _, stored, _ in part])
            self._check_size()
        if self._trust.macs is not None:
            self._authenticated += len(rows)

    def _check_size(self) -> None:
        """Check what was signed, or kept elsewhere, of the tree as it is now."""
        size = self._tree.size
        if size in self._due:
            self._check_checkpoint(self._due[size])
        if size in self._known:
            self._check_known(size)
        if size % STEP == 0:
            self._progress("audit rows", size, self._rows)

    def _check_row(self, row: Sequence[Any], stored: Sequence[Any] | None) -> None:
        number, _, leaf, previous, chained, digest = row
        expected = self._tree.size + 1
        if number > expected:
            raise AuditBroken(f"row {expected}: missing")
        if number != expected:
            raise AuditBroken(f"row {number}: rows count from 1")
        name = f"row {number}"
        if stored is None:
            self._questions.read_erased(self._erasures.take_row(row))
            if self._state is not None:
                self._state.read_erased()
            return
        is_chained = chained is not None or previous is not None or digest is not None
        if is_chained:
            self._chain.check(row, salt=stored[1], body=stored[2])
        members = check_entry(name, stored, leaf=leaf, is_chained=is_chained)
        if number > self._mark.rows:
            if is_chained:
                raise AuditBroken(f"{name}: is of the hash chain, which ends at row {self._mark.rows}")
            self._check_mac(name, stored, now=None)
        elif number == self._mark.rows and self._mark.leaf not in {"", leaf}:
            raise AuditBroken(f"{name}: not the last row that deployment/audit_mark names")
        self._read([(number, stored, members)])

    def _read(self, rows: Sequence[CheckedRow]) -> None:
        """Read what entries say about others. The rows are all after the mark, or none is."""
        self._questions.read(rows)
        for number, stored, members in rows:
            if members.get("outcome") == LOST and number > self._reported and not self._lost:
                name = row_or_waiting(number, size=self._rows, entry=stored[0])
                self._lost = f"{name}: entries were deleted before they had a row: {members.get('reason')}"
        if rows[0][0] > self._mark.rows:
            self._promises.read(rows)
        if self._state is not None:
            self._state.read(rows)

    def _check_mac(self, name: str, stored: Sequence[Any], now: datetime | None) -> None:
        if self._trust.macs is None:
            return
        entry, _, _, leaf, month, mac, *_ = stored
        if not self._trust.macs.is_right(mac, entry=entry, month=month, leaf=leaf, now=now):
            raise AuditBroken(f"{name}: its MAC is not this gateway's")
        self._authenticated += 1

    def _check_checkpoint(self, stored: StoredCheckpoint) -> None:
        """Check the stored checkpoint of the tree as it is now."""
        size = self._tree.size
        try:
            checkpoint = parse_checkpoint(stored.note)
            if self._trust.signers is not None:
                self._trust.signers.check(checkpoint)
        except NoteInvalid:
            raise AuditBroken(f"row {size}: its checkpoint is not signed by this gateway") from None
        if (checkpoint.size, checkpoint.root.hex()) != (stored.size, stored.root):
            raise AuditBroken(f"row {size}: its checkpoint differs from the signed note")
        if checkpoint.root != self._tree.root():
            raise AuditBroken(_rewritten(self._signed, size, "the signed checkpoint"))
        if size == self._last_signed and stored.frontier != self._tree.hashes:
            raise AuditBroken(f"row {size}: its checkpoint has another frontier than the tree")
        if stored.minute is None:
            raise AuditBroken(f"row {size}: its checkpoint has no time")
        self._signed = size
        self._checkpoints += 1

    def _check_known(self, size: int) -> None:
        """Check what was kept elsewhere of the tree, or of the chain, as it is now."""
        for known in self._known.pop(size):
            if isinstance(known, AuditHead) and known != self._chain.head:
                raise AuditBroken(f"row {size}: not the checkpoint's row")
            if isinstance(known, Checkpoint) and known.root != self._tree.root():
                raise AuditBroken(_rewritten(self._agreed, size, "the checkpoint"))
        self._agreed = size

    async def _check_subtrees(self) -> None:
        """Check the stored roots of the subtrees that the page has completed; none is stored before the first checkpoint."""
        completed = self._tree.completed
        stored: dict[tuple[int, int], bytes] = {}
        for level in {each[0] for each in completed}:
            own = [index for each, index, _ in completed if each == level]
            found = await tree_store.find_subtrees(self._connection, level, first=own[0], last=own[-1])
            stored |= {(level, index): root for index, root in found.items()}
        for level, index, root in completed:
            width = 1 << (TILE_HEIGHT * level)
            if stored.get((level, index)) != (root if (index + 1) * width <= self._last_signed else None):
                raise AuditBroken(f"row {index * width + 1}: a stored hash of the tree over it was changed")
        self._subtrees += len(stored)
        completed.clear()

    async def _check_end(self) -> None:
        """Check that the rows reach as far as every checkpoint, and the checkpoints as far as the rows."""
        size = self._tree.size
        if size < self._mark.rows:
            raise AuditBroken(f"row {size + 1}: missing, deployment/audit_mark is at row {self._mark.rows}")
        if await count_rows(self._connection, audit_subtrees) != self._subtrees:
            raise AuditBroken("audit_subtrees: a hash is stored of rows that are not in the signed tree")
        beyond = await tree_store.list_checkpoints(self._connection, after=size, to=2**63 - 1)
        if beyond:
            raise AuditBroken(f"row {size + 1}: missing, a signed checkpoint has {beyond[-1].size} rows")
        known = max(self._known, default=0)
        if known > size:
            raise AuditBroken(f"row {size + 1}: missing, the checkpoint has {known} rows")
        # After the migration of a chain the first pass of a sequencer signs it.
        if self._signed < size and (self._signed or not size == self._chain.head.rows == self._mark.rows):
            raise AuditBroken(f"row {self._signed + 1}: no signed checkpoint has it")

    def _check_waiting(self, row: Sequence[Any]) -> None:
        (entry, has_row), stored = row[:2], row[2:]
        name = f"waiting entry {entry}"
        if has_row:
            raise AuditBroken(f"{name}: has a row already")
        if entry == self._last_waiting:
            raise AuditBroken(f"{name}: is stored in two months")
        self._last_waiting = entry
        if stored[2] is None:
            raise AuditBroken(f"{name}: its content is missing")
        members = check_entry(name, stored, leaf=stored[3])
        self._check_mac(name, stored, now=self._trust.now)
        self._check_wait(name, members)
        self._waiting += 1
        self._read([(self._tree.size + self._waiting, stored, members)])

    def _check_wait(self, name: str, members: Mapping[str, Any]) -> None:
        if self._trust.now is None:
            return
        waited = self._trust.now - datetime.fromisoformat(members["at"])
        if waited > LONGEST_WAIT:
            raise AuditBroken(f"{name}: waits for its row since {int(waited.total_seconds())} s")


def _rewritten(agreed: int, size: int, what: str) -> str:
    if agreed + 1 == size:
        return f"row {size}: differs from {what}"
    return f"row {agreed + 1}: it or a later row differs from {what} at row {size}"
