"""What ends by time in any room is swept in the background: data keys, kept answers, used ids, reservations, orphans."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import structlog

from gateway.audit.orphans import close_orphans
from gateway.background import beside
from gateway.errors.places import Overloaded
from gateway.idempotency import store as answers
from gateway.oauth import store as used_ids
from gateway.parts import Parts
from gateway.verifications import budgets_store, flights_store, volume_store
from gateway.verifications import store as verifications

SWEEP_SECONDS = 20.0
_LANDED_KEPT = timedelta(minutes=1)
"""How much longer a landed question is kept than its lease: longer than any twin is on its way to look."""

log = structlog.get_logger("gateway")


def sweeping(parts: Parts, *, every: float = SWEEP_SECONDS) -> AbstractAsyncContextManager[None]:
    """Sweep in the background while a block runs, `every` so many seconds."""
    return beside(_sweep_for_ever(parts, every))


async def _sweep_for_ever(parts: Parts, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await sweep(parts)
        except Overloaded:
            log.warning("sweep_postponed")
        except Exception:  # a background task's outermost edge: without it keys would never be deleted again
            log.exception("sweep_failed")


async def sweep(parts: Parts) -> int:
    """Delete what has had its time, on SQLite also from the journal, and close the questions whose worker died.
    Write what was counted of refusals.

    Returns how many data keys and kept answers went. Each in a transaction of its own: workers sweep at the same time,
    and none may wait for a row with another locked.
    """
    now = parts.clock.now()
    await parts.refusals.flush()
    async with parts.database.write() as connection:
        deleted = await verifications.delete_expired_keys(connection, now=now)
    async with parts.database.write() as connection:
        deleted += await answers.delete_ended(connection, now=now)
    async with parts.database.write() as connection:
        await used_ids.delete_expired(connection, at=now)
    async with parts.database.write() as connection:
        await budgets_store.delete_ended(connection, now=now)
    async with parts.database.write() as connection:
        await volume_store.delete_past(connection, now=now)
    async with parts.database.write() as connection:
        await flights_store.delete_landed(connection, before=now - _LANDED_KEPT)
    if deleted:
        await parts.database.truncate_journal()
    await close_orphans(parts.database, parts.audit, now=now)
    return deleted
