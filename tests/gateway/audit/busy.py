"""A writer of the audit that is kept busy, so that records gather behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.audit.log import WAITING, AuditLog
from gateway.audit.model import AuditEntry
from gateway.database import Transaction
from tests.gateway.audit.entries import entry


class Held:
    """A record that keeps the writer busy until it is let go, so that others gather behind it."""

    def __init__(self, log: AuditLog) -> None:
        self._go, self._at_work = asyncio.Event(), asyncio.Event()
        self.record = asyncio.ensure_future(log.commit(self._decide))

    async def _decide(self, transaction: Transaction) -> list[AuditEntry]:
        self._at_work.set()
        await self._go.wait()
        return []

    async def reached(self) -> None:
        await self._at_work.wait()

    async def release(self) -> None:
        self._go.set()
        await self.record


@asynccontextmanager
async def full_queue(log: AuditLog) -> AsyncIterator[None]:
    """Let as many records wait as may, while the block runs."""
    held = Held(log)
    await held.reached()
    records = [asyncio.ensure_future(log.record(entry())) for _ in range(WAITING)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        await held.release()
        await asyncio.gather(*records)
