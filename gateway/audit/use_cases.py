"""List an organisation's enquiries on a citizen, take a baseline, and begin the evidence under a key.

A baseline names the rows that an older version of the gateway left. An edit made before it is part of it, so it is
taken once: a store whose audit has a baseline, or any state, takes none. In the same way the first evidence key adopts
the audit rows of an older version: the first start after the upgrade does it, and never again.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from gateway import deployment
from gateway.audit import state_store, store, tree_store
from gateway.audit.macs import AuditMark, EntryMacs
from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.audit.state import ADOPTED, BASELINE, COVERED, State
from gateway.audit.state_store import begin_marks, watch_statements
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile, new_identifier
from gateway.keys.model import Key
from gateway.keys.vault import ResealKeys
from gateway.storage.database import Database, Transaction
from gateway.storage.driver import ConnectionTransaction

LEDGER_KINDS = (
    Kind.ANSWERED,
    Kind.REUSED,
    Kind.DELIVERED,
    Kind.REFUSED,
    Kind.SHOWN,
    Kind.INSPECTED,
)

LEDGER_MOST = 500
"""Limit of one answer: a portal can cause any number of entries without a question to the registry."""


async def list_enquiries(
    database: Database, *, profile: Profile, organisation: str, citizens: Sequence[str]
) -> tuple[list[dict[str, object]], bool]:
    """Return an organisation's latest enquiries on one citizen, oldest first, and whether there are earlier ones."""
    async with database.read() as connection:
        bodies = await store.list_bodies(
            connection,
            profile=profile,
            organisation=organisation,
            citizens=citizens,
            kinds=LEDGER_KINDS,
            most=LEDGER_MOST + 1,
        )
    return [json.loads(body) for body in bodies[-LEDGER_MOST:]], len(bodies) > LEDGER_MOST


_ROWS = 500
"""Covered rows that one audit row of a baseline names."""


async def take_baseline(transaction: Transaction, *, now: datetime) -> int:
    """Append audit rows that name every covered row; return the number of covered rows.

    Every table of the caller's transaction has the newest schema.
    """
    await store.lock(transaction)
    if await store.has_state(transaction):
        return 0
    hot = ConnectionTransaction(transaction)
    taken, state, act = 0, dict[str, tuple[str | None, str | None]](), new_identifier("act")
    for table in COVERED:
        async for name, digest, _ in state_store.stream_state(transaction, table):
            state[name] = (None, digest)
            if len(state) == _ROWS:
                await store.append(hot, [_entry(state, act, now)], None)
                taken, state = taken + len(state), {}
    if state:
        await store.append(hot, [_entry(state, act, now)], None)
    return taken + len(state)


def _entry(state: State, act: str, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now, kind=Kind.LOCAL, profile=None, act=act, outcome=BASELINE, actor=LOCAL, state=state
    )


async def begin_evidence(
    database: Database, transaction: Transaction, key: Key, *, reseal: ResealKeys | None
) -> None:
    """Mark the rows that have no MAC, give the waiting entries one, and record that the older keys are sealed anew.

    `key` is the store's first evidence key. A new store (`reseal` None) gets a mark without rows.

    Raises:
        StateWrong: a store without keys has an audit.
    """
    macs = EntryMacs([key])
    await store.lock(transaction)
    last = await store.find_leaf(transaction)
    if reseal is None:
        if last is not None or await tree_store.count_entries(transaction):
            raise StateWrong("the store has an audit and no keys: put back the rows of the table keys")
    else:
        watch_statements(database)
        marks = await begin_marks(transaction)
        await reseal()
        await tree_store.authenticate_waiting(transaction, macs)
        adopted = AuditEntry(
            at=key.created_at,
            kind=Kind.LOCAL,
            profile=None,
            act=new_identifier("act"),
            outcome=ADOPTED,
            actor=LOCAL,
        )
        entries = await marks.settle(transaction, [adopted])
        await store.append(ConnectionTransaction(transaction), entries, macs)
    mark = AuditMark(rows=0, leaf="") if last is None else AuditMark(rows=last[0], leaf=last[1])
    await deployment.record_mark(transaction, macs.write_mark(mark))
