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
from gateway.storage.database import Database, Transaction

OUTCOME = "outcome_unknown"

PATIENCE = timedelta(minutes=3)
"""Longer than the longest deadline of a connection (120 s) together with lease and commit."""

_PAGE = 500


async def close_orphans(database: Database, log: AuditLog, *, now: datetime) -> int:
    """Close each question without an answer that is older than `PATIENCE`; return their number.

    Continues at the mark: up to it every question has an answer. A question that is dated ahead, by a clock that has
    jumped, is passed over until its time has come; unless it has an answer, the mark stays before it. Raises `Overloaded`.
    """
    closed, is_held = 0, False
    async with database.read() as connection:
        after: int | None = await deployment.read_settled(connection)
    while after is not None:
        async with database.read() as connection:
            page, after = await store.list_intended(connection, log.macs, after=after, limit=_PAGE, now=now)
        parsed = [(number, parse_entry(body)) for number, body in page]
        passed = list(takewhile(lambda found: not now - PATIENCE < found[1].at <= now, parsed))
        due = [entry.request_code or "" for _, entry in passed if entry.at <= now]
        # With a held mark only an answer is worth the audit's lock: all later questions are read again in each cleanup.
        if due and not (is_held and await _are_answered(database, due)):
            more, is_held = await _settle(log, passed, now=now, is_held=is_held)
            closed += more
        else:
            is_held = is_held or bool(passed)
        if len(passed) < len(parsed):
            break
    return closed


async def _are_answered(database: Database, request_codes: Sequence[str]) -> bool:
    async with database.read() as connection:
        return await store.list_answered(connection, request_codes) >= set(request_codes)


async def _settle(
    log: AuditLog, passed: Sequence[tuple[int, AuditEntry]], *, now: datetime, is_held: bool
) -> tuple[int, bool]:
    """Close the due ones among questions; return their number, and whether the mark is held from now on."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], tuple[int, bool]]:
        # Read under the audit's lock: another worker may have closed them just now.
        answered = await store.list_answered(transaction, [entry.request_code or "" for _, entry in passed])
        left = [(number, entry) for number, entry in passed if entry.request_code not in answered]
        closed = [
            entry.copy_with(at=now, kind=Kind.ANSWERED, outcome=OUTCOME, state=None)
            for _, entry in left
            if entry.at <= now
        ]
        ahead = next((number for number, entry in left if entry.at > now), None)
        settled = [number for number, _ in passed if ahead is None or number < ahead]
        if settled and not is_held:
            await deployment.record_settled(transaction, settled[-1])
        return closed, (len(closed), is_held or ahead is not None)

    return await log.commit(decide)
