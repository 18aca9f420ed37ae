"""Delete in the background what has expired: data keys, kept answers, used ids, reservations, leases; close orphans.

An orphan is an intended question without the row of an answer, because its worker died. When no worker can still wait for the
answer, it gets the outcome `outcome_unknown`: the question may have been sent, and the registry's answer is unknown. A later
answer still gets its own row.

A clock that jumps ahead and is set right within an hour costs no evidence of use: a deleted id could be used twice, and a
deleted revocation makes its token valid again. Verifications and answers that were made meanwhile are not kept until then. A
gateway that starts with a wrong clock can't tell. A machine that wakes from sleep jumps too, and keeps used ids an hour longer.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import takewhile

import structlog

from gateway import deployment
from gateway.audit import month_store, store
from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind, find_entry
from gateway.background import run_in_background
from gateway.clock import AHEAD, Clock
from gateway.enquiries import budget_store
from gateway.enquiries import idempotency_store as answers
from gateway.enquiries import store as verifications
from gateway.errors.operators import StateWrong
from gateway.errors.requests import Overloaded
from gateway.oauth import store as used_ids
from gateway.profiles.model import Dependencies
from gateway.storage.database import Database, Transaction

CLEANUP_SECONDS = 20.0
_ENDED_LEASE_KEPT = timedelta(minutes=1)
"""How long the lease of an ended question is kept: longer than an identical request takes to find it."""

PATIENCE = timedelta(minutes=3)
"""The age of an orphan: longer than the longest deadline of a connection (120 s) together with lease and commit."""

_QUESTIONS_AT_ONCE = 500
_JUMP = timedelta(seconds=30)
"""Wall time and counter differ by at most this much between two passes, unless the clock was set or the machine slept."""

_DOUBT_SECONDS = 3600.0
"""How long a jump ahead is taken for a mistake."""

log = structlog.get_logger("gateway")


class SteadyTime:
    """The wall time of each pass, compared with the counter since the pass before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._counter = clock.now(), clock.monotonic()
        self._ahead, self._jumped_at = timedelta(0), self._counter
        self.went_back = True
        """Whether the clock was set back, until the caller resets it; True at first, since nobody knows."""

    def read(self) -> datetime:
        """Return the time up to which used ids may be deleted: a jump ahead counts only after an hour without another."""
        wall, counter = self._clock.now(), self._clock.monotonic()
        expected = self._wall + timedelta(seconds=counter - self._counter)
        jumped, self._ahead = wall - expected - self._ahead, wall - expected
        if abs(jumped) > _JUMP:
            log.warning("clock_jumped", seconds=round(jumped.total_seconds()))
            self._jumped_at = counter
            self.went_back |= jumped < timedelta(0)
        if self._ahead > _JUMP and counter - self._jumped_at < _DOUBT_SECONDS:
            return expected
        self._wall, self._counter, self._ahead = wall, counter, timedelta(0)
        return wall


def cleaning_up(deps: Dependencies, *, every: float = CLEANUP_SECONDS) -> AbstractAsyncContextManager[None]:
    """Clean up every `every` seconds in the background while a block runs."""
    return run_in_background(_clean_up_forever(deps, every))


async def _clean_up_forever(deps: Dependencies, every: float) -> None:
    steady = SteadyTime(deps.clock)
    while True:
        await asyncio.sleep(every)
        try:
            await clean_up(deps, steady)
        except Overloaded:
            log.warning("sweep_postponed")
        except StateWrong as wrong:  # from the last step: the others are done
            log.error("month_not_opened", reason=wrong.reason)  # noqa: TRY400 - it needs no trace
        except Exception:  # the outermost edge of a background task: without it the cleanup would stop
            log.exception("sweep_failed")


async def clean_up(deps: Dependencies, steady: SteadyTime | None = None) -> int:
    """Write counted refusals, delete what has expired (on SQLite also in the journal), close dead workers' questions.

    On PostgreSQL, open the audit's partition of a new month too, last.

    Returns how many data keys and kept answers were deleted. Each deletion has its own transaction: workers clean up at
    the same time, and a transaction that locks one row and waits for another could deadlock. Raises `StateWrong` as
    `open_months` does.
    """
    steady = steady or SteadyTime(deps.clock)
    now, ids_before = deps.clock.now(), steady.read()
    await deps.refusals.flush()
    deleted = 0
    if steady.went_back:
        async with deps.database.write() as connection:
            deleted += await verifications.end_future_ones(connection, now=now)
        async with deps.database.write() as connection:
            deleted += await answers.delete_future_ones(connection, after=now + AHEAD)
        steady.went_back = False
    async with deps.database.write() as connection:
        deleted += await verifications.delete_expired_keys(connection, now=now)
    async with deps.database.write() as connection:
        deleted += await answers.delete_ended(connection, now=now)
    async with deps.database.write() as connection:
        await used_ids.delete_expired(connection, at=ids_before)
    for delete in (budget_store.delete_ended, budget_store.delete_past):
        async with deps.database.write() as connection:
            await delete(connection, now=now)
    async with deps.database.write() as connection:
        await budget_store.delete_ended_leases(connection, before=now - _ENDED_LEASE_KEPT)
    if deleted:
        await deps.database.truncate_journal()
    await close_orphans(deps.database, deps.audit, now=now)
    await month_store.open_months(deps.database)
    return deleted


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
            page, after = await store.list_intended(
                connection, log.macs, after=after, limit=_QUESTIONS_AT_ONCE, now=now
            )
        # A question that is no entry any more is passed over: `audit verify` names it.
        found = [(number, find_entry(body)) for number, body in page]
        parsed = [(number, entry) for number, entry in found if entry is not None]
        passed = list(takewhile(lambda found: not now - PATIENCE < found[1].at <= now, parsed))
        due = [entry.request_code or "" for _, entry in passed if entry.at <= now]
        # With a held mark only an answer is worth the audit's lock: all later questions are read again in each cleanup.
        if due and not (is_held and await _are_answered(database, due, after=passed[0][0])):
            more, is_held = await _settle(log, passed, now=now, is_held=is_held)
            closed += more
        else:
            is_held = is_held or bool(passed)
        if len(passed) < len(parsed):
            break
    return closed


async def _are_answered(database: Database, request_codes: Sequence[str], *, after: int) -> bool:
    async with database.read() as connection:
        return await store.list_answered(connection, request_codes, after=after) >= set(request_codes)


async def _settle(
    log: AuditLog, passed: Sequence[tuple[int, AuditEntry]], *, now: datetime, is_held: bool
) -> tuple[int, bool]:
    """Close the due ones among questions; return their number, and whether the mark is held from now on."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], tuple[int, bool]]:
        # Read under the audit's lock: another worker may have closed them just now.
        codes = [entry.request_code or "" for _, entry in passed]
        answered = await store.list_answered(transaction, codes, after=passed[0][0])
        left = [(number, entry) for number, entry in passed if entry.request_code not in answered]
        closed = [
            entry.copy_with(at=now, kind=Kind.ANSWERED, outcome="outcome_unknown", state=None)
            for _, entry in left
            if entry.at <= now
        ]
        ahead = next((number for number, entry in left if entry.at > now), None)
        settled = [number for number, _ in passed if ahead is None or number < ahead]
        if settled and not is_held:
            await deployment.record_settled(transaction, settled[-1])
        return closed, (len(closed), is_held or ahead is not None)

    return await log.commit(decide)
