"""The suite's own PostgreSQL, where the machine has none: the locked package's programs do."""

import asyncio

import pytest
import sqlalchemy as sa

from gateway.driver import HotStatement
from gateway.errors.registry import StoreUnavailable
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
    with pytest.raises(StoreUnavailable, match="unreachable"):
        asyncio.run(_ask(url, "SELECT 1"))


async def _names_of_connections(url: str) -> set[str]:
    names = HotStatement(sa.select(sa.func.current_setting("application_name")))
    async with opened(url) as database, database.read() as reader:
        pooled = (await reader.execute(sa.text("SELECT current_setting('application_name')"))).scalar_one()
        (hot,) = await database.fetch(names, {})
        return {str(pooled), str(hot[0])}
