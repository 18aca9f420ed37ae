"""The suite's own PostgreSQL, where the machine has none: the locked package's programs do."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.errors.requests import StoreUnavailable
from gateway.storage.database import Database
from gateway.storage.driver import DriverTransaction
from gateway.storage.statements import HotStatement
from tests.kit.stores import Server, opened, running_postgresql


@pytest.mark.postgresql
def test_without_programs_on_the_path_the_locked_package_serves() -> None:
    with running_postgresql(search_path="") as server:
        assert asyncio.run(_ask(server.url("postgres"), "SHOW server_version")).startswith("17.")


async def _ask(url: str, query: str) -> str:
    async with opened(url) as database, database.read() as connection:
        return str((await connection.execute(sa.text(query))).scalar_one())


@pytest.mark.postgresql
def test_a_reader_between_two_statements_holds_no_transaction_open(postgresql_server: Server) -> None:
    assert asyncio.run(_states_beside_a_reader(postgresql_server.make_database())) == "idle"


async def _states_beside_a_reader(url: str) -> str:
    """Return in which states another connection sees a reader's that has read once."""
    states = """SELECT string_agg(state, ',') FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    async with opened(url) as database, database.read() as reader:
        await reader.execute(sa.text("SELECT 1"))
        async with database.write() as other:
            return str((await other.execute(sa.text(states))).scalar_one())


@pytest.mark.postgresql
def test_libpqs_parameters_reach_both_kinds_of_connections(postgresql_server: Server) -> None:
    url = f"{postgresql_server.make_database()}?sslmode=disable&application_name=gateway-of-a-test"
    names = asyncio.run(_names_of_connections(url))
    assert names == {"gateway-of-a-test"}


@pytest.mark.postgresql
def test_a_server_without_tls_is_refused_where_tls_is_required(postgresql_server: Server) -> None:
    url = f"{postgresql_server.make_database()}?sslmode=require"
    with pytest.raises(StoreUnavailable, match="tls_refused"):
        asyncio.run(_ask(url, "SELECT 1"))


async def _names_of_connections(url: str) -> set[str]:
    names = HotStatement(sa.select(sa.func.current_setting("application_name")))
    async with opened(url) as database, database.read() as reader:
        pooled = (await reader.execute(sa.text("SELECT current_setting('application_name')"))).scalar_one()
        (hot,) = await database.fetch(names, {})
        return {str(pooled), str(hot[0])}


_some = sa.Table(
    "some", sa.MetaData(), sa.Column("key", sa.String(4), primary_key=True), sa.Column("value", sa.JSON)
)
_others = sa.Table("others", sa.MetaData(), sa.Column("key", sa.String(4), primary_key=True))
_ADD, _ADD_OTHER = HotStatement(sa.insert(_some)), HotStatement(sa.insert(_others))
_CHANGE = HotStatement(
    sa.update(_some).where(_some.c.key == sa.bindparam("own_key")).values(value=sa.bindparam("value"))
)
_DELETE = HotStatement(sa.delete(_some).where(_some.c.key == sa.bindparam("own_key")))
_LATEST = sa.text(
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
)
_LIST = HotStatement(sa.select(_some.c.key, sa.cast(_some.c.value, sa.String)).order_by(_some.c.key))


async def _write_some(database: Database) -> list[tuple[str, str]]:
    """Write rows of two tables in one transaction; return those of the first as it reads them."""
    async with database.write() as transaction:
        for table in (_some, _others):
            await transaction.run_sync(table.create)
    async with database.transaction(shared_lock=1) as hot:
        await hot.run(_ADD, [{"key": key, "value": [key]} for key in "abcd"])
        await hot.run(_ADD_OTHER, [{"key": "x"}, {"key": "y"}])
        await hot.run(_CHANGE, [{"own_key": "b", "value": ["new"]}, {"own_key": "c", "value": None}])
        await hot.run(_DELETE, [{"own_key": "a"}, {"own_key": "none"}])
        return [tuple(row) for row in await hot.fetch(_LIST, {})]


@pytest.mark.postgresql
def test_writes_that_wait_for_one_message_keep_their_order_in_each_table(postgresql_server: Server) -> None:
    url = postgresql_server.make_database()

    async def run() -> tuple[list[tuple[str, str]], int]:
        async with opened(url) as database:
            found = await _write_some(database)
            async with database.read() as reader:
                others = (await reader.execute(sa.select(sa.func.count()).select_from(_others))).scalar_one()
            return found, others

    assert asyncio.run(run()) == ([("b", '["new"]'), ("c", "null"), ("d", '["d"]')], 2)


@pytest.mark.postgresql
def test_a_text_longer_than_its_column_is_refused_and_not_cut(postgresql_server: Server) -> None:
    url = postgresql_server.make_database()

    async def run() -> None:
        async with opened(url) as database:
            await _write_some(database)
            async with database.transaction(shared_lock=1) as hot:
                await hot.run(_ADD, [{"key": "fffff", "value": []}])

    with pytest.raises(Exception, match="value too long"):
        asyncio.run(run())


@pytest.mark.postgresql
def test_writes_of_several_tables_are_one_statement_for_the_server(postgresql_server: Server) -> None:
    url = postgresql_server.make_database()

    async def run() -> str:
        async with opened(url) as database:
            await _write_some(database)
            async with database.transaction(shared_lock=1) as hot:
                await hot.run(_ADD, [{"key": "e", "value": []}])
                await hot.run(_ADD_OTHER, [{"key": "z"}])
                await hot.flush()
                async with database.read() as other:
                    return str((await other.execute(_LATEST)).scalar_one())

    query = asyncio.run(run())
    assert query.startswith("WITH")
    assert query.count("INSERT INTO") == 2


_DELETE_OTHER = HotStatement(sa.delete(_others).where(_others.c.key == sa.bindparam("own_key")))
_LIST_OTHERS = HotStatement(sa.select(_others.c.key).order_by(_others.c.key))
_NAMES = {
    _ADD: ("key", "value"),
    _CHANGE: ("own_key", "value"),
    _DELETE: ("own_key",),
    _ADD_OTHER: ("key",),
    _DELETE_OTHER: ("own_key",),
}
_VALUES: Sequence[Any] = (None, [], "NULL", {"a": '{"b","c"}'}, ["\\", "\u1ebf\U0001f600"], 1.5, True)


async def _run_any_order(url: str, seed: int) -> list[Any]:
    """Run writes and reads in a random order, in transactions of which some fail; return all that is read."""
    chance = random.Random(seed)
    seen: list[Any] = []
    async with opened(url) as database:
        async with database.write() as transaction:
            for table in (_some, _others):
                await transaction.run_sync(table.create)
        for _ in range(12):
            with suppress(LookupError):
                async with database.transaction(shared_lock=1) as hot:
                    for _ in range(chance.randrange(1, 10)):
                        await _run_step(hot, chance)
                        if chance.random() < 0.2:
                            seen.append([tuple(row) for row in await hot.fetch(_LIST, {})])
                    if chance.random() < 0.2:
                        raise LookupError
            seen += [[tuple(row) for row in await database.fetch(each, {})] for each in (_LIST, _LIST_OTHERS)]
    return seen


async def _run_step(hot: DriverTransaction, chance: random.Random) -> None:
    """Add, change or delete rows; those that are added are deleted first, so that no key is there twice."""
    statements = chance.choice(
        [(_DELETE, _ADD), (_CHANGE,), (_DELETE,), (_DELETE_OTHER, _ADD_OTHER), (_DELETE_OTHER,)]
    )
    keys = chance.sample("abcdef", chance.randrange(5))
    rows = [{"key": key, "own_key": key, "value": chance.choice(_VALUES)} for key in keys]
    for statement in statements:
        names = _NAMES[statement]
        await hot.run(statement, [{name: row[name] for name in names} for row in rows])


@pytest.mark.postgresql
def test_any_order_of_writes_and_reads_leaves_the_same_rows_as_on_sqlite(
    postgresql_server: Server, tmp_path: Path
) -> None:
    for seed in range(3):
        found = asyncio.run(_run_any_order(postgresql_server.make_database(), seed))
        assert found == asyncio.run(_run_any_order(f"sqlite:///{tmp_path / str(seed)}", seed))
        assert any(found)


@pytest.mark.postgresql
def test_idle_connections_that_the_server_closed_are_replaced(postgresql_server: Server) -> None:
    url = postgresql_server.make_database()

    async def run() -> list[int]:
        async with opened(url) as database:
            numbers = []
            for _ in range(2):
                (row,) = await database.fetch(_ONE, {})
                numbers.append(row[0])
                # In another thread, so that this loop can't notice it before the next statement.
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(asyncio.run, _ask(url, _END_OTHERS)).result()
                async with database.transaction(shared_lock=1) as transaction:
                    numbers += [row[0] for row in await transaction.fetch(_ONE, {})]
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(asyncio.run, _ask(url, _END_OTHERS)).result()
            return numbers

    assert asyncio.run(run()) == [1, 1, 1, 1]


_ONE = HotStatement(sa.select(sa.literal(1)))
_END_OTHERS = """SELECT string_agg(pg_terminate_backend(pid)::text, ',') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
