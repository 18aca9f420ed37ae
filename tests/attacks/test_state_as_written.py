"""Threat 54, below SQLAlchemy: a stored text that a reader accepts but a comparison in SQL treats as another value."""

import re

import pytest
import sqlalchemy as sa

from gateway.audit.verify import verify_audit
from gateway.cleanup import clean_up
from gateway.deployment import deployment
from gateway.errors.operators import AuditBroken
from tests.attacks.evidence import find_broken, store_of, tampering
from tests.kit.scene import Portal, Scene


async def test_threat_54_another_spelling_of_an_instant_which_sqlite_compares_otherwise_is_found(
    scene: Scene, portal: Portal
) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL stores instants, not their text
    await portal.receipt()
    for spelling in ("replace(expires_at, ' ', 'T')", "expires_at || '+00:00'"):
        async with tampering(scene) as connection:
            kept = (await connection.execute(sa.text("SELECT expires_at FROM verifications"))).scalar_one()
            await connection.execute(sa.text(f"UPDATE verifications SET expires_at = {spelling}"))
        assert re.match(r"verifications/.*: changed outside the audit", await find_broken(scene))
        async with tampering(scene) as connection:
            await connection.execute(sa.text("UPDATE verifications SET expires_at = :kept"), {"kept": kept})
    assert await find_broken(scene) == ""


async def test_threat_54_bytes_stored_instead_of_their_text_are_found(scene: Scene, portal: Portal) -> None:
    """With them, ledgers, budgets and endings no longer find a citizen's verifications."""
    if not store_of(scene).embedded:
        return  # PostgreSQL stores no bytes in a text column
    await portal.receipt()
    async with tampering(scene) as connection:
        subject = (await connection.execute(sa.text("SELECT subject FROM verifications"))).scalar_one()
        raw = bytes.fromhex(subject)
        await connection.execute(sa.text("UPDATE verifications SET subject = :raw"), {"raw": raw})
    assert re.match(r"verifications/.*: changed outside the audit", await find_broken(scene))


@pytest.mark.parametrize("mark", ["9" * 19, "9" * 400, "-1", "1e3"], ids=len)
async def test_threat_54_a_mark_that_names_no_row_is_found_and_does_not_stop_the_cleanup(
    scene: Scene, mark: str
) -> None:
    async with scene.gateway.deps.database.write() as transaction:
        values = {"name": "audit_settled", "value": mark}
        await transaction.execute(sa.insert(deployment), values)
    with pytest.raises(AuditBroken, match="audit_settled"):
        await verify_audit(store_of(scene))
    await clean_up(scene.gateway.deps)
