"""The sequencer: gives committed entries their rows, extends the tree and signs a checkpoint, all in one commit.

It runs beside the requests, one at a time over all workers (a try-lock), so that no request waits for another's row. The
order of rows is the order in which entries become visible to a pass, and within a pass that of their ids: an entry comes
after every entry that its writer could read. A process that dies in a pass leaves nothing of it.

It never signs over what it has not signed before: if the rows don't end where the last checkpoint does, it stops with
`AuditBroken`, and entries wait. An entry without a right MAC gets no row; it is logged, and does not delay the others. See
docs/decisions/0078 and 0093.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from typing import NamedTuple

import structlog

from gateway.audit import tree_store
from gateway.audit.checkpoints import (
    Checkpoint,
    NoteInvalid,
    Signers,
    origin_of,
    parse_checkpoint,
    sign_checkpoint,
)
from gateway.audit.log import AuditLog
from gateway.audit.model import LOCAL, LOST, EntryMacs, act_entry
from gateway.audit.store import find_leaf
from gateway.audit.tree import Frontier
from gateway.audit.tree_store import StoredCheckpoint, WaitingEntry, Work
from gateway.background import run_in_background
from gateway.clock import Clock
from gateway.deployment import find_mark
from gateway.errors.operators import AuditBroken
from gateway.errors.requests import Overloaded
from gateway.keys.model import Purpose
from gateway.keys.store import find_missing_key
from gateway.keys.vault import Vault
from gateway.storage.database import Database, Transaction

PASS_SECONDS = 0.5
"""How often a worker looks whether entries wait. An entry has its row after twice as long: a worker that sees another one's new
checkpoint leaves the next pass to it."""

IDLE_SECONDS = 5.0
"""How often a worker that has appended nothing looks for entries of others: a worker that was killed may have left some."""

MOST = 4_096
"""A pass reads no further page of entries after so many; also the size of a page, and the limit of refused entries that are logged."""

_NAMED = 20
"""How many lost entries the row that records them names; the log names more."""

FOLLOWED = 8
"""How many passes in a row a worker leaves to another one, before it runs one itself."""

STALLED_SECONDS = 60
"""An entry that waits longer is an alarm."""

_POLL_SECONDS = 0.05
"""How long `run_to_end` waits before it tries again to be the one that runs passes."""

log = structlog.get_logger("gateway.audit")


class Sequencer:
    """The sequencer of one process.

    `merged` counts the rows that it has given, `refused` the waiting entries without a right MAC that it has seen, `lost` the
    entries of this process that were deleted before they had a row.
    `stalled_seconds`: how long it has seen the same entry wait, 0 if none does. `find_signed` returns the number and the leaf of
    a row that any process is known to have signed, such as the head that is kept in a file; it is called in every pass, since
    another worker may have signed what this one has not seen.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        base: str,
        find_signed: Callable[[], tuple[int, str] | None] = lambda: None,
    ) -> None:
        self.merged = 0
        self.refused = 0
        self.lost = 0
        self._lost_in_log = set[int]()
        self.stalled_seconds = 0.0
        self._database = database
        self._vault = vault
        self._clock = clock
        self._base = base
        self._told: set[int] = set()
        self._stalled_at: tuple[int, datetime] | None = None
        self._stall_told = False
        self._postponed = False
        self._signed: tuple[int, str] | None = None
        self._find_signed = find_signed
        self._seen_signed = 0
        self._followed = 0
        self._placed: dict[int, str] = {}

    async def run(self, *, follow: bool = False) -> bool:
        """Run passes until each entry that waited has its row, but refused ones; False if another process is at it.

        What is committed meanwhile waits for the next call: under load there would be no end, and a pass costs as much for
        a few entries as for thousands. So of several workers one is enough: with `follow` the call leaves the pass to another
        process that has signed since the last call, `FOLLOWED` times in a row at most.

        Raises:
            AuditBroken: the stored rows don't continue the last signed checkpoint.
            Overloaded, MasterKeyWrong
        """
        self._placed = {}
        while True:
            async with self._database.read() as connection:
                work = await tree_store.find_work(connection)
            self._note(work)
            is_led = self._note_signed(work)
            if work.is_done:
                return True
            if follow and is_led:
                return False
            async with self._database.write() as connection:
                if not await tree_store.try_lock(connection):
                    return False
                done = await self._merge(connection)
            self._placed |= done.placed
            self.merged += len(done.placed)
            if done.signed is not None:
                self._signed = done.signed
                self._seen_signed = done.signed[0]
            if not done.has_more:
                return True

    def _note_signed(self, work: Work) -> bool:
        """Note how far the tree is signed; return whether another process has signed since, `FOLLOWED` times in a row at most."""
        is_led = work.signed > self._seen_signed and self._followed < FOLLOWED
        self._seen_signed = work.signed
        self._followed = self._followed + 1 if is_led else 0
        return is_led

    async def run_to_end(self) -> None:
        """As `run`, also while another process is at it: then every entry that was committed before has its row."""
        while not await self.run():  # noqa: ASYNC110 - no event tells when the other process is done
            await asyncio.sleep(_POLL_SECONDS)

    async def try_run(self, audit: AuditLog | None = None, *, follow: bool = False) -> bool:
        """As `run`; an error is logged, and counts as done unless the store may soon work again.

        Then look for the row of each entry that `audit` has committed. One that neither waits nor has a row was deleted between
        its commit and its row: it is logged, counted in `lost`, and recorded, so that `audit verify` names it.
        """
        try:
            is_done = await self.run(follow=follow)
            if audit is not None:
                await self._record_lost(audit)
            self._postponed = False
        except Overloaded:
            # `store_unavailable` names the cause once a minute; a line for each of two passes a second would hide it.
            if not self._postponed:
                log.warning("audit_pass_postponed")
            self._postponed = True
            return False
        except AuditBroken as error:
            log.error("audit_broken", reason=error.reason)  # noqa: TRY400 - the reason says it all
        except Exception:  # the outermost edge: neither a worker nor a command ends because of it
            log.exception("audit_pass_failed")
        else:
            return is_done
        return True

    async def _record_lost(self, audit: AuditLog) -> None:
        for entry, _ in audit.unmerged.items() & self._placed.items():
            del audit.unmerged[entry]
        if not audit.unmerged:
            return
        committed = dict(audit.unmerged)
        waiting, lost = await tree_store.find_unmerged(self._database, committed)
        if lost:
            named = "entries " + ", ".join(map(str, sorted(lost)[:_NAMED]))
            missed = act_entry(LOST, at=self._clock.now(), actor=LOCAL).copy_with(
                count=len(lost), reason=named
            )
            for entry in sorted(lost - self._lost_in_log)[:MOST]:
                log.error("audit_entry_lost", entry=entry, leaf=committed[entry])
            self._lost_in_log = lost  # once, and before the row, which may have to wait for the store
            await audit.record(missed, mandatory=True)
            self.lost += len(lost)
        for entry in committed.keys() - waiting:
            del audit.unmerged[entry]

    async def _merge(self, connection: Transaction) -> "_Pass":
        """Run one pass."""
        former = await tree_store.find_last_checkpoint(connection)
        last = await tree_store.last_row(connection)
        waiting, has_more = await self._list_genuine(connection)
        keys = await self._vault.read_checkpoint_keys(connection)
        tree, known = _open_tree(former, Signers(keys.keys))
        if last < tree.size:
            raise AuditBroken(f"row {last + 1}: missing, a signed checkpoint has {tree.size} rows")
        await self._check_grown(connection)
        # Only the rows of a chain, which the migration of the schema left, have no checkpoint before their first pass.
        if last > tree.size and (former or await tree_store.has_unchained(connection, after=tree.size)):
            raise AuditBroken(f"row {tree.size + 1}: was inserted outside the audit, no checkpoint has it")
        if last > tree.size:
            await self._check_marked(connection, last)
        before, leaf = tree.size, ""
        while tree.size < last and (leaves := await tree_store.list_leaves(connection, after=tree.size)):
            leaf = await _extend(tree, leaves)
        if tree.size != last:
            raise AuditBroken(f"row {tree.size + 1}: missing")
        if waiting:
            await tree_store.merge(connection, waiting, after=last)
            leaf = await _extend(tree, [bytes.fromhex(each) for _, each in waiting])
        if tree.size == before:
            return _Pass(placed={}, signed=None, has_more=False)
        now = self._clock.now()
        signed = sign_checkpoint(
            origin=known.origin if known else origin_of(self._base),
            size=tree.size,
            root=tree.root(),
            keys=keys.signing(now),
        )
        await tree_store.insert_subtrees(connection, tree.completed)
        await tree_store.insert_checkpoint(connection, tree=tree, note=signed.note, at=now, former=former)
        return _Pass(placed=dict(waiting), signed=(tree.size, leaf), has_more=has_more)

    async def _list_genuine(self, connection: Transaction) -> tuple[list[tuple[int, str]], bool]:
        """Return id and leaf of waiting entries with a right MAC, in order; and whether there may be more.

        More than `MOST` come with the last page, and twice as many at most. Rows of strangers count for nothing.
        """
        genuine = dict[int, str]()
        async with aclosing(tree_store.walk_waiting(connection, most=MOST)) as pages:
            async for page in pages:
                # After the entries: a key that was made meanwhile may have authenticated them.
                macs = await self._read_macs(connection)
                now, refused = self._clock.now(), set[int]()
                for each in page:
                    if _is_genuine(each, macs, now):
                        genuine[each.entry] = each.leaf
                    else:
                        refused.add(each.entry)
                self._refuse(refused - genuine.keys())
                if len(genuine) >= MOST:
                    return list(genuine.items()), True
        return list(genuine.items()), False

    async def _read_macs(self, connection: Transaction) -> EntryMacs:
        if (missing := await find_missing_key(connection)) is not None:
            raise AuditBroken(f"keys: the {missing} is missing")
        return EntryMacs((await self._vault.read_audit_keys(connection, Purpose.EVIDENCE)).keys)

    def _refuse(self, entries: set[int]) -> None:
        """Log each refused entry once, `MOST` at most."""
        for entry in sorted(entries - self._told)[: MOST - len(self._told)]:
            self._told.add(entry)
            self.refused += 1
            log.error("audit_entry_refused", entry=entry, reason="no right MAC, or a row already")

    async def _check_grown(self, connection: Transaction) -> None:
        """Check that the store has the rows that this process and another one have signed. Raises `AuditBroken`.

        In a store from before schema 0017 the row of the head may have no checkpoint yet; `_merge` refuses any other row
        without one.
        """
        for signed in sorted(filter(None, {self._signed, self._find_signed()})):
            if await find_leaf(connection, signed[0]) != signed:
                raise AuditBroken(f"row {signed[0]}: missing, or differs from what was signed")

    async def _check_marked(self, connection: Transaction, last: int) -> None:
        """Check that rows without a checkpoint are those that the first evidence key adopted. Raises `AuditBroken`."""
        keys = await self._vault.read_audit_keys(connection, Purpose.EVIDENCE)
        mark = EntryMacs(keys.keys).read_mark(await find_mark(connection), now=self._clock.now())
        if mark is None or (mark.rows, mark.leaf) != await find_leaf(connection, last):
            raise AuditBroken(
                f"row {last}: has no checkpoint, and is not the last row from before schema 0025"
            )

    def _note(self, work: Work) -> None:
        """Notice that the same entry waits for long; say so once."""
        now = self._clock.now()
        if work.first is None or work.last is None:
            self._stalled_at = None
        elif self._stalled_at is None or work.first > self._stalled_at[0]:
            self._stalled_at = work.last, now
        self.stalled_seconds = (
            0.0 if self._stalled_at is None else (now - self._stalled_at[1]).total_seconds()
        )
        stalled = self.stalled_seconds > STALLED_SECONDS
        if stalled and not self._stall_told:
            log.error("audit_stalled", entry=work.first, seconds=int(self.stalled_seconds))
        self._stall_told = stalled


class _Pass(NamedTuple):
    """What a pass did: the entries that got a row, by id and leaf, the size and the last leaf that it signed, and whether more
    may wait.
    """

    placed: Mapping[int, str]
    signed: tuple[int, str] | None
    has_more: bool


async def _extend(tree: Frontier, leaves: Sequence[bytes]) -> str:
    """Append leaf hashes to the tree, and let others work meanwhile; return the last one in hexadecimal."""
    for start in range(0, len(leaves), tree_store.PAGE):
        if start:
            await asyncio.sleep(0)
        tree.extend(leaves[start : start + tree_store.PAGE])
    return leaves[-1].hex()


def _is_genuine(each: WaitingEntry, macs: EntryMacs, now: datetime) -> bool:
    """Return whether this gateway wrote the entry, and it has no row yet."""
    right = macs.is_right(each.mac, entry=each.entry, month=each.month, leaf=each.leaf, now=now)
    return right and not each.has_row


def _open_tree(former: StoredCheckpoint | None, signers: Signers) -> tuple[Frontier, Checkpoint | None]:
    """Return the tree of the last checkpoint. Raises `AuditBroken` if that is not what was signed."""
    if former is None:
        return Frontier(), None
    try:
        checkpoint = parse_checkpoint(former.note)
        signers.check(checkpoint)
        tree = Frontier(former.size, former.frontier or ())
    except (NoteInvalid, ValueError):
        raise AuditBroken(f"row {former.size}: its checkpoint is not signed by this gateway") from None
    if (checkpoint.size, checkpoint.root) != (tree.size, tree.root()):
        raise AuditBroken(f"row {former.size}: its checkpoint differs from what was signed")
    return tree, checkpoint


def sequencing(
    sequencer: Sequencer, audit: AuditLog, *, every: float = PASS_SECONDS, idle: float = IDLE_SECONDS
) -> AbstractAsyncContextManager[None]:
    """Run passes in the background while a block runs."""
    return run_in_background(_run_forever(sequencer, audit, every, idle))


async def _run_forever(sequencer: Sequencer, audit: AuditLog, every: float, idle: float) -> None:
    loop = asyncio.get_running_loop()
    settled, looked_at = -1, loop.time()
    while True:
        appended, now = audit.appended, loop.time()
        if appended != settled or now - looked_at >= idle:
            looked_at = now
            settled = appended if await sequencer.try_run(audit, follow=True) else -1
        await asyncio.sleep(every)
