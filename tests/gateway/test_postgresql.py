"""The suite's own PostgreSQL, where the machine has none: the locked package's programs do."""

import asyncio

import pytest
import sqlalchemy as sa

from tests.gateway.disposable import opened
from tests.postgresql import Server, running_postgresql


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
