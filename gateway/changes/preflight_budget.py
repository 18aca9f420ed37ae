"""How often a preflight may be run, and how much may be asked about test identities in an hour, by all workers together.

Each is counted inside a record of the audit, before anything is sent: many at once can't pass together. Questions
about nobody are free. Source: the contract's budget of a preflight, docs/decisions/0066.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from gateway.audit.model import AuditEntry
from gateway.changes import preflight_store as store
from gateway.changes.model import Change
from gateway.changes.preflight_store import Run
from gateway.database import Transaction
from gateway.errors.operators import PreflightBudgetSpent
from gateway.identifiers import new_identifier
from gateway.parts import Parts
from gateway.places import Profile

QUESTIONS_AN_HOUR = 20
"""Questions about test identities, a profile; every operation asked is one."""

RUNS_AN_HOUR = 30
"""Preflights of one change."""

_HOUR = timedelta(hours=1)
_KEPT = timedelta(days=1)


async def begin_run(parts: Parts, change: Change) -> str:
    """Count a preflight that begins; return its id. Raises `PreflightBudgetSpent`, `Overloaded`."""
    now = parts.clock.now()
    run = Run(id=new_identifier("pfl"), change=change.id, profile=change.profile, begun_at=now)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        begun = await store.list_begun(transaction, change=change.id, since=now - _HOUR)
        if len(begun) >= RUNS_AN_HOUR:
            raise PreflightBudgetSpent("the preflights of this change", _wait(begun[-RUNS_AN_HOUR], now))
        await store.delete_runs(transaction, before=now - _KEPT)
        await store.insert_run(transaction, run)
        return ()

    await parts.audit.commit(decide)
    return run.id


async def require_room(parts: Parts, profile: Profile, questions: int) -> None:
    """Raise `PreflightBudgetSpent` where so many questions about a test identity can't be put now."""
    async with parts.database.read() as transaction:
        await _require_room(transaction, profile, questions, parts.clock.now())


async def charge_run(parts: Parts, profile: Profile, run: str | None, questions: int) -> None:
    """Count the questions that a preflight is about to put about its test identity.

    Raises:
        PreflightBudgetSpent: another preflight took the room meanwhile, or this one is not counted, or was charged before.
        Overloaded
    """
    now = parts.clock.now()

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await _require_room(transaction, profile, questions, now)
        if run is None or not await store.charge_run(transaction, run, questions=questions, at=now):
            raise PreflightBudgetSpent("the questions of this preflight", 1)
        return ()

    await parts.audit.commit(decide)


async def _require_room(transaction: Transaction, profile: Profile, questions: int, now: datetime) -> None:
    asked = await store.list_asked(transaction, profile=profile, since=now - _HOUR)
    over = sum(count for _, count in asked) + questions - QUESTIONS_AN_HOUR
    if over <= 0:
        return
    ends = now
    for at, count in asked:  # the oldest first: once these are an hour old, there is room
        if over > 0:
            over, ends = over - count, at
    raise PreflightBudgetSpent("the questions about a test identity", _wait(ends, now))


def _wait(at: datetime, now: datetime) -> int:
    """Return the whole seconds until what happened then counts no more."""
    return max(1, ceil((at + _HOUR - now).total_seconds()))
