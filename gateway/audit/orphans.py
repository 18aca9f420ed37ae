"""Orphans: questions that were intended and have no answer's row, since their worker died in between.

Once no worker can still be waiting they are closed with the outcome `outcome_unknown`: the packet may have left,
and what the registry said nobody knows. An answer that comes later all the same is a row of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway import deployment
from gateway.audit import store
from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind, parse_entry
from gateway.database import Database, Transaction

OUTCOME = "outcome_unknown"

PATIENCE = timedelta(minutes=3)
"""Longer than the longest deadline that a connection may have (120 s), and what its lease and commit take."""

_PAGE = 500


async def close_orphans(database: Database, log: AuditLog, *, now: datetime) -> int:
    """Close what has no answer and is older than `PATIENCE`; return how many there were.

    Reads on from where the last call, of any worker, got to. Raises `Overloaded`.
    """
    closed = 0
    while True:
        async with database.read() as connection:
            after = await deployment.read_settled(connection)
            page = await store.list_intended(connection, after=after, limit=_PAGE)
        due = [(row, entry) for row, entry in _parse(page) if entry.at <= now - PATIENCE]
        if due:
            closed += await _settle(log, due, now=now)
        if len(due) < _PAGE:
            return closed


def _parse(page: Sequence[tuple[int, str]]) -> Sequence[tuple[int, AuditEntry]]:
    return [(row, parse_entry(body)) for row, body in page]


async def _settle(log: AuditLog, due: Sequence[tuple[int, AuditEntry]], *, now: datetime) -> int:
    closed: list[AuditEntry] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        # Looked up where nobody else writes: another worker may have closed them just now.
        closed.clear()
        codes = [entry.request_code or "" for _, entry in due]
        answered = await store.list_answered(transaction, codes)
        closed.extend(
            replace(entry, at=now, kind=Kind.ANSWERED, outcome=OUTCOME, state=None)
            for _, entry in due
            if entry.request_code not in answered
        )
        await deployment.record_settled(transaction, due[-1][0])
        return closed

    await log.commit(decide)
    return len(closed)
