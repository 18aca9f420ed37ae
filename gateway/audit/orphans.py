"""Orphans: intended questions without the row of an answer, because their worker died.

When no worker can still wait for the answer, they get the outcome `outcome_unknown`: the question may have been sent, and
the registry's answer is unknown. A later answer still gets its own row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from gateway import deployment
from gateway.audit import store
from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind, parse_entry
from gateway.database import Database, Transaction

OUTCOME = "outcome_unknown"

PATIENCE = timedelta(minutes=3)
"""Longer than the longest deadline of a connection (120 s) together with lease and commit."""

_PAGE = 500


async def close_orphans(database: Database, log: AuditLog, *, now: datetime) -> int:
    """Close each question without an answer that is older than `PATIENCE`; return their number.

    Continues where the last call of any worker ended. Raises `Overloaded`.
    """
    closed = 0
    while True:
        async with database.read() as connection:
            after = await deployment.read_settled(connection)
            page = await store.list_intended(connection, after=after, limit=_PAGE)
        parsed = ((number, parse_entry(body)) for number, body in page)
        # The mark is set to the last of these: a question that is not due must not be skipped.
        due = list(takewhile(lambda found: found[1].at <= now - PATIENCE, parsed))
        if due:
            closed += await _settle(log, due, now=now)
        if len(due) < _PAGE:
            return closed


async def _settle(log: AuditLog, due: Sequence[tuple[int, AuditEntry]], *, now: datetime) -> int:
    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], int]:
        # Read under the audit's lock: another worker may have closed them just now.
        answered = await store.list_answered(transaction, [entry.request_code or "" for _, entry in due])
        closed = [
            entry.copy_with(at=now, kind=Kind.ANSWERED, outcome=OUTCOME, state=None)
            for _, entry in due
            if entry.request_code not in answered
        ]
        await deployment.record_settled(transaction, due[-1][0])
        return closed, len(closed)

    return await log.commit(decide)
