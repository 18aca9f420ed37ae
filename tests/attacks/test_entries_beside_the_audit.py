"""Threat 38: entries that somebody puts beside the audit, or deletes, once entries may be missing because they were erased."""

import pytest
import sqlalchemy as sa

from gateway.audit.model import AuditEntry, Kind
from gateway.audit.store import audit_entries, audit_waiting, list_enquiries, stream_bodies
from gateway.audit.verify import verify_audit
from gateway.clock import Period
from gateway.errors.operators import AuditBroken
from gateway.identifiers import Profile
from gateway.inspection.store import search, stream_questions
from gateway.storage.database import Transaction
from tests.attacks.test_forged_evidence import broken, forge, let_wait
from tests.kit.audit import SignedLog, entry


@pytest.mark.parametrize("waits", [False, True])
async def test_threat_38_a_forged_erasure_excuses_no_deleted_entry(signed: SignedLog, waits: bool) -> None:
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == 5))
        await forge(connection, 999_999, kind="erased", erased=["5-5"], reason="retention of 12 months")
        if waits:
            await let_wait(connection, 999_999)
    expected = (
        "waiting entry 999999: its MAC is not this gateway's" if waits else "row 5: its content is missing"
    )
    assert await broken(signed) == expected


async def erase_rows(signed: SignedLog, first: int, last: int) -> None:
    """Do what an erasure does; the ids are those of the rows."""

    async def decide(transaction: Transaction) -> tuple[list[AuditEntry], None]:
        await transaction.execute(sa.delete(audit_entries).where(audit_entries.c.id.between(first, last)))
        return [entry(kind=Kind.ERASED, citizen=None, erased=(f"{first}-{last}",), reason="retention")], None

    await signed.log.commit(decide)


async def test_threat_38_an_erasure_makes_no_room_for_forged_or_withheld_entries(signed: SignedLog) -> None:
    await erase_rows(signed, 1, 2)
    await signed.sign()
    assert await broken(signed) == ""
    async with signed.database.write() as connection:
        await forge(connection, 3_000)
    assert await broken(signed) == "row 8: missing, 1 entry has no row"
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == 3_000))
    await signed.log.record(entry(act="genuine"))
    assert await broken(signed) == ""
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_waiting))
    assert await broken(signed) == "row 8: missing, 1 entry has no row"


async def test_threat_38_nobody_is_shown_an_entry_that_is_not_in_the_audit(signed: SignedLog) -> None:
    """Ids in the middle and at both ends, dated so that a search by time would lose its way."""
    members = {"profile": "sandbox", "organisation": "000.00.01.H26", "citizen": "c" * 40}
    await signed.log.record(entry(act="waits", request_code="GW-1"))
    async with signed.database.write() as connection:
        for number in (-1, 3_000):
            await forge(connection, number, month="2099-01", request_code="GW-2", **members)
    period = Period(entry().at, entry().at.replace(hour=2))
    found = (await search(signed.database, {"citizen": "c" * 40}, period=period)).rows
    async with signed.database.walk() as connection:
        everything = [body async for body in stream_bodies(connection)]
        questions = [body async for body in stream_questions(connection)]
    ledger, _ = await list_enquiries(
        signed.database, profile=Profile.SANDBOX, organisation="000.00.01.H26", citizens=["c" * 40]
    )
    assert (len(found), len(ledger), len(everything), len(questions)) == (7, 7, 7, 1)
    assert "never" not in str((found, ledger, everything, questions))


LOWEST = {
    "INSERT INTO audit_checkpoints SELECT -9223372036854775807 - 1, root, note, NULL, at FROM audit_checkpoints":
        "row 1: a checkpoint is stored of a tree without rows",
    "INSERT INTO audit_waiting SELECT -9223372036854775807 - 1":
        "waiting entry -9223372036854775808: ids count from 1",
    "INSERT INTO audit_rows (row, entry, leaf) SELECT -9223372036854775807 - 1, 900, leaf FROM audit_rows WHERE row = 1":
        "row -9223372036854775808: rows count from 1",
}  # fmt: skip


@pytest.mark.parametrize("insert", LOWEST)
async def test_threat_38_what_has_the_lowest_number_there_is_hides_from_no_check(
    signed: SignedLog, insert: str
) -> None:
    async with signed.database.write() as connection:
        await connection.execute(sa.text(insert))
    assert await broken(signed) == LOWEST[insert]
    with pytest.raises(AuditBroken, match=LOWEST[insert]):
        await verify_audit(signed.database)
    await signed.log.record(entry())
    await signed.sequencer.run_to_end()
