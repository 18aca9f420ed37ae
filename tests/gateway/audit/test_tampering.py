"""Threat 38: rows changed, deleted, inserted, reordered or cut off; the first bad row is named."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.checkpoints import Signers, parse_checkpoint, sign_checkpoint
from gateway.audit.log import AuditLog
from gateway.audit.model import leaf_hash
from gateway.audit.state_check import find_ordinary
from gateway.audit.store import (
    INDEXED,
    audit_checkpoints,
    audit_entries,
    audit_rows,
    audit_subtrees,
    audit_waiting,
    entry_values,
)
from gateway.audit.tree import Frontier
from gateway.audit.tree_store import PAGE, find_last_checkpoint
from gateway.audit.verify import Trust, verify_audit
from gateway.errors.operators import AuditBroken
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.keys.vault import make_key
from gateway.storage.database import Transaction
from tests.kit.audit import MACS, SignedLog, entry
from tests.kit.stores import opened

Tamper = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    """A log of nine rows, with signed checkpoints at rows 3, 6 and 9, and two waiting entries, 10 and 11."""
    async with opened(database_url) as found:
        log = await SignedLog.open(found)
        for number in range(3):
            await log.log.record(*(entry(act=f"act_{number}", fields=("full_name",)) for _ in range(3)))
            await log.sign()
        await log.log.record(entry(act="waits"), entry(act="waits too"))
        yield log


def set_row(number: int, **values: Any) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        await connection.execute(sa.update(audit_rows).where(audit_rows.c.row == number).values(**values))

    return tamper


def set_entry(number: int, **values: Any) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        change = sa.update(audit_entries).where(audit_entries.c.id == number).values(**values)
        await connection.execute(change)

    return tamper


def set_checkpoint(reached: int, /, **values: Any) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        change = sa.update(audit_checkpoints).where(audit_checkpoints.c.size == reached).values(**values)
        await connection.execute(change)

    return tamper


def delete(table: sa.Table, column: str, *numbers: int) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        await connection.execute(sa.delete(table).where(table.c[column].in_(numbers)))

    return tamper


def both(*tampers: Tamper) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        for each in tampers:
            await each(connection)

    return tamper


def rewritten(number: int) -> Tamper:
    """Change an entry and compute every hash anew that needs no key."""

    async def tamper(connection: Transaction) -> None:
        query = sa.select(audit_entries).where(audit_entries.c.id == number)
        found = (await connection.execute(query)).one()
        body = json.dumps(json.loads(found.body) | {"outcome": "not_confirmed"})
        leaf = leaf_hash(salt=found.salt, body=body)
        await set_entry(number, body=body, leaf=leaf)(connection)
        await set_row(number, leaf=leaf)(connection)

    return tamper


def swapped(column: str, one: int, other: int) -> Tamper:
    """Swap two rows: `entry` swaps what is in them, `row` their numbers."""

    async def tamper(connection: Transaction) -> None:
        for old, new in ((one, -1), (other, one), (-1, other)):
            change = sa.update(audit_rows).where(audit_rows.c[column] == old).values({column: new})
            await connection.execute(change)

    return tamper


async def delete_row_4_and_close_the_gap(connection: Transaction) -> None:
    await both(delete(audit_rows, "row", 4), delete(audit_entries, "id", 4))(connection)
    for number in range(5, 10):
        await set_row(number, row=number - 1)(connection)


async def sign_row_9_with_another_key(connection: Transaction) -> None:
    tree = Frontier()
    for leaf in await connection.scalars(sa.select(audit_rows.c.leaf).order_by(audit_rows.c.row)):
        tree.append(bytes.fromhex(leaf))
    at = (await connection.execute(sa.select(audit_checkpoints.c.at).limit(1))).scalar_one()
    key = make_key(Profile.SANDBOX, Purpose.CHECKPOINT, serial=1, now=at)
    other = sign_checkpoint(origin="gateway.example/audit", size=9, root=tree.root(), keys=[key])
    await set_checkpoint(9, root=other.root.hex(), note=other.note)(connection)


async def append_row_10_that_no_checkpoint_has(connection: Transaction) -> None:
    leaf = (await connection.scalars(sa.select(audit_entries.c.leaf).where(audit_entries.c.id == 10))).one()
    await connection.execute(sa.insert(audit_rows).values(row=10, entry=10, leaf=leaf))
    await delete(audit_waiting, "entry", 10)(connection)


async def insert_row_zero(connection: Transaction) -> None:
    await connection.execute(sa.insert(audit_rows).values(row=0, entry=100, leaf="0" * 64))


async def insert_an_entry_that_does_not_wait(connection: Transaction) -> None:
    values = {"id": 12, "month": "2026-11", "salt": "", "body": "{}", "kind": "local"}
    await connection.execute(sa.insert(audit_entries).values(**values))


async def insert_a_waiting_entry_that_is_none(connection: Transaction) -> None:
    values = {"id": 12, "month": "2026-11", "salt": "", "body": "[]", "kind": "local"}
    leaf = leaf_hash(salt="", body="[]")
    await connection.execute(sa.insert(audit_entries).values(**values, leaf=leaf))
    await connection.execute(sa.insert(audit_waiting).values(entry=12))


async def wait_again_with_row_4(connection: Transaction) -> None:
    await connection.execute(sa.insert(audit_waiting).values(entry=4))


DIFFERS = "it or a later row differs from the signed checkpoint at row"


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (set_entry(4, body="{}"), "row 4: its content was changed"),
        (set_entry(9, body="{}"), "row 9: its content was changed"),
        (set_entry(4, salt="0" * 32), "row 4: its content was changed"),
        (set_row(4, leaf="0" * 64), "row 4: its content was changed"),
        (set_entry(4, leaf="0" * 64), "row 4: column leaf differs from its content"),
        (rewritten(4), "row 4: its MAC is not this gateway's"),
        (rewritten(9), "row 9: its MAC is not this gateway's"),
        (set_entry(4, citizen="d" * 40), "row 4: column citizen differs from its content"),
        (set_entry(4, organisation=None), "row 4: column organisation differs from its content"),
        (set_entry(4, kind="local"), "row 4: column kind differs from its content"),
        (set_entry(4, profile="official"), "row 4: column profile differs from its content"),
        (set_entry(4, month="2019-01"), "row 4: column month differs from its content"),
        (set_row(4, hash="0" * 64), "row 4: does not follow the row before it"),
        (set_row(4, previous="0" * 64), "row 4: does not follow the row before it"),
        (set_row(1, previous="0" * 64), "row 1: its content was changed"),
        (delete(audit_rows, "row", 4), "row 4: missing"),
        (delete(audit_rows, "row", 1), "row 1: missing"),
        (delete(audit_entries, "id", 4), "row 4: its content is missing"),
        (delete(audit_rows, "row", 9), "row 9: missing, a signed checkpoint has 9 rows"),
        (
            both(delete(audit_rows, "row", 9), delete(audit_checkpoints, "size", 9)),
            "row 6: its checkpoint has another frontier than the tree",
        ),
        (swapped("entry", 3, 5), "row 3: its content was changed"),
        (swapped("row", 3, 5), f"row 1: {DIFFERS} 3"),
        (swapped("row", 8, 9), f"row 7: {DIFFERS} 9"),
        (delete_row_4_and_close_the_gap, f"row 4: {DIFFERS} 6"),
        (insert_row_zero, "row 0: rows count from 1"),
        (append_row_10_that_no_checkpoint_has, "row 10: no signed checkpoint has it"),
        (set_checkpoint(6, root="0" * 64), "row 6: its checkpoint differs from the signed note"),
        (set_checkpoint(6, note="nothing"), "row 6: its checkpoint is not signed by this gateway"),
        (set_checkpoint(6, size=5), "row 5: its checkpoint differs from the signed note"),
        (sign_row_9_with_another_key, "row 9: its checkpoint is not signed by this gateway"),
        (insert_an_entry_that_does_not_wait, "row 10: missing, 1 entry has no row"),
        (delete(audit_waiting, "entry", 10), "row 10: missing, 1 entry has no row"),
        (set_entry(10, body="{}"), "waiting entry 10: its content was changed"),
        (set_entry(10, kind="local"), "waiting entry 10: column kind differs from its content"),
        (delete(audit_entries, "id", 10), "waiting entry 10: its content is missing"),
        (insert_a_waiting_entry_that_is_none, "waiting entry 12: its content is not an entry"),
        (wait_again_with_row_4, "waiting entry 4: has a row already"),
    ],
)
async def test_threat_38_a_tampered_row_is_the_first_bad_one_named(
    signed: SignedLog, tamper: Tamper, reason: str
) -> None:
    async with signed.database.write() as connection:
        await tamper(connection)
    with pytest.raises(AuditBroken, match=f"^{re.escape(reason)}$"):
        await signed.verify()


async def test_threat_38_a_row_whose_entry_is_no_number_is_named(signed: SignedLog) -> None:
    if not signed.database.embedded:
        pytest.skip("PostgreSQL keeps no text in a column of numbers")
    async with signed.database.write() as connection:
        await connection.execute(sa.text("UPDATE audit_rows SET entry = 'x' WHERE row = 2"))
    with pytest.raises(AuditBroken, match="row 2: its content is missing"):
        await signed.verify()


async def test_an_intact_log_says_how_far_its_tree_reaches_and_what_waits(signed: SignedLog) -> None:
    found = await signed.verify()
    assert (found.rows, found.waiting, found.size, found.signed, found.checkpoints) == (11, 2, 9, 9, 3)


@pytest.mark.parametrize(
    ("tamper", "reason"), [(rewritten(4), f"row 4: {DIFFERS} 6"), (rewritten(9), f"row 7: {DIFFERS} 9")]
)
async def test_threat_38_without_the_master_key_a_rewritten_row_differs_from_the_signed_root(
    signed: SignedLog, tamper: Tamper, reason: str
) -> None:
    found = await verify_audit(signed.database)
    assert (found.rows, found.authenticated, found.signatures) == (11, None, False)
    async with signed.database.write() as connection:
        await tamper(connection)
    with pytest.raises(AuditBroken, match=f"^{re.escape(reason)}$"):
        await verify_audit(signed.database)


async def test_threat_38_a_log_with_checkpoints_is_refused_under_other_keys(signed: SignedLog) -> None:
    with pytest.raises(AuditBroken, match=r"^row 3: its checkpoint is not signed by this gateway$"):
        await verify_audit(signed.database, trust=Trust(signers=Signers(())))
    with pytest.raises(AuditBroken, match=r"^deployment/audit_mark: missing, or changed outside the audit$"):
        await verify_audit(signed.database, trust=Trust(macs=MACS))


async def cut_off(connection: Transaction, after: int) -> None:
    """Delete the rows after one, and all that shows that they were there; restore the frontier of the last checkpoint."""
    for column in (audit_rows.c.row, audit_entries.c.id, audit_waiting.c.entry, audit_checkpoints.c.size):
        await connection.execute(sa.delete(column.table).where(column > after))
    query = sa.select(audit_rows.c.leaf).order_by(audit_rows.c.row)
    tree = Frontier()
    for leaf in (await connection.execute(query)).scalars():
        tree.append(bytes.fromhex(leaf))
    frontier = json.dumps([each.hex() for each in tree.hashes])
    await set_checkpoint(after, frontier=frontier)(connection)


async def test_threat_38_a_tail_cut_off_is_seen_only_against_a_checkpoint(signed: SignedLog) -> None:
    checkpoint = await signed.sign()
    async with signed.database.write() as connection:
        await cut_off(connection, 6)

    assert (await signed.verify()).rows == 6
    with pytest.raises(AuditBroken, match=r"^row 7: missing, the checkpoint has 11 rows$"):
        await signed.verify(checkpoint)


async def test_threat_38_a_tail_written_anew_is_seen_against_checkpoints(signed: SignedLog) -> None:
    """Even by one who has the key: the sequencer signs the new tail, and the fork shows."""
    async with signed.database.read() as connection:
        former = await find_last_checkpoint(connection)
    assert former is not None
    checkpoint = await signed.sign()
    async with signed.database.write() as connection:
        await cut_off(connection, 6)
    await signed.log.record(*(entry(outcome="rewritten") for _ in range(5)))
    with pytest.raises(AuditBroken, match=r"^row 11: missing, or differs from what was signed$"):
        await signed.sign()
    signed.sequencer = signed.new_sequencer()  # of a process that was started afterwards
    assert (await signed.sign()).size == checkpoint.size

    assert (await signed.verify()).signed == 11
    with pytest.raises(
        AuditBroken, match=r"^row 1: it or a later row differs from the checkpoint at row 11$"
    ):
        await signed.verify(checkpoint)
    with pytest.raises(AuditBroken, match=r"^row 1: it or a later row differs from the checkpoint at row 9$"):
        await signed.verify(parse_checkpoint(former.note), checkpoint)


async def test_threat_38_an_emptied_audit_is_seen_against_a_checkpoint(signed: SignedLog) -> None:
    checkpoint = await signed.sign()
    async with signed.database.write() as connection:
        await cut_off(connection, 0)
    assert (await signed.verify()).rows == 0
    with pytest.raises(AuditBroken, match=r"^row 1: missing, the checkpoint has 11 rows$"):
        await signed.verify(checkpoint)


async def test_an_old_checkpoint_still_holds_after_more_rows(signed: SignedLog) -> None:
    checkpoint = await signed.sign()
    await AuditLog(signed.database, signed.log.macs).record(entry(), entry())
    await signed.sign()
    found = await signed.verify(checkpoint)
    assert (found.rows, found.signed) == (13, 13)


async def test_the_root_of_the_rows_can_be_recomputed_by_hand(signed: SignedLog) -> None:
    async with signed.database.read() as connection:
        query = sa.select(audit_entries.c.salt, audit_entries.c.body).order_by(audit_entries.c.id).limit(3)
        leaves = [
            hashlib.sha256(b"\x00" + f"{salt}\n{body}".encode()).digest()
            for salt, body in await connection.execute(query)
        ]
        kept = sa.select(audit_checkpoints.c.root).where(audit_checkpoints.c.size == 3)
        root = (await connection.execute(kept)).scalar_one()
    left = hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    assert root == hashlib.sha256(b"\x01" + left + leaves[2]).hexdigest()


async def test_the_rows_alone_hold_nothing_of_what_was_recorded(signed: SignedLog) -> None:
    async with signed.database.read() as connection:
        rows = (await connection.execute(sa.select(audit_rows))).all()
        bodies = list((await connection.execute(sa.select(audit_entries.c.body).limit(9))).scalars())
    assert all(row.previous is row.hash is row.digest is None for row in rows)
    assert all(re.fullmatch(r"[0-9a-f]{64}", row.leaf) for row in rows)
    # The same entry twice has two leaves: nobody finds out by guessing what a dropped entry said.
    assert len(set(bodies)) < len(bodies) == len({row.leaf for row in rows})


async def test_an_inner_hash_that_was_changed_is_found_by_the_rows_below_it(signed: SignedLog) -> None:
    await signed.log.record(*(entry() for _ in range(600)))
    await signed.sign()
    await signed.verify()
    async with signed.database.write() as connection:
        change = sa.update(audit_subtrees).where(audit_subtrees.c.position == 1).values(hash="0" * 64)
        await connection.execute(change)
    with pytest.raises(AuditBroken, match=r"^row 257: a stored hash of the tree over it was changed$"):
        await signed.verify()


Row = tuple[Any, ...]


def ordinary_page() -> tuple[list[Row], list[Row]]:
    """Return the rows 8 to 10 and their entries 18 to 20, as `audit verify` reads them."""
    made = [entry_values(number, entry(request_code=f"code_{number}"), MACS) for number in (18, 19, 20)]
    names = ("id", "salt", "body", "leaf", "month", "mac", *INDEXED)
    entries = [tuple(each[name] for name in names) for each in made]
    rows = [(row, each["id"], each["leaf"], None, None, None) for row, each in enumerate(made, 8)]
    return rows, entries


def is_ordinary(rows: list[Row], entries: list[Row]) -> bool:
    return find_ordinary(rows, {each[0]: each for each in entries}, after=7, macs=MACS) is not None


def test_threat_38_rows_that_are_compared_at_once_are_ordinary_only_without_any_change() -> None:
    """Every other row is checked by itself, as if nothing were compared at once."""
    rows, entries = ordinary_page()
    assert is_ordinary(rows, entries)
    assert not is_ordinary(rows[1:], entries)
    assert not is_ordinary(rows[::-1], entries)
    for at in range(3):
        for values in (rows, entries):
            for column, value in enumerate(values[at]):
                for other in (None, b"x", "x", 7, str(value), str(value)[:-1], values[at - 1][column]):
                    changed = list(values)
                    changed[at] = (*values[at][:column], other, *values[at][column + 1 :])
                    both = (changed, entries) if values is rows else (rows, changed)
                    assert is_ordinary(*both) is (other == value), (at, column, other)
        assert not is_ordinary(rows, entries[:at] + entries[at + 1 :])


def test_threat_38_rows_are_not_ordinary_if_other_hashes_were_computed_anew() -> None:
    """Who has no key makes a leaf for another body, or another salt, and no MAC."""
    rows, entries = ordinary_page()
    for salt, body in ((entries[1][1], entries[0][2]), ("", entries[1][2])):
        leaf = leaf_hash(salt=salt, body=body)
        changed = (entries[1][0], salt, body, leaf, *entries[1][4:])
        row = (*rows[1][:2], leaf, None, None, None)
        assert not is_ordinary([rows[0], row], [entries[0], changed])


async def test_rows_whose_ids_are_far_apart_are_checked_like_others(signed: SignedLog) -> None:
    far = 100 + 2 * PAGE
    for numbers in ([far], range(100, far)):  # a row with a far higher id than the rows after it
        async with signed.database.write() as connection:
            rows = [entry_values(number, entry(), signed.log.macs) for number in numbers]
            await connection.execute(sa.insert(audit_entries), rows)
            await connection.execute(sa.insert(audit_waiting), [{"entry": number} for number in numbers])
        await signed.sign()
    assert (await signed.verify()).authenticated == 12 + 2 * PAGE
    async with signed.database.write() as connection:
        await set_entry(far, body="{}")(connection)
    with pytest.raises(AuditBroken, match="row 12: its content was changed"):
        await signed.verify()
