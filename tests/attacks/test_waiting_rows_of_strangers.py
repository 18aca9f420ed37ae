"""Rows that somebody inserts among the waiting entries: they get no row, and delay none of the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from gateway.audit.sequencer import MOST
from gateway.audit.store import audit_entries, audit_waiting
from tests.kit.audit import SignedLog, entry
from tests.kit.stores import opened


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    async with opened(database_url) as found:
        yield await SignedLog.open(found)


async def test_rows_that_strangers_put_before_the_others_leave_no_pass_with_one_entry(
    signed: SignedLog,
) -> None:
    async with signed.database.write() as connection:
        strangers = [{"entry": number} for number in (-(2**63), *range(2 - MOST, 0))]
        await connection.execute(sa.insert(audit_waiting), strangers)
    await signed.log.record(*(entry() for _ in range(100)))
    passes = signed.watch_passes()
    assert await signed.sequencer.run()
    assert (len(passes), signed.sequencer.merged) == (1, 100)


async def test_rows_that_strangers_let_wait_make_a_call_no_longer_under_load(signed: SignedLog) -> None:
    async with signed.database.write() as connection:
        strangers = [{"entry": (1 << 60) + number} for number in range(MOST)]
        await connection.execute(sa.insert(audit_waiting), strangers)
    async with asyncio.timeout(60):
        assert 1 <= await signed.count_passes(calls=3) <= 3


async def test_an_entry_that_a_stranger_stored_in_two_months_lets_none_of_the_others_wait(
    signed: SignedLog,
) -> None:
    await signed.log.record(*(entry() for _ in range(MOST + 1)))
    async with signed.database.write() as connection:
        first = (
            await connection.execute(sa.select(audit_entries).order_by(audit_entries.c.id).limit(1))
        ).one()
        await connection.execute(sa.insert(audit_entries).values(first._asdict() | {"month": "2026-12"}))
    assert await signed.sequencer.run()
    async with signed.database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(audit_waiting)) == 0
