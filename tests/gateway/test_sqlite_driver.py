"""On SQLite: what runs on the event loop's own thread, and what would keep the loop waiting and so doesn't."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.errors.requests import Overloaded, StoreUnavailable
from gateway.storage.database import WAIT_SECONDS, Database, Transaction, open_database
from gateway.storage.sqlite_driver import SqliteConnection
from gateway.storage.statements import HotStatement


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'gateway.db'}")
    async with opened.write() as transaction:
        await transaction.exec_driver_sql("CREATE TABLE notes (text)")
    yield opened
    await opened.close()


async def note(transaction: Transaction) -> None:
    await transaction.exec_driver_sql("INSERT INTO notes VALUES ('a')")


async def count(database: Database) -> int:
    async with database.read() as transaction:
        return int((await transaction.exec_driver_sql("SELECT count(*) FROM notes")).scalar_one())


async def test_statements_run_on_the_loops_thread_and_what_may_wait_in_another(database: Database) -> None:
    ran: dict[str, bool] = {}
    here = threading.get_ident()
    async with database.engine.connect() as connection:
        held = (await connection.get_raw_connection()).driver_connection._conn  # type: ignore[union-attr]  # it is open
        held.set_trace_callback(lambda statement: ran.update({statement[:10]: threading.get_ident() == here}))
    async with database.write() as transaction:
        await note(transaction)
    await count(database)
    await database.truncate_journal()
    held.set_trace_callback(None)

    on_the_loop = {"INSERT INT": True, "BEGIN": True, "SELECT cou": True, "ROLLBACK": True}
    may_wait = {"BEGIN IMME": False, "COMMIT": False, "PRAGMA wal": False}
    assert ran | on_the_loop | may_wait == ran


async def test_the_loop_goes_on_while_a_writer_waits_for_another_process(database: Database) -> None:
    other = sqlite3.connect(str(database.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with database.write() as transaction:
            await note(transaction)

    waiting = asyncio.create_task(write())
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert await count(database) == 1


async def test_a_connection_is_closed_only_after_what_a_cancelled_caller_left_in_its_thread(
    database: Database,
) -> None:
    """SQLite's connection is freed by its end: a statement that still runs in another thread would end the process."""
    started, go_on, order = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        started.set()
        go_on.wait(5)
        order.append("statement")

    async with database.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        held = raw.driver_connection
        assert isinstance(held, SqliteConnection)
        left = asyncio.create_task(held._in_thread(slow))
        await asyncio.to_thread(started.wait)
        left.cancel()
        await asyncio.wait([left])
        undo = asyncio.create_task(held.rollback())
        undo.add_done_callback(lambda _: order.append("rollback"))
        close = asyncio.create_task(held.close())
        close.add_done_callback(lambda _: order.append("close"))
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.gather(undo, close)
        await connection.invalidate()

    assert order == ["statement", "rollback", "close"]


async def test_a_commit_whose_caller_is_cancelled_ends_before_the_connection_is_used_again(
    database: Database,
) -> None:
    """The disk is slow in a thread; the loop must not roll back beside it."""
    started, order = threading.Event(), list[str]()

    def slow(statement: str) -> None:
        if statement == "COMMIT":
            started.set()
            time.sleep(0.2)
        order.append(statement.split(maxsplit=1)[0])

    async def write() -> None:
        async with database.transaction(shared_lock=1) as transaction:
            held = transaction._connection  # type: ignore[attr-defined]  # SQLite's own
            held.set_trace_callback(slow)
            await transaction.run(HotStatement(sa.text("INSERT INTO notes VALUES ('a')")), [{}])

    writing = asyncio.create_task(write())
    await asyncio.to_thread(started.wait)
    writing.cancel()
    await asyncio.wait([writing])

    assert order == ["INSERT", "COMMIT"]
    assert await count(database) == 1


async def test_a_transaction_that_reads_leaves_nothing_behind(database: Database) -> None:
    async with database.read() as transaction:
        await note(transaction)
    assert await count(database) == 0


async def test_a_write_that_fails_leaves_nothing_behind(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as transaction:
            await note(transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(database) == 0


async def test_emptying_the_journal_with_an_open_reader_stalls_nobody_and_is_not_reported_as_done(
    database: Database,
) -> None:
    async with database.write() as transaction:
        await note(transaction)
    journal = Path(f"{database.engine.url.database}-wal")
    other = sqlite3.connect(str(database.engine.url.database), isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM notes").fetchall()
    async with database.write() as transaction:
        await note(transaction)

    async with asyncio.timeout(1):
        assert not await database.truncate_journal()
        async with database.write() as transaction:
            await note(transaction)
    assert _size(journal) > 0

    other.execute("COMMIT")
    other.close()
    for _ in range(100):
        await asyncio.sleep(0.05)
        if not _size(journal):
            break
    assert _size(journal) == 0
    assert await database.truncate_journal(wait_seconds=5)  # the task may still hold its connection
    assert await count(database) == 3


async def test_a_caller_waits_for_a_connection_no_longer_than_for_the_store(database: Database) -> None:
    async with AsyncExitStack() as held:
        for _ in range(8):
            await held.enter_async_context(database.read())
        async with asyncio.timeout(WAIT_SECONDS + 3):
            with pytest.raises(Overloaded) as refused:
                await count(database)
    assert refused.value.code == "overloaded"


async def test_threat_35_a_writer_waits_for_its_turn_and_a_locked_store_together_no_longer_than_for_one(
    database: Database,
) -> None:
    async def write() -> None:
        async with database.write() as transaction:
            await note(transaction)

    async def write_hot() -> None:
        async with database.transaction(shared_lock=1):
            pass

    async def measure(writing: Callable[[], Awaitable[None]], after: float) -> float:
        await asyncio.sleep(after)
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await writing()
        return time.monotonic() - begun

    with closing(sqlite3.connect(str(database.engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits = await asyncio.gather(measure(write, 0), measure(write_hot, 2), measure(write, 4))
    assert max(waits) < WAIT_SECONDS + 2
    await write()


def _size(journal: Path) -> int:
    return journal.stat().st_size
