"""Group commit: concurrent records share a commit, each stands or falls alone, and a long queue refuses early."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gateway.audit.log import WAITING, AuditLog
from gateway.audit.store import audit_entries
from gateway.audit.use_cases import verify_audit
from gateway.database import Database, Transaction
from gateway.deployment import deployment
from gateway.errors.callers import EnquiryBudgetSpent
from gateway.errors.places import Overloaded
from tests.gateway.audit.busy import Held, full_queue
from tests.gateway.audit.entries import entry
from tests.gateway.disposable import opened
from tests.gateway.scene import Portal, Scene


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database)


async def add(transaction: Transaction, name: str) -> None:
    await transaction.execute(sa.insert(deployment).values(name=name, value="kept"))


async def names(database: Database) -> set[str]:
    async with database.read() as connection:
        return set((await connection.execute(sa.select(deployment.c.name))).scalars())


async def test_records_that_gather_share_one_commit(database: Database, log: AuditLog) -> None:
    held = Held(log)
    await held.reached()
    records = [asyncio.ensure_future(log.record(entry(act=f"act_{number}"))) for number in range(100)]
    await asyncio.sleep(0)
    assert log.waiting == 100
    await held.release()
    await asyncio.gather(*records)

    assert (log.groups, log.records, log.waiting) == (2, 101, 0)
    assert (await verify_audit(database)).rows == 100


async def test_a_record_alone_does_not_wait_for_company(log: AuditLog) -> None:
    for number in range(3):
        await log.record(entry())
        assert (log.groups, log.records) == (number + 1, number + 1)


async def test_a_change_that_fails_leaves_its_neighbours_in_the_group_alone(
    database: Database, log: AuditLog
) -> None:
    async def half_done(transaction: Transaction) -> None:
        await add(transaction, "half")
        raise LookupError

    async def twice(transaction: Transaction) -> None:
        await add(transaction, "twice")
        await add(transaction, "twice")

    held = Held(log)
    await held.reached()
    results = asyncio.gather(
        log.record(entry(act="before"), change=lambda transaction: add(transaction, "before")),
        log.record(entry(act="half"), change=half_done),
        log.record(entry(act="twice"), change=twice),
        log.record(entry(act="after"), change=lambda transaction: add(transaction, "after")),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    await held.release()

    assert [type(result) for result in await results] == [type(None), LookupError, IntegrityError, type(None)]
    assert await names(database) == {"before", "after"}
    assert (await verify_audit(database)).rows == 2


async def test_a_change_that_refuses_before_it_changed_anything_costs_its_neighbours_nothing(
    database: Database, log: AuditLog
) -> None:
    async def refuse(transaction: Transaction) -> None:
        await transaction.execute(sa.select(deployment))
        raise EnquiryBudgetSpent("account_hour", 60)

    held = Held(log)
    await held.reached()
    results = asyncio.gather(
        log.record(entry(act="before"), change=lambda transaction: add(transaction, "before")),
        *(log.record(entry(act="refused"), change=refuse) for _ in range(20)),
        log.record(entry(act="after"), change=lambda transaction: add(transaction, "after")),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    await held.release()

    assert Counter(type(result) for result in await results) == {EnquiryBudgetSpent: 20, type(None): 2}
    assert log.groups == 2
    assert await names(database) == {"before", "after"}
    assert (await verify_audit(database)).rows == 2


async def test_a_value_that_the_store_refuses_is_its_own_callers_failure(
    database: Database, log: AuditLog
) -> None:
    """PostgreSQL takes no NUL in a text, and nothing more in a transaction after it refused one."""

    async def look_for_nul(transaction: Transaction) -> None:
        await transaction.execute(sa.select(deployment).where(deployment.c.name == "\0"))

    held = Held(log)
    await held.reached()
    results = asyncio.gather(
        log.record(entry(), change=lambda transaction: add(transaction, "before")),
        log.record(entry(), change=look_for_nul),
        log.record(entry(), change=lambda transaction: add(transaction, "after")),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    await held.release()

    failed = [result for result in await results if result is not None]
    assert len(failed) == (0 if database.embedded else 1)
    assert await names(database) == {"before", "after"}


async def test_a_later_record_of_a_group_sees_what_an_earlier_one_changed(
    database: Database, log: AuditLog
) -> None:
    seen: list[int] = []

    async def count_then_add(transaction: Transaction) -> None:
        query = sa.select(sa.func.count()).select_from(deployment)
        seen.append((await transaction.execute(query)).scalar_one())
        await add(transaction, f"name {len(seen)}")

    await asyncio.gather(*(log.record(entry(), change=count_then_add) for _ in range(5)))
    assert seen == [0, 1, 2, 3, 4]


async def test_a_caller_that_leaves_does_not_take_its_record_along(database: Database, log: AuditLog) -> None:
    held = Held(log)
    await held.reached()
    leaver = asyncio.ensure_future(log.record(entry()))
    await asyncio.sleep(0)
    leaver.cancel()
    await held.release()
    await log.aclose()

    assert leaver.cancelled()
    assert (await verify_audit(database)).rows == 1


async def test_a_long_queue_refuses_at_once_but_takes_what_is_owed(database: Database, log: AuditLog) -> None:
    held = Held(log)
    await held.reached()
    records = [asyncio.ensure_future(log.record(entry())) for _ in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await log.record(entry(act="one too many"))
    owed = asyncio.ensure_future(log.record(entry(act="owed"), owed=True))
    await asyncio.sleep(0)
    await held.release()
    await asyncio.gather(*records, owed)

    assert (await verify_audit(database)).rows == WAITING + 1
    async with database.read() as connection:
        query = sa.select(audit_entries.c.body).where(audit_entries.c.body.contains("one too many"))
        assert (await connection.execute(query)).all() == []


async def test_a_store_that_fails_fails_its_whole_group_and_nobody_after(tmp_path: Path) -> None:
    """An embedded store whose file is away for a moment: nothing is kept, and the next record is."""
    path = tmp_path / "gateway.db"
    async with opened(f"sqlite:///{path}") as database:
        log = AuditLog(database)
        path.rename(tmp_path / "away.db")
        results = await asyncio.gather(*(log.record(entry()) for _ in range(5)), return_exceptions=True)
        assert {type(result) for result in results} == {Overloaded}
        (tmp_path / "away.db").rename(path)
        async with database.write() as connection:
            await connection.run_sync(audit_entries.metadata.create_all)
        await log.record(entry())
        assert (await verify_audit(database)).rows == 1


async def test_threat_35_a_queue_that_is_full_refuses_before_the_registry_is_asked(
    scene: Scene, portal: Portal
) -> None:
    async with full_queue(scene.gateway.parts.audit):
        answer = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert "Retry-After" in answer.headers
    assert await scene.journal() == []
    assert (await portal.verify()).status_code == 201
