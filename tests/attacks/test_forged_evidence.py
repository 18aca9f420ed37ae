"""Threats 38, 54: who writes the database, but has no master key, adds nothing to the evidence and hides nothing from it.

Each attack computes every hash that needs no key, as an attacker would.
"""

import json
import re
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.model import (
    GENESIS,
    chained_leaf_hash,
    entry_digest,
    leaf_hash,
    row_hash,
)
from gateway.audit.sequencer import MOST, STALLED_SECONDS, Sequencer
from gateway.audit.store import (
    INDEXED,
    audit_checkpoints,
    audit_entries,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from gateway.audit.tree_store import _ADVISORY_LOCK
from gateway.audit.verify import read_trust, verify_audit
from gateway.deployment import deployment
from gateway.errors.operators import AuditBroken, MasterKeyWrong, StateWrong
from gateway.keys.model import Purpose
from gateway.storage.database import Transaction
from gateway.storage.heads import read_store_head
from tests.kit.audit import SignedLog, entry


async def forge(connection: Transaction, number: int, *, month: str = "2026-01", **members: Any) -> None:
    """Insert an entry that never was."""
    body = json.dumps({"at": f"{month}-02T03:04:05+00:00", "kind": "answered", "act": "never"} | members)
    columns = {name: value for name, value in json.loads(body).items() if name in INDEXED}
    values = {"id": number, "month": month, "salt": "5a" * 16, "body": body} | columns
    leaf = leaf_hash(salt="5a" * 16, body=body)
    await connection.execute(sa.insert(audit_entries).values(**values, leaf=leaf))


async def let_wait(connection: Transaction, *numbers: int) -> None:
    await connection.execute(sa.insert(audit_waiting), [{"entry": number} for number in numbers])


async def acts_of_rows(signed: SignedLog) -> list[str]:
    query = (
        sa.select(audit_entries.c.body)
        .join_from(audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id)
        .order_by(audit_rows.c.row)
    )
    async with signed.database.read() as connection:
        return [json.loads(body)["act"] for body in await connection.scalars(query)]


async def broken(signed: SignedLog) -> str:
    """Return what `audit verify` says, an empty text if nothing."""
    try:
        await signed.verify()
    except AuditBroken as error:
        return error.reason
    return ""


async def test_threat_38_a_forged_entry_gets_no_row_and_is_logged_counted_and_named(
    signed: SignedLog,
) -> None:
    async with signed.database.write() as connection:
        await forge(connection, 3_000)
        await let_wait(connection, 3_000)
    await signed.log.record(entry(act="genuine"))
    with capture_logs() as lines:
        await signed.sign()
        assert await signed.sequencer.try_run()
    refused = [line["entry"] for line in lines if line["event"] == "audit_entry_refused"]
    assert (refused, signed.sequencer.refused) == ([3_000], 1)
    assert (await acts_of_rows(signed))[6:] == ["genuine"]
    assert await broken(signed) == "waiting entry 3000: its MAC is not this gateway's"


async def test_threat_38_more_forged_entries_than_a_pass_takes_delay_no_genuine_one(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(act="genuine"))
    async with signed.database.write() as connection:
        await let_wait(connection, *range(-MOST - 50, 0))
    await signed.sign()
    assert (await acts_of_rows(signed))[6:] == ["genuine"]
    assert await broken(signed) == f"waiting entry {-MOST - 50}: its content is missing"


async def test_threat_38_an_entry_that_has_a_row_gets_no_second_one_and_delays_none(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(act="genuine"))
    async with signed.database.write() as connection:
        await let_wait(connection, 3)
    with capture_logs() as lines:
        await signed.sign()
    assert [line["entry"] for line in lines if line["event"] == "audit_entry_refused"] == [3]
    assert (await acts_of_rows(signed))[6:] == ["genuine"]
    assert await broken(signed) == "waiting entry 3: has a row already"


@pytest.mark.parametrize("change", ["body", "month", "id", "mac"])
async def test_threat_38_a_changed_entry_that_waits_gets_no_row(signed: SignedLog, change: str) -> None:
    await signed.log.record(entry(act="one"))
    await signed.log.record(entry(act="other"))
    async with signed.database.write() as connection:
        mine = sa.update(audit_entries).where(audit_entries.c.id == 7)
        found = (await connection.execute(sa.select(audit_entries).where(audit_entries.c.id == 7))).one()
        body = found.body.replace("confirmed", "not_confirmed")
        values = {
            "body": {"body": body, "leaf": leaf_hash(salt=found.salt, body=body)},
            "month": {"month": "2019-01"},
            "id": {"id": 70},
            "mac": {"mac": None},
        }
        await connection.execute(mine.values(**values[change]))
        if change == "id":
            await connection.execute(
                sa.update(audit_waiting).where(audit_waiting.c.entry == 7).values(entry=70)
            )
    await signed.sign()
    assert (await acts_of_rows(signed))[6:] == ["other"]
    assert re.match(r"waiting entry 70?: (its MAC is not|column month differs)", await broken(signed))


async def rewrite_as_a_chain(connection: Transaction) -> None:
    """Write the whole log anew as a hash chain from before schema 0017, with one row changed."""
    query = (
        sa.select(audit_rows.c.row, audit_rows.c.entry, audit_entries.c.salt, audit_entries.c.body)
        .join_from(audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id)
        .order_by(audit_rows.c.row)
    )
    previous = GENESIS
    for row, number, salt, stored in (await connection.execute(query)).all():
        body = stored.replace("act_2", "never")
        digest = entry_digest(salt=salt, body=body)
        chained = row_hash(row=row, previous=previous, content=digest)
        own = sa.update(audit_entries).where(audit_entries.c.id == number)
        await connection.execute(own.values(body=body, leaf=None, mac=None))
        values = {"previous": previous, "hash": chained, "digest": digest, "leaf": chained_leaf_hash(chained)}
        await connection.execute(sa.update(audit_rows).where(audit_rows.c.row == row).values(**values))
        previous = chained
    await connection.execute(sa.delete(audit_checkpoints))


async def delete_keys(connection: Transaction, *purposes: str) -> None:
    # As text, since the audit's observer refuses statements.
    for purpose in purposes:
        await connection.execute(sa.text("DELETE FROM keys WHERE purpose = :purpose"), {"purpose": purpose})


async def test_threat_38_a_log_rewritten_as_an_old_chain_is_neither_accepted_nor_signed(
    signed: SignedLog,
) -> None:
    async with signed.database.write() as connection:
        await rewrite_as_a_chain(connection)
    assert await broken(signed) == "row 1: is of the hash chain, which ends at row 0"
    with pytest.raises(AuditBroken, match="has no checkpoint, and is not the last row from before"):
        await signed.new_sequencer().run()
    with pytest.raises(AuditBroken, match="differs from what was signed"):
        await signed.sequencer.run()


@pytest.mark.parametrize("gone", [("evidence",), ("evidence", "checkpoint"), tuple(map(str, Purpose))])
async def test_threat_38_a_log_rewritten_as_an_old_chain_is_not_adopted_without_keys_either(
    signed: SignedLog, gone: tuple[str, ...]
) -> None:
    """As if the store came from an older version, which had no evidence key and no mark."""
    async with signed.database.write() as connection:
        await rewrite_as_a_chain(connection)
        await delete_keys(connection, *gone)
        await connection.execute(sa.delete(deployment).where(deployment.c.name == "audit_mark"))
    with pytest.raises(StateWrong, match=r"has lost the \w+ key 1|has an audit and no keys"):
        await signed.vault.open(signed.database, signed.clock)
    with pytest.raises(AuditBroken):
        await signed.new_sequencer().run()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "deployment/audit_mark: missing, or changed outside the audit"),
        (f"6 {'0' * 64} 1.{'0' * 64}", "deployment/audit_mark: missing, or changed outside the audit"),
        ("six", "deployment/audit_mark: missing, or changed outside the audit"),
    ],
)
async def test_threat_54_a_mark_that_was_moved_or_deleted_is_found(
    signed: SignedLog, value: str | None, reason: str
) -> None:
    mark = deployment.c.name == "audit_mark"
    async with signed.database.write() as connection:
        if value is None:
            await connection.execute(sa.delete(deployment).where(mark))
        else:
            await connection.execute(sa.update(deployment).where(mark).values(value=value))
    assert await broken(signed) == reason


@pytest.mark.parametrize("purpose", ["checkpoint", "evidence", "receipt"])
async def test_threat_54_a_first_key_that_was_deleted_is_named_and_never_made_again(
    signed: SignedLog, purpose: str
) -> None:
    async with signed.database.write() as connection:
        await delete_keys(connection, purpose)
    await signed.log.record(entry())
    place = "official" if purpose == "receipt" else "both"
    assert await broken(signed) == f"keys: the {purpose} key 1 ({place}) is missing"
    with pytest.raises(AuditBroken, match="is missing"):
        await signed.sequencer.run()
    with pytest.raises(StateWrong, match=f"has lost the {purpose} key 1"):
        await signed.vault.open(signed.database, signed.clock)


@pytest.mark.parametrize(
    "change", ["serial = 2", "accepted_until = '2030-01-01'", "serves_from = '2020-01-01'"]
)
async def test_threat_54_a_key_with_another_serial_or_time_opens_nowhere(
    signed: SignedLog, change: str
) -> None:
    """Else a deleted newest key would make a leaked one serve again, or a leaked one would get a later end."""
    async with signed.database.write() as connection:
        await connection.execute(sa.text(f"UPDATE keys SET {change} WHERE purpose = 'evidence'"))
    with pytest.raises(MasterKeyWrong, match="a row of the evidence keys was changed"):
        await signed.verify()
    with pytest.raises(StateWrong, match="of the table keys was changed outside the gateway"):
        await signed.vault.open(signed.database, signed.clock)
    await signed.log.record(entry())
    assert "audit_stalled" in await stall(signed)


async def stall(signed: SignedLog) -> list[str]:
    """Run the sequencer twice, with more than a minute between; return the events that it logs."""
    with capture_logs() as lines:
        await signed.sequencer.try_run()
        signed.clock.advance(STALLED_SECONDS + 1)
        await signed.sequencer.try_run()
        await signed.sequencer.try_run()
    return [line["event"] for line in lines]


async def verify_now(signed: SignedLog) -> None:
    await verify_audit(
        signed.database, trust=await read_trust(signed.database, signed.vault, now=signed.clock.now())
    )


async def take_the_frontier_away(connection: Transaction) -> None:
    await connection.execute(sa.update(audit_checkpoints).values(frontier=None))


async def store_a_hash_of_rows_to_come(connection: Transaction) -> None:
    await connection.execute(sa.insert(audit_subtrees).values(level=1, position=0, hash="0" * 64))


@pytest.mark.parametrize(
    ("tamper", "event", "reason"),
    [
        (
            take_the_frontier_away,
            "audit_broken",
            "row 6: its checkpoint has another frontier than the tree",
        ),
        (
            store_a_hash_of_rows_to_come,
            "audit_pass_failed",
            "audit_subtrees: a hash is stored of rows that are not in the signed tree",
        ),
    ],
)
async def test_threat_54_a_sequencer_that_is_stopped_by_an_edit_is_logged_and_named(
    signed: SignedLog, tamper: Any, event: str, reason: str
) -> None:
    async with signed.database.write() as connection:
        await tamper(connection)
    await signed.log.record(*(entry(at=signed.clock.now()) for _ in range(300)))
    events = await stall(signed)
    assert (events.count(event), events.count("audit_stalled")) == (3, 1)
    assert signed.sequencer.stalled_seconds > STALLED_SECONDS
    assert await broken(signed) == reason


@pytest.mark.postgresql
async def test_threat_54_a_sequencer_whose_lock_another_session_holds_is_logged_and_named(
    signed: SignedLog,
) -> None:
    if signed.database.embedded:
        return  # SQLite has no advisory locks
    lock = sa.text("SELECT pg_advisory_lock(:key)")
    async with signed.database.engine.connect() as other:
        await other.execute(lock, {"key": _ADVISORY_LOCK})
        await signed.log.record(entry(at=signed.clock.now()))
        assert await stall(signed) == ["audit_stalled"]
        with pytest.raises(AuditBroken, match=r"^waiting entry 7: waits for its row since 61 s$"):
            await verify_now(signed)
        await other.execute(sa.text("SELECT pg_advisory_unlock_all()"))
        await other.commit()
    assert await signed.sequencer.try_run()
    assert await signed.sequencer.try_run()
    assert signed.sequencer.stalled_seconds == 0
    await verify_now(signed)


async def test_entries_that_come_and_go_are_no_stall_however_long(signed: SignedLog) -> None:
    for _ in range(4):
        await signed.log.record(entry(at=signed.clock.now()))
        assert await stall(signed) == []
        await verify_now(signed)


async def test_threat_54_an_entry_stored_in_a_second_month_stops_nothing_and_is_named(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry(act="genuine"))
    async with signed.database.write() as connection:
        await forge(connection, 7, month="2020-01")
        await forge(connection, 3, month="2020-01")
    await signed.sign()
    assert (await acts_of_rows(signed)).count("genuine") == 1
    assert await broken(signed) == "row 3: its entry 3 is stored in two months"


@pytest.mark.postgresql
async def test_threat_54_ids_that_are_given_out_twice_lose_no_entry_unseen(signed: SignedLog) -> None:
    """Who sets the sequence back makes genuine entries share an id; the row goes to the first."""
    if signed.database.embedded:
        return  # SQLite takes the next id after the highest
    async with signed.database.write() as connection:
        await connection.execute(sa.text("SELECT setval('audit_entry_ids', 1)"))
    await signed.log.record(entry(at=datetime.fromisoformat("2026-12-24T01:02:03+00:00"), act="second"))
    with capture_logs() as lines:
        await signed.sequencer.try_run()
    assert [line["entry"] for line in lines if line["event"] == "audit_entry_refused"] == [2]
    assert "two months" in await broken(signed)


async def find_head(signed: SignedLog) -> tuple[int, str]:
    """Return what a server keeps beside the master key."""
    found = await read_store_head(signed.database)
    return found.rows, found.leaf


async def test_threat_38_a_log_that_is_sorted_anew_without_an_entry_is_not_signed_again(
    signed: SignedLog,
) -> None:
    """Every entry is genuine, but one: it is gone. A process knows what it has signed, a later one the kept head."""
    head = await find_head(signed)
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == 3))
        await connection.execute(sa.delete(audit_rows))
        await connection.execute(sa.delete(audit_checkpoints))
        await let_wait(connection, 1, 2, 4, 5, 6)
    with pytest.raises(AuditBroken, match=r"^row 6: missing, or differs from what was signed$"):
        await signed.sequencer.run()
    later = Sequencer(
        signed.database,
        signed.vault,
        signed.clock,
        base="https://gateway.example/",
        find_signed=lambda: head,
    )
    with pytest.raises(AuditBroken, match=r"^row 6: missing, or differs from what was signed$"):
        await later.run()


async def test_threat_54_a_checkpoint_of_no_rows_is_found(signed: SignedLog) -> None:
    async with signed.database.write() as connection:
        last = (await connection.execute(sa.select(audit_checkpoints))).mappings().one()
        await connection.execute(sa.insert(audit_checkpoints).values(**dict(last) | {"size": 0}))
    assert await broken(signed) == "row 1: a checkpoint is stored of a tree without rows"


async def test_threat_38_a_checkpoint_of_no_year_from_1_to_9999_is_named_and_delays_no_further_one(
    signed: SignedLog,
) -> None:
    """PostgreSQL stores such instants, and its driver can't read them."""
    for at in ("0001-01-01 00:00:00 BC", "10000-01-01 00:00:00", "infinity"):
        await signed.log.record(entry())
        size = (await signed.sign()).size
        async with signed.database.write() as connection:
            await connection.execute(sa.text(f"UPDATE audit_checkpoints SET at = '{at}' WHERE size = {size}"))
        await signed.log.record(entry())
        assert (await signed.sign()).size == size + 1
        assert await broken(signed) == f"row {size}: its checkpoint has no time"
        async with signed.database.write() as connection:
            await connection.execute(sa.delete(audit_checkpoints).where(audit_checkpoints.c.size == size))
