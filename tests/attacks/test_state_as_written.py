"""Threat 54, below SQLAlchemy: a store's text says the same to a reader and something else to a comparison."""

import re

import pytest
import sqlalchemy as sa

from gateway.audit.use_cases import verify_audit
from gateway.deployment import deployment
from gateway.errors.commands import AuditBroken
from gateway.sweeping import sweep
from tests.attacks.tampering import find_broken, somebody_with_the_database, store_of
from tests.gateway.scene import Portal, Scene


async def test_threat_54_another_spelling_of_an_instant_which_sqlite_compares_otherwise_is_found(
    scene: Scene, portal: Portal
) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL keeps instants, not their text
    await portal.receipt()
    for spelling in ("replace(expires_at, ' ', 'T')", "expires_at || '+00:00'"):
        async with somebody_with_the_database(scene) as connection:
            kept = (await connection.execute(sa.text("SELECT expires_at FROM verifications"))).scalar_one()
            await connection.execute(sa.text(f"UPDATE verifications SET expires_at = {spelling}"))
        assert re.match(r"verifications/.*: changed outside the audit", await find_broken(scene))
        async with somebody_with_the_database(scene) as connection:
            await connection.execute(sa.text("UPDATE verifications SET expires_at = :kept"), {"kept": kept})
    assert await find_broken(scene) == ""


async def test_threat_54_bytes_in_the_place_of_their_text_are_found(scene: Scene, portal: Portal) -> None:
    """Beside them a citizen's verifications aren't found any more, in ledgers, budgets and endings."""
    if not store_of(scene).embedded:
        return  # PostgreSQL keeps no bytes in a text
    await portal.receipt()
    async with somebody_with_the_database(scene) as connection:
        subject = (await connection.execute(sa.text("SELECT subject FROM verifications"))).scalar_one()
        raw = bytes.fromhex(subject)
        await connection.execute(sa.text("UPDATE verifications SET subject = :raw"), {"raw": raw})
    assert re.match(r"verifications/.*: changed outside the audit", await find_broken(scene))


@pytest.mark.parametrize("mark", ["9" * 19, "9" * 400, "-1", "1e3"], ids=len)
async def test_threat_54_a_mark_that_is_no_row_is_found_and_stops_no_sweeper(scene: Scene, mark: str) -> None:
    async with scene.gateway.parts.database.write() as transaction:
        values = {"name": "audit_settled", "value": mark}
        await transaction.execute(sa.insert(deployment), values)
    with pytest.raises(AuditBroken, match="audit_settled"):
        await verify_audit(store_of(scene))
    await sweep(scene.gateway.parts)
