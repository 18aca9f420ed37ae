"""Threat 38: an entry that is deleted between its commit and its row is missed by the process that committed it."""

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.store import audit_entries, audit_waiting
from gateway.audit.verify import verify_audit
from gateway.errors.operators import AuditBroken
from tests.kit.audit import SignedLog, entry


async def delete_entry(signed: SignedLog, number: int) -> None:
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_waiting).where(audit_waiting.c.entry == number))
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == number))


async def test_threat_38_an_entry_deleted_before_its_row_is_missed_by_the_worker_that_wrote_it(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(act="one"), entry(act="deleted"), entry(act="other"))
    await delete_entry(signed, 8)

    with capture_logs() as lines:
        assert await signed.sequencer.try_run(signed.log)

    assert [line["entry"] for line in lines if line["event"] == "audit_entry_lost"] == [8]
    assert signed.sequencer.lost == 1
    await signed.sequencer.try_run(signed.log)
    with pytest.raises(AuditBroken, match="row 9: entries were deleted before they had a row: entries 8"):
        await signed.verify()
    trust = await signed.trust()
    assert (await verify_audit(signed.database, trust=trust, reported=9)).rows == 9
    with pytest.raises(AuditBroken, match="row 9: entries were deleted"):
        await verify_audit(signed.database, trust=trust, reported=8)


async def test_threat_38_the_newest_entry_is_missed_though_others_follow_it(signed: SignedLog) -> None:
    await signed.log.record(entry(act="one"), entry(act="deleted"))
    await delete_entry(signed, 8)
    await signed.log.record(entry(act="later"))

    with capture_logs() as lines:
        assert await signed.sequencer.try_run(signed.log)
        assert await signed.sequencer.try_run(signed.log)

    assert [line["entry"] for line in lines if line["event"] == "audit_entry_lost"] == [8]
    assert signed.sequencer.lost == 1
    with pytest.raises(AuditBroken, match="entries were deleted before they had a row: entries 8"):
        await signed.verify()


async def test_no_entry_is_missed_that_waits_or_got_its_row_from_another_process(signed: SignedLog) -> None:
    other = signed.new_sequencer()
    await signed.log.record(entry(), entry())
    await other.run()
    await signed.sequencer.try_run(signed.log)
    assert (signed.sequencer.lost, signed.log.unmerged) == (0, {})

    await signed.log.record(entry())
    async with signed.database.write() as connection:  # so that it gets no row
        await connection.execute(sa.update(audit_entries).where(audit_entries.c.id == 9).values(mac=None))
    await signed.sequencer.try_run(signed.log)

    assert (signed.sequencer.lost, list(signed.log.unmerged)) == (0, [9])


async def test_threat_38_a_deleted_entry_is_reported_as_lost_although_another_process_reused_its_id(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(act="deleted"))
    await delete_entry(signed, 7)
    if not signed.database.embedded:  # on SQLite the next process gives the id again by itself
        async with signed.database.write() as connection:
            await connection.execute(sa.text("SELECT setval('audit_entry_ids', 6)"))
    await (await SignedLog.open(signed.database)).log.record(entry(act="another"))

    with capture_logs() as lines:
        await signed.sequencer.try_run(signed.log)

    assert [line["entry"] for line in lines if line["event"] == "audit_entry_lost"] == [7]
