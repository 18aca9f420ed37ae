"""A budget is counted by what was wrong alone: what an account has confirmed, however much, costs the next one nothing."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mock_c06.app import MockRegistry
from tests.gateway.conftest import fresh_store
from tests.gateway.scene import HandClock, open_scene, settings_for


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store on SQLite: PostgreSQL reads a small table whole, whatever indexes there are."""
    return fresh_store(request, "sqlite", tmp_path)


async def test_the_count_of_an_accounts_wrong_claims_reads_an_index_of_these_alone(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    counted: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_others: object) -> None:
        if "count(DISTINCT" in statement:
            counted.append((statement, parameters))

    async with open_scene(settings_for(sqlite_url, mock), mock, clock) as scene:
        engine = scene.gateway.parts.database.engine
        portal = await scene.portal()
        sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
        await portal.verify()
        statement, parameters = counted[0]
        async with scene.gateway.parts.database.read() as transaction:
            rows = await transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = [row[-1] for row in rows]
    assert any(
        "ix_verifications_wrong_claims (profile=? AND client_id=? AND verified_at>?)" in step for step in plan
    )
