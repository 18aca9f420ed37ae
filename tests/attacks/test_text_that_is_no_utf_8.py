"""Threat 38: text that is no UTF-8, and a checkpoint without a time, stop neither the sequencer nor a check."""

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.checkpoints import find_intact_checkpoint
from gateway.audit.tree_store import authenticate_waiting
from gateway.audit.verify import verify_audit
from gateway.errors.operators import AuditBroken
from gateway.storage.driver import any_text
from tests.attacks.test_forged_evidence import broken
from tests.kit.audit import SignedLog, entry

NO_UTF_8 = "CAST(x'3132ff' AS TEXT)"
OTHER_FORMS = [
    "'x'",
    "x'ff00'",
    "9223372036854775807",
    "0.5",
    "''",
    "'0000-01-01 00:00:00.000000'",
    "'10000-01-01 00:00:00'",
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """PostgreSQL checks the encoding, and stores instants."""
    return sqlite_url


async def keyless(signed: SignedLog) -> str:
    with pytest.raises(AuditBroken) as found:
        await verify_audit(signed.database)
    return found.value.reason


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("body", "its content was changed"),
        ("salt", "its content was changed"),
        ("leaf", "column leaf differs from its content"),
        ("month", "column month differs from its content"),
        ("citizen", "column citizen differs from its content"),
    ],
)
async def test_threat_38_a_merged_entry_with_text_that_is_no_utf_8_is_named_by_its_row(
    signed: SignedLog, column: str, reason: str
) -> None:
    await signed.change_row(f"UPDATE audit_entries SET {column} = {NO_UTF_8} WHERE id = 2")
    assert await broken(signed) == await keyless(signed) == f"row 2: {reason}"
    await signed.log.record(entry())
    assert (await signed.sign()).size == 7


@pytest.mark.parametrize("column", ["month", "leaf", "mac"])
async def test_threat_38_a_waiting_entry_with_text_that_is_no_utf_8_delays_no_other(
    signed: SignedLog, column: str
) -> None:
    await signed.log.record(entry(), entry())
    await signed.change_row(f"UPDATE audit_entries SET {column} = {NO_UTF_8} WHERE id = 7")
    with capture_logs() as logs:
        assert (await signed.sign()).size == 7
    assert [each["entry"] for each in logs if each["event"] == "audit_entry_refused"] == [7]
    assert (await broken(signed)).startswith("waiting entry 7: ")


@pytest.mark.parametrize("column", ["body", "salt", "citizen"])
async def test_threat_38_the_leaf_alone_decides_which_waiting_entry_gets_its_row(
    signed: SignedLog, column: str
) -> None:
    await signed.log.record(entry(), entry())
    await signed.change_row(f"UPDATE audit_entries SET {column} = {NO_UTF_8} WHERE id = 7")
    assert (await signed.sign()).size == 8
    assert (await broken(signed)).startswith("row 7: ")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("audit_rows SET leaf = {} WHERE row = 2", "row 2: its content was changed"),
        ("audit_rows SET entry = {} WHERE row = 2", "row 2: its content is missing"),
        ("audit_rows SET previous = {} WHERE row = 2", "row 2: does not follow the row before it"),
        ("audit_checkpoints SET root = {}", "row 6: its checkpoint differs from the signed note"),
        ("audit_checkpoints SET note = {}", "row 6: its checkpoint is not signed by this gateway"),
        ("audit_checkpoints SET frontier = {}", "row 6: its checkpoint has another frontier than the tree"),
        ("deployment SET value = {} WHERE name = 'audit_mark'", "deployment/audit_mark: missing, or changed outside the audit"),
        ("deployment SET value = x'ff' WHERE name = 'audit_mark'", "deployment/audit_mark: missing, or changed outside the audit"),
    ],
)  # fmt: skip
async def test_threat_38_text_that_is_no_utf_8_in_the_evidence_is_named(
    signed: SignedLog, place: str, reason: str
) -> None:
    await signed.change_row("UPDATE " + place.format(NO_UTF_8))
    assert await broken(signed) == reason


async def test_threat_38_a_promise_that_is_no_utf_8_or_empty_is_named(signed: SignedLog) -> None:
    await signed.change_row(f"INSERT INTO audit_promises VALUES ({NO_UTF_8}, 1, 'x')")
    assert (
        await broken(signed) == "audit_promises/12\\udcff: its leaf is not that of the verification's entry"
    )
    await signed.change_row("UPDATE audit_promises SET verification = ''")
    assert await broken(signed) == "audit_promises/: its leaf is not that of the verification's entry"


@pytest.mark.parametrize("value", [NO_UTF_8, *OTHER_FORMS])
async def test_threat_38_a_checkpoint_without_a_time_is_named_and_delays_no_further_one(
    signed: SignedLog, value: str
) -> None:
    await signed.change_row(f"UPDATE audit_checkpoints SET at = {value}")
    found = await find_intact_checkpoint(signed.database)
    assert found is not None
    assert found.size == 6
    await signed.log.record(entry())
    assert (await signed.sign()).size == 7
    assert await broken(signed) == "row 6: its checkpoint has no time"


@pytest.mark.parametrize("column", ["month", "leaf"])
async def test_threat_38_a_first_start_on_an_older_schema_gives_such_an_entry_no_mac_and_the_others_one(
    signed: SignedLog, column: str
) -> None:
    await signed.log.record(entry(), entry())
    await signed.change_row(f"UPDATE audit_entries SET mac = NULL, {column} = {NO_UTF_8} WHERE id = 7")
    await signed.change_row("UPDATE audit_entries SET mac = NULL WHERE id = 8")
    async with signed.database.write() as connection:
        await authenticate_waiting(connection, signed.log.macs)
    assert (await signed.sign()).size == 7
    assert (await broken(signed)).startswith("waiting entry 7: ")


async def test_threat_38_a_leaf_that_is_no_utf_8_in_a_row_of_another_process_is_a_lost_entry(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(), entry())
    assert await signed.new_sequencer().run()
    await signed.change_row(f"UPDATE audit_rows SET leaf = {NO_UTF_8} WHERE row = 7")
    with capture_logs() as lines:
        assert await signed.sequencer.try_run(signed.log)
    assert [line["entry"] for line in lines if line["event"] == "audit_entry_lost"] == [7]


async def test_a_reader_of_any_text_inside_another_leaves_the_outer_one_reading_it(signed: SignedLog) -> None:
    async with signed.database.read() as connection, any_text(connection):
        async with any_text(connection):
            pass
        found = await connection.execute(sa.text("SELECT CAST(x'ff' AS TEXT)"))
        assert found.scalar_one() == "\udcff"
