"""Tables that grow with use are read through an index: earlier calls of an account or citizen add no cost
to the next one.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.enquiries.budget_store import SPENT
from gateway.enquiries.store import REUSABLE
from gateway.settings import Settings
from gateway.storage.statements import HotStatement
from mock_c06.app import MockRegistry
from tests.kit.citizens import sign_in
from tests.kit.clocks import HandClock
from tests.kit.enquiries import verified
from tests.kit.scene import Portal, Scene, open_scene, settings_for
from tests.kit.stores import fresh_store, opened, plan_of_statement


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store on SQLite: PostgreSQL scans a small table whatever its indexes."""
    return fresh_store(request, "sqlite", tmp_path)


async def test_an_accounts_wrong_claims_are_counted_from_an_index_of_them_only(sqlite_url: str) -> None:
    plan = await _plan(SPENT, sqlite_url)
    assert any(
        "ix_verifications_wrong_claims (profile=? AND client_id=? AND verified_at>?)" in step for step in plan
    )


async def test_the_latest_entries_of_a_ledger_are_read_without_a_sort(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    plan = await _plan_of("FROM audit_entries", settings_for(sqlite_url, mock), mock, clock)
    assert any(
        "ix_audit_entries_organisation_citizen_id (organisation=? AND citizen=?)" in step for step in plan
    )
    assert not any("ORDER BY" in step for step in plan)


async def test_a_citizens_disputes_are_read_from_an_index_of_each_account(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    """A citizen's own ledger has them of every organisation: a scan for each would take longer with every dispute of others."""
    plan = await _plan_of("FROM discrepancies", settings_for(sqlite_url, mock), mock, clock)
    assert any("ix_discrepancies_client_id_subject (client_id=? AND subject=?)" in step for step in plan), (
        plan
    )


async def test_reuse_finds_roots_and_derived_verifications_by_an_index_each(sqlite_url: str) -> None:
    plan = await _plan(REUSABLE, sqlite_url)
    assert any("ix_verifications_roots (claim_key=?)" in step for step in plan), plan
    whole = "ix_verifications_claim_key_dossier (claim_key=? AND dossier=?)"
    assert any(whole in step for step in plan), plan


async def test_an_index_of_ids_grows_at_its_end(scene: Scene, portal: Portal) -> None:
    """The ids of later verifications, prefills and questions sort higher, whatever their random part."""
    verifications, prefills = [], []
    for number in range(4):
        made = await verified(portal, dossier=f"HN-{number}", fresh=True)
        verifications.append(made.members["id"])
        prefills.append((await made.fill("gender")).json()["id"])
        scene.clock.advance(1)
    codes = [entry["ma_yeu_cau"] for entry in await scene.journal()]
    assert len(codes) == 8
    assert all(re.fullmatch("GW-[A-Z]{9}[A-Z2-7]{16}", code) for code in codes)
    # A verification and its prefill are of one moment, for which there is no order.
    assert all(max(codes[at : at + 2]) < min(codes[at + 2 : at + 4]) for at in (0, 2, 4))
    assert verifications == sorted(verifications)
    assert prefills == sorted(prefills)


async def _plan(statement: HotStatement, url: str) -> list[str]:
    async with opened(url) as database:
        return await plan_of_statement(statement, database)


async def _plan_of(words: str, settings: Settings, mock: MockRegistry, clock: HandClock) -> list[str]:
    """Verify, read both ledgers, and return how SQLite ran the first statement that contains this text."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_others: object) -> None:
        if words in statement:
            seen.append((statement, parameters))

    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        sa.event.listen(scene.gateway.deps.database.engine.sync_engine, "before_cursor_execute", note)
        await portal.call("POST", "/ledger", {"receipt": await portal.receipt()})
        await portal.call("POST", "/ledger/mine", **{"Citizen-Token": await sign_in(mock)})
        statement, parameters = seen[0]
        async with scene.gateway.deps.database.read() as transaction:
            rows = await transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [row[-1] for row in rows]
