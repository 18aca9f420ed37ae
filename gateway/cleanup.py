"""Delete in the background what has expired: data keys, kept answers, used ids, reservations, leases; close orphans."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import structlog

from gateway.audit.orphans import close_orphans
from gateway.background import run_in_background
from gateway.dependencies import Dependencies
from gateway.enquiries import budget_store
from gateway.enquiries import idempotency_store as answers
from gateway.enquiries import store as verifications
from gateway.errors.registry import Overloaded
from gateway.oauth import store as used_ids

CLEANUP_SECONDS = 20.0
_ENDED_LEASE_KEPT = timedelta(minutes=1)
"""How long the lease of an ended question is kept: longer than an identical request takes to find it."""

log = structlog.get_logger("gateway")


def cleaning_up(deps: Dependencies, *, every: float = CLEANUP_SECONDS) -> AbstractAsyncContextManager[None]:
    """Clean up every `every` seconds in the background while a block runs."""
    return run_in_background(_clean_up_forever(deps, every))


async def _clean_up_forever(deps: Dependencies, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await clean_up(deps)
        except Overloaded:
            log.warning("sweep_postponed")
        except Exception:  # the outermost edge of a background task: without it the cleanup would stop
            log.exception("sweep_failed")


async def clean_up(deps: Dependencies) -> int:
    """Write counted refusals, delete what has expired (on SQLite also in the journal), close dead workers' questions.

    Returns how many data keys and kept answers were deleted. Each deletion has its own transaction: workers clean up at
    the same time, and a transaction that locks one row and waits for another could deadlock.
    """
    now = deps.clock.now()
    await deps.refusals.flush()
    async with deps.database.write() as connection:
        deleted = await verifications.delete_expired_keys(connection, now=now)
    async with deps.database.write() as connection:
        deleted += await answers.delete_ended(connection, now=now)
    async with deps.database.write() as connection:
        await used_ids.delete_expired(connection, at=now)
    for delete in (budget_store.delete_ended, budget_store.delete_past):
        async with deps.database.write() as connection:
            await delete(connection, now=now)
    async with deps.database.write() as connection:
        await budget_store.delete_ended_leases(connection, before=now - _ENDED_LEASE_KEPT)
    if deleted:
        await deps.database.truncate_journal()
    await close_orphans(deps.database, deps.audit, now=now)
    return deleted
