"""What grows with use is found by an index: what an account or a citizen has seen costs the next call nothing."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.settings import Settings
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
    plan = await _plan_of("count(DISTINCT", settings_for(sqlite_url, mock), mock, clock)
    assert any(
        "ix_verifications_wrong_claims (profile=? AND client_id=? AND verified_at>?)" in step for step in plan
    )


async def test_a_ledgers_latest_entries_are_found_without_sorting_all(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    plan = await _plan_of("FROM audit_entries", settings_for(sqlite_url, mock), mock, clock)
    assert any(
        "ix_audit_entries_organisation_citizen_row (organisation=? AND citizen=?)" in step for step in plan
    )
    assert not any("ORDER BY" in step for step in plan)


async def _plan_of(words: str, settings: Settings, mock: MockRegistry, clock: HandClock) -> list[str]:
    """Verify, look at the ledger, and return how SQLite ran the first statement with these words."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_others: object) -> None:
        if words in statement:
            seen.append((statement, parameters))

    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        sa.event.listen(scene.gateway.parts.database.engine.sync_engine, "before_cursor_execute", note)
        await portal.call("POST", "/ledger", {"receipt": await portal.receipt()})
        statement, parameters = seen[0]
        async with scene.gateway.parts.database.read() as transaction:
            rows = await transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [row[-1] for row in rows]
