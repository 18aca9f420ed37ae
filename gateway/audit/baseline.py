"""Take over the rows that an older version of the gateway left: from here on the audit vouches for them.

What they were before nobody can say: an edit made until then is part of the baseline. It is taken once. A store whose
audit has it, or any state, takes none again: who sets the schema back could else have an edit taken over.
"""

from datetime import datetime

from gateway.audit import state_store, store
from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.audit.state import BASELINE, COVERED, State
from gateway.database import Transaction
from gateway.identifiers import new_identifier

_ROWS = 500
"""Covered rows that one audit row takes over."""


async def take_baseline(transaction: Transaction, *, now: datetime) -> int:
    """Append audit rows that name every covered row as it is; return how many covered rows there are.

    The caller's transaction has every table of the store at the newest schema.
    """
    await store.lock(transaction)
    if await store.has_state(transaction):
        return 0
    taken, state, act = 0, dict[str, tuple[str | None, str | None]](), new_identifier("act")
    for table in COVERED:
        async for name, digest, _ in state_store.stream_state(transaction, table):
            state[name] = (None, digest)
            if len(state) == _ROWS:
                await store.append(transaction, [_entry(state, act, now)])
                taken, state = taken + len(state), {}
    if state:
        await store.append(transaction, [_entry(state, act, now)])
    return taken + len(state)


def _entry(state: State, act: str, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now, kind=Kind.LOCAL, profile=None, act=act, outcome=BASELINE, actor=LOCAL, state=state
    )
