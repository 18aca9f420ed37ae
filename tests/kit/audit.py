"""Audit entries, a log with its sequencer, a way to let records queue, and a monitor's check of a consistency proof."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa

from gateway.audit.checkpoints import Checkpoint, Signers, parse_checkpoint
from gateway.audit.log import WAITING, AuditLog
from gateway.audit.model import AuditEntry, EntryMacs, Kind
from gateway.audit.sequencer import Sequencer
from gateway.audit.state_check import AuditReport
from gateway.audit.state_store import begin_evidence
from gateway.audit.tree import ProofInvalid, node_hash
from gateway.audit.tree_store import find_last_checkpoint
from gateway.audit.verify import Known, Trust, read_trust, verify_audit
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.keys.vault import Vault, make_key
from gateway.storage.database import Database, Transaction
from tests.kit.clocks import HandClock


def entry(**members: Any) -> AuditEntry:
    """Return an entry of one organisation's enquiry about one citizen."""
    usual: dict[str, Any] = {
        "at": datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC),
        "kind": Kind.ANSWERED,
        "profile": Profile.SANDBOX,
        "act": "act_one",
        "organisation": "000.00.01.H26",
        "citizen": "c" * 40,
        "outcome": "confirmed",
    }
    return AuditEntry(**(usual | members))


class Held:
    """A record that keeps the writer busy until its release, so that other records queue."""

    def __init__(self, log: AuditLog) -> None:
        self._go, self._at_work = asyncio.Event(), asyncio.Event()
        self.record = asyncio.ensure_future(log.commit(self._decide))

    async def _decide(self, transaction: Transaction) -> tuple[list[AuditEntry], None]:
        self._at_work.set()
        await self._go.wait()
        return [], None

    async def reached(self) -> None:
        await self._at_work.wait()

    async def release(self) -> None:
        self._go.set()
        await self.record


@asynccontextmanager
async def full_queue(log: AuditLog) -> AsyncIterator[None]:
    """Fill the queue of records while the block runs."""
    held = Held(log)
    await held.reached()
    records = [asyncio.ensure_future(log.record(entry())) for _ in range(WAITING)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        await held.release()
        await asyncio.gather(*records)


MACS = EntryMacs(
    [make_key(None, Purpose.EVIDENCE, serial=1, now=datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC))]
)
"""The MACs of a log whose store has no keys."""


class SignedLog:
    """The audit of a store with a sequencer of its own and the keys of its checkpoints and entries."""

    def __init__(self, database: Database, vault: Vault, clock: HandClock, macs: EntryMacs) -> None:
        self.database = database
        self.clock = clock
        self.vault = vault
        self.log = AuditLog(database, macs)
        self.sequencer = self.new_sequencer()

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Return the log of a store, whose keys are made unless it has some."""
        clock = HandClock()
        vault = Vault(b"m" * 32, file=None, sealed=(), begin=begin_evidence)
        rings = await vault.open(database, clock)
        return cls(database, vault, clock, EntryMacs(rings.evidence))

    def new_sequencer(self) -> Sequencer:
        """Return the sequencer of a process that has signed nothing yet."""
        return Sequencer(self.database, self.vault, self.clock, base="https://gateway.example/")

    async def sign(self) -> Checkpoint:
        """Give every waiting entry its row, a minute after the last time, and return the checkpoint."""
        self.clock.advance(60)
        assert await self.sequencer.run()
        async with self.database.read() as connection:
            found = await find_last_checkpoint(connection)
        assert found is not None
        return parse_checkpoint(found.note)

    async def verify(self, *known: Known) -> AuditReport:
        return await verify_audit(self.database, trust=await self.trust(), known=known)

    async def trust(self) -> Trust:
        """Return the keys that a check trusts; how long entries wait isn't checked."""
        return replace(await read_trust(self.database, self.vault, now=self.clock.now()), now=None)

    def watch_passes(self) -> list[str]:
        """Return a list that gets a statement for each pass that signs a checkpoint from now on."""
        seen: list[str] = []

        def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO audit_checkpoints"):
                seen.append(statement)

        sa.event.listen(self.database.engine.sync_engine, "before_cursor_execute", look)
        return seen

    async def count_passes(self, *, calls: int) -> int:
        """Return how many passes sign a checkpoint in this number of calls, while others go on to commit."""
        stop, passes = asyncio.Event(), self.watch_passes()

        async def write_on() -> None:
            while not stop.is_set():
                await self.log.record(entry())

        async with asyncio.TaskGroup() as group:
            for _ in range(32):
                group.create_task(write_on())
            for _ in range(calls):
                await asyncio.sleep(0.02)
                await self.log.record(entry())  # on a slow machine the others may not have committed yet
                await self.sequencer.run()
            stop.set()
        return len(passes)

    async def change_row(self, statement: str) -> None:
        """Change one row with SQL, as somebody with the store's file or password can."""
        async with self.database.write() as connection:
            assert (await connection.exec_driver_sql(statement)).rowcount == 1

    async def signers(self) -> Signers:
        async with self.database.read() as connection:
            return Signers((await self.vault.read_checkpoint_keys(connection)).keys)


def verify_consistency(
    former: int, size: int, path: Sequence[bytes], former_root: bytes, root: bytes
) -> None:
    """Check a consistency proof (RFC 9162 §2.1.4.2). Raises `ProofInvalid`."""
    if not 0 < former <= size:
        raise ProofInvalid
    if former == size:
        hashes, at, last = [former_root, *path], 0, 0
    else:
        hashes = list(path) if former & (former - 1) else [former_root, *path]
        up = (former ^ (former - 1)).bit_length() - 1  # the height of the subtree that ends at `former`
        at, last = (former - 1) >> up, (size - 1) >> up
    if not hashes:
        raise ProofInvalid
    if _climb(at, last, hashes[0], hashes[0], hashes[1:]) != (former_root, root):
        raise ProofInvalid


def _climb(at: int, last: int, old: bytes, new: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the former and of the whole tree, from a node at place `at` of a level whose last place is `last`.

    Raises:
        ProofInvalid: the path is too long or too short.
    """
    for sibling in path:
        if last == 0:
            raise ProofInvalid
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofInvalid
    return old, new
