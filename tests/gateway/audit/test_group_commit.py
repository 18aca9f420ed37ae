"""Group commit: concurrent records share a commit, each stands or falls alone, and a long queue refuses early."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gateway.audit.log import WAITING, AuditLog, Change, HotChange, HotRecord
from gateway.audit.store import audit_entries
from gateway.audit.verify import verify_audit
from gateway.deployment import deployment
from gateway.errors.requests import EnquiryBudgetSpent, Overloaded, StoreUnavailable
from gateway.storage.database import Database, Transaction
from gateway.storage.driver import DriverTransaction
from gateway.storage.statements import HotStatement
from tests.kit.audit import MACS, Held, entry, full_queue
from tests.kit.scene import Portal, Scene
from tests.kit.stores import opened


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database, MACS)


async def add(transaction: Transaction, name: str) -> None:
    await transaction.execute(sa.insert(deployment).values(name=name, value="kept"))


async def names(database: Database) -> set[str]:
    async with database.read() as connection:
        kept = sa.select(deployment.c.name).where(deployment.c.value == "kept")
        return set((await connection.execute(kept)).scalars())


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


async def test_after_a_group_of_several_the_next_records_gather_for_a_moment_on_postgresql(
    database: Database, log: AuditLog
) -> None:
    """A slow machine may miss the moment now and then: hence twenty times."""

    async def a_little_later() -> None:
        await asyncio.sleep(0.003)  # by then a commit that does not wait has begun
        await log.record(entry())

    for _ in range(20):
        await asyncio.gather(log.record(entry()), log.record(entry()))
        await asyncio.gather(log.record(entry()), a_little_later())

    assert log.records == 80
    assert (log.groups < 55) is not database.embedded  # 60 where those of the second line have a commit each
    await log.record(entry())
    before = log.groups
    await log.record(entry())
    assert log.groups == before + 1


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


async def lock_later(transaction: DriverTransaction, records: Sequence[HotRecord[Iterator[int]]]) -> None:
    """Take locks one by one, as no change may, so that PostgreSQL finds a deadlock."""
    for record in records:
        for key in record.value:
            await transaction.lock([key])
            await asyncio.sleep(0.2)
        record.entries, record.result = [entry()], "done"


async def test_a_group_that_postgresql_ends_for_a_deadlock_is_committed_once_more(
    database: Database, log: AuditLog
) -> None:
    change, keys = HotChange(apply=lock_later), [1, 2]
    results = await asyncio.gather(
        log.submit(change, iter(keys)), AuditLog(database, MACS).submit(change, iter(reversed(keys)))
    )

    assert list(results) == ["done"] * 2
    assert (await verify_audit(database)).waiting == 2
    deadlocks = 0 if database.embedded else 1
    assert sum(database.outages.counts.values()) == deadlocks


IDLE = "SET LOCAL idle_in_transaction_session_timeout = '50ms'"


async def freeze(seconds: float = 0.3) -> None:
    """Stop the whole event loop, as a machine that was paused does; then let the driver read what came meanwhile."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is the point
    await asyncio.sleep(0.05)


async def test_a_transaction_whose_connection_is_lost_before_its_commit_is_run_once_more(
    database: Database, log: AuditLog
) -> None:
    """A process that freezes in a transaction loses it (docs/decisions/0104); its answers may be mandatory."""
    runs: list[str] = []

    async def freeze_hot(transaction: DriverTransaction, records: Sequence[HotRecord[str]]) -> None:
        runs.append("hot")
        if not transaction.embedded and runs.count("hot") == 1:
            await transaction.fetch(HotStatement(sa.text(IDLE)), {})
            await freeze()
        for record in records:
            record.entries, record.result = [entry()], record.value

    async def freeze_cold(transaction: Transaction) -> str:
        runs.append("cold")
        if not database.embedded and runs.count("cold") == 1:
            await transaction.execute(sa.text(IDLE))
            await freeze()
        await add(transaction, "cold")
        return "cold"

    assert await log.submit(HotChange(apply=freeze_hot), "hot") == "hot"
    assert await log.record(entry(), change=freeze_cold) == "cold"

    assert runs == (["hot", "cold"] if database.embedded else ["hot", "hot", "cold", "cold"])
    assert await names(database) == {"cold"}
    assert (await verify_audit(database)).waiting == 2


async def test_a_transaction_that_is_lost_twice_fails(database: Database, log: AuditLog) -> None:
    if database.embedded:
        pytest.skip("SQLite has no connection to lose")

    async def end(transaction: Transaction) -> None:
        await add(transaction, "lost")
        await transaction.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        await log.record(entry(), change=end)

    assert await names(database) == set()
    assert sum(database.outages.counts.values()) == 2


async def test_a_group_whose_transaction_is_lost_twice_fails_as_a_whole_and_waits_for_the_store_no_longer(
    database: Database, log: AuditLog
) -> None:
    if database.embedded:
        pytest.skip("SQLite has no connection to lose")

    async def end(transaction: Transaction) -> None:
        await transaction.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    held = Held(log)
    await held.reached()
    changes: list[Change[None]] = [partial(add, name="kept"), end] * 4
    results = asyncio.gather(
        *(log.record(entry(), change=change) for change in changes), return_exceptions=True
    )
    await asyncio.sleep(0)
    await held.release()

    assert {type(result) for result in await results} == {StoreUnavailable}
    assert await names(database) == set()
    assert sum(database.outages.counts.values()) == 2


async def test_groups_that_need_the_same_locks_in_any_order_never_end_in_a_deadlock(
    database: Database, log: AuditLog
) -> None:
    async def find_locks(_: DriverTransaction, records: Sequence[HotRecord[list[int]]]) -> list[int]:
        return [key for record in records for key in record.value]

    async def apply(_: DriverTransaction, records: Sequence[HotRecord[list[int]]]) -> None:
        await asyncio.sleep(0)
        for record in records:
            record.entries = [entry()]

    changes = [HotChange(apply=apply, find_locks=find_locks) for _ in range(3)]
    logs = [log, AuditLog(database, MACS)]
    for _ in range(20):
        await asyncio.gather(
            *(
                logs[number % 2].submit(changes[number % 3], random.sample(range(1, 7), k=3))
                for number in range(12)
            )
        )

    assert not database.outages.counts
    assert log.records + logs[1].records == 240


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
        query = sa.select(sa.func.count()).where(deployment.c.value == "kept")
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
    mandatory = asyncio.ensure_future(log.record(entry(act="mandatory"), mandatory=True))
    await asyncio.sleep(0)
    await held.release()
    await asyncio.gather(*records, mandatory)

    assert (await verify_audit(database)).rows == WAITING + 1
    async with database.read() as connection:
        query = sa.select(audit_entries.c.body).where(audit_entries.c.body.contains("one too many"))
        assert (await connection.execute(query)).all() == []


async def test_a_store_that_fails_fails_its_whole_group_and_nobody_after(tmp_path: Path) -> None:
    """An embedded store whose file is away for a moment: nothing is kept, and the next record is."""
    path = tmp_path / "gateway.db"
    async with opened(f"sqlite:///{path}") as database:
        log = AuditLog(database, MACS)
        path.rename(tmp_path / "away.db")
        results = await asyncio.gather(*(log.record(entry()) for _ in range(5)), return_exceptions=True)
        assert {type(result) for result in results} == {StoreUnavailable}
        (tmp_path / "away.db").rename(path)
        async with database.write() as connection:
            await connection.run_sync(audit_entries.metadata.create_all)
        await log.record(entry())
        assert (await verify_audit(database)).rows == 1


async def test_threat_35_a_queue_that_is_full_refuses_before_the_registry_is_asked(
    scene: Scene, portal: Portal
) -> None:
    async with full_queue(scene.gateway.deps.audit):
        answer = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert "Retry-After" in answer.headers
    assert await scene.journal() == []
    assert (await portal.verify()).status_code == 201
