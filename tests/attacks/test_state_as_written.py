"""Threat 54, below SQLAlchemy: a stored text that a reader accepts but a comparison in SQL treats as another value."""

import re
import tracemalloc

import pytest
import sqlalchemy as sa

from gateway.audit.verify import verify_audit
from gateway.cleanup import clean_up
from gateway.deployment import deployment
from gateway.errors.operators import AuditBroken, StateWrong
from gateway.identifiers import Profile
from gateway.keys.store import find_missing_key
from tests.attacks.evidence import find_broken, store_of, tampering
from tests.kit.operators import open_desk
from tests.kit.scene import Portal, Scene, open_scene


async def test_threat_54_another_spelling_of_an_instant_which_sqlite_compares_otherwise_is_found(
    scene: Scene, portal: Portal
) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL stores instants, not their text
    await portal.receipt()
    isoformat = "replace(replace(expires_at, ' ', 'T'), '.000000', '') || '+00:00'"  # as a digest has it
    for spelling in ("replace(expires_at, ' ', 'T')", "expires_at || '+00:00'", isoformat):
        async with tampering(scene) as connection:
            kept = (await connection.execute(sa.text("SELECT expires_at FROM verifications"))).scalar_one()
            await connection.execute(sa.text(f"UPDATE verifications SET expires_at = {spelling}"))
        assert re.match(r"verifications/.*: changed outside the audit", await find_broken(scene))
        async with tampering(scene) as connection:
            await connection.execute(sa.text("UPDATE verifications SET expires_at = :kept"), {"kept": kept})
    assert await find_broken(scene) == ""


@pytest.mark.parametrize("column", ["expires_at", "subject", "id"])
async def test_threat_54_text_that_is_no_utf_8_is_found_and_its_row_named(
    scene: Scene, portal: Portal, column: str
) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL checks the encoding
    await portal.receipt()
    async with tampering(scene) as connection:
        await connection.execute(sa.text(f"UPDATE verifications SET {column} = CAST(x'ff' AS TEXT)"))
    found = await find_broken(scene)
    assert re.match(r"verifications/.*: \w+ outside the audit", found)
    assert found.isprintable()


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


ODD = ("no time", b"\xff\x00", 2**63 - 1, 1.5, "[" * 3000, '["\\ud800"]')
"""Values that SQLite takes in any column."""


@pytest.mark.parametrize(
    "place",
    ["operator_sessions.made_at", "accounts.grants", "prefills.fields", "changes.expires_at", "operators.sealed_totp"],
)  # fmt: skip
async def test_threat_54_a_value_of_another_type_is_found_and_its_row_named(scene: Scene, place: str) -> None:
    table, _, column = place.partition(".")
    if not store_of(scene).embedded:
        return  # PostgreSQL has types
    desk, portal = await open_desk(scene), await scene.portal()
    await portal.prefill(await portal.receipt(), ["full_name"])
    await desk.propose(Profile.SANDBOX)
    assert await find_broken(scene) == ""
    for odd in ODD:
        async with tampering(scene) as connection:
            change = f"UPDATE {table} SET {column} = :odd WHERE rowid = (SELECT min(rowid) FROM {table})"
            await connection.execute(sa.text(change), {"odd": odd})
        assert re.match(f"{table}/.*: changed outside the audit", await find_broken(scene))


@pytest.mark.parametrize(
    "change", ["serves_from = 'never'", "created_at = 5", "sealed = 'text'", "purpose = x'00'"]
)
async def test_threat_54_a_key_whose_row_has_another_type_is_named_at_the_start(
    scene: Scene, change: str
) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL has types
    async with tampering(scene) as connection:
        await connection.execute(
            sa.text(f"UPDATE keys SET {change} WHERE purpose = 'receipt' AND profile = 'sandbox'")
        )
    with pytest.raises(StateWrong, match="table keys"):
        async with open_scene(scene.settings, scene.mock, scene.clock):
            """It doesn't open."""


async def test_threat_54_a_secret_that_is_text_opens_no_connection_and_stops_no_start(scene: Scene) -> None:
    if not store_of(scene).embedded:
        return  # PostgreSQL has types
    async with tampering(scene) as connection:
        await connection.execute(
            sa.text("UPDATE revision_secrets SET sealed = 'text' WHERE profile = 'sandbox'")
        )
    async with open_scene(scene.settings, scene.mock, scene.clock) as again:
        assert again.gateway.places[Profile.SANDBOX].revision is None
    assert re.match("revision_secrets/.*: changed outside the audit", await find_broken(scene))


async def test_threat_54_the_look_for_missing_keys_takes_no_memory_for_a_huge_serial(scene: Scene) -> None:
    async with tampering(scene) as connection:
        change = "UPDATE keys SET serial = 2000000 WHERE purpose = 'lookup' AND profile = 'official'"
        await connection.execute(sa.text(change))
    async with store_of(scene).read() as transaction:
        await find_missing_key(transaction)  # its statement is compiled
        tracemalloc.start()
        found = await find_missing_key(transaction)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (found, peak < 4 << 20) == ("lookup key 1 (official)", True)


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
