"""The suite's own PostgreSQL, where the machine has none: the locked package's programs do."""

import asyncio

import pytest
import sqlalchemy as sa

from tests.gateway.disposable import opened
from tests.postgresql import running_postgresql


@pytest.mark.postgresql
def test_without_programs_on_the_path_the_locked_package_serves() -> None:
    with running_postgresql(search_path="") as server:
        assert asyncio.run(_ask(server.url("postgres"), "SHOW server_version")).startswith("17.")


async def _ask(url: str, query: str) -> str:
    async with opened(url) as database, database.read() as connection:
        return str((await connection.execute(sa.text(query))).scalar_one())
