"""The options of a change's preflight, and its hourly budget, of all workers together.

Runs of a change and questions about a profile's test identity are counted inside an audit record before anything is
sent, so that concurrent runs can't exceed the budget. Questions with the impossible number are free. See
docs/decisions/0066.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from gateway.audit.model import AuditEntry
from gateway.changes import store
from gateway.changes.model import Change
from gateway.dependencies import Dependencies
from gateway.errors.operators import PreflightBudgetSpent
from gateway.identifiers import Profile, new_identifier
from gateway.storage.database import Transaction

QUESTIONS_AN_HOUR = 20
"""Questions about a profile's test identity; every operation is one."""

RUNS_AN_HOUR = 30
"""Preflights of one change."""

GATEWAY_ACTOR = "gateway"
"""The actor of what the gateway does without an operator."""

_HOUR = timedelta(hours=1)
_KEPT = timedelta(days=1)


async def begin_run(deps: Dependencies, change: Change) -> str:
    """Count a preflight before it begins; return its id. Raises `PreflightBudgetSpent`, `Overloaded`."""
    now, run = deps.clock.now(), new_identifier("pfl")

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], str]:
        begun = await store.list_begun(transaction, change=change.id, since=now - _HOUR)
        if len(begun) >= RUNS_AN_HOUR:
            raise PreflightBudgetSpent("the preflights of this change", _wait(begun[-RUNS_AN_HOUR], now))
        await store.delete_runs(transaction, before=now - _KEPT)
        await store.insert_run(transaction, run, change, at=now)
        return (), run

    return await deps.audit.commit(decide)


async def charge_questions(deps: Dependencies, profile: Profile, run: str | None, questions: int) -> None:
    """Count the questions about a test identity that a preflight is about to ask.

    Raises:
        PreflightBudgetSpent: the budget is used up, or this preflight was not counted, or was charged before.
        Overloaded
    """
    now = deps.clock.now()

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await require_questions(transaction, profile, questions, now)
        if run is None or not await store.charge_run(transaction, run, questions=questions, at=now):
            raise PreflightBudgetSpent("the questions of this preflight", 1)
        return (), None

    await deps.audit.commit(decide)


async def require_questions(
    transaction: Transaction, profile: Profile, questions: int, now: datetime
) -> None:
    """Raise `PreflightBudgetSpent` if this number of questions about a test identity can't be asked now."""
    asked = await store.list_asked(transaction, profile=profile, since=now - _HOUR)
    over = sum(count for _, count in asked) + questions - QUESTIONS_AN_HOUR
    if over <= 0:
        return
    ends = now
    for at, count in asked:  # the oldest first: when these are an hour old, the budget is enough
        if over > 0:
            over, ends = over - count, at
    raise PreflightBudgetSpent("the questions about a test identity", _wait(ends, now))


def _wait(at: datetime, now: datetime) -> int:
    """Return the whole seconds until a count made at `at` is an hour old."""
    return max(1, ceil((at + _HOUR - now).total_seconds()))
