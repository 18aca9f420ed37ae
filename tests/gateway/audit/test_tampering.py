"""Threat 38: rows changed, deleted, inserted, reordered or cut off; the first bad row is named."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.log import AuditLog
from gateway.audit.model import GENESIS, AuditHead, entry_digest, row_hash
from gateway.audit.store import INDEXED, audit_entries, audit_rows
from gateway.audit.use_cases import read_audit_head, verify_audit
from gateway.database import Database, Transaction
from gateway.errors.commands import AuditBroken
from tests.gateway.audit.entries import entry
from tests.gateway.disposable import opened

Tamper = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A store with nine rows."""
    async with opened(database_url) as found:
        log = AuditLog(found)
        for number in range(3):
            await log.record(*(entry(act=f"act_{number}", fields=("full_name",)) for _ in range(3)))
        yield found


def set_row(number: int, **values: Any) -> Tamper:
    """Change members of a row, of its entry, or of both where both have them."""

    async def tamper(connection: Transaction) -> None:
        for table in (audit_rows, audit_entries):
            own = {name: value for name, value in values.items() if name in table.columns}
            if own:
                await connection.execute(sa.update(table).where(table.c.row == number).values(**own))

    return tamper


def delete_rows(which: Callable[[sa.Column[int]], sa.ColumnElement[bool]]) -> Tamper:
    async def tamper(connection: Transaction) -> None:
        for table in (audit_rows, audit_entries):
            await connection.execute(sa.delete(table).where(which(table.c.row)))

    return tamper


async def delete_row_4_and_close_the_gap(connection: Transaction) -> None:
    await delete_rows(lambda row: row == 4)(connection)
    for number in range(5, 10):
        await set_row(number, row=number - 1)(connection)


async def swap_rows_3_and_5(connection: Transaction) -> None:
    for old, new in ((3, 100), (5, 3), (100, 5)):
        await set_row(old, row=new)(connection)


async def swap_the_entries_of_rows_3_and_5(connection: Transaction) -> None:
    for old, new in ((3, 100), (5, 3), (100, 5)):
        change = sa.update(audit_entries).where(audit_entries.c.row == old).values(row=new)
        await connection.execute(change)


async def insert_row_zero(connection: Transaction) -> None:
    await insert(connection, 0, GENESIS)


async def insert_an_unchained_row(connection: Transaction) -> None:
    await insert(connection, 10, GENESIS)


async def append_a_row_that_is_no_entry(connection: Transaction) -> None:
    await insert(connection, 10, await read_hash(connection, 9), body="not JSON")


async def delete_the_entry_of_row_4(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_entries).where(audit_entries.c.row == 4))


async def delete_the_last_row_alone(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 9))


async def pass_row_4_off_as_one_of_the_first_form(connection: Transaction) -> None:
    await set_row(4, digest=None)(connection)


async def read_hash(connection: Transaction, row: int) -> str:
    query = sa.select(audit_rows.c.hash).where(audit_rows.c.row == row)
    return str((await connection.execute(query)).scalar_one())


async def insert(connection: Transaction, row: int, previous: str, *, body: str = "{}") -> None:
    digest = entry_digest(salt="", body=body)
    chained = row_hash(row=row, previous=previous, content=digest)
    row_values = {"row": row, "previous": previous, "hash": chained, "digest": digest}
    await connection.execute(sa.insert(audit_rows).values(**row_values))
    entry_values = {"row": row, "month": "2026-11", "salt": "", "body": body, "kind": "local"}
    await connection.execute(sa.insert(audit_entries).values(**entry_values))


async def change_row_4_and_its_hash(connection: Transaction) -> None:
    found = (await connection.execute(sa.select(audit_entries).where(audit_entries.c.row == 4))).one()
    body = json.dumps(json.loads(found.body) | {"outcome": "not_confirmed"})
    digest = entry_digest(salt=found.salt, body=body)
    chained = row_hash(row=4, previous=await read_hash(connection, 3), content=digest)
    await set_row(4, body=body, digest=digest, hash=chained)(connection)


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (set_row(4, body="{}"), "row 4: its content was changed"),
        (set_row(9, body="{}"), "row 9: its content was changed"),
        (set_row(4, hash="0" * 64), "row 4: its content was changed"),
        (set_row(4, previous="0" * 64), "row 4: does not follow the row before it"),
        (change_row_4_and_its_hash, "row 5: does not follow the row before it"),
        (set_row(4, citizen="d" * 40), "row 4: column citizen differs from its content"),
        (set_row(4, organisation=None), "row 4: column organisation differs from its content"),
        (set_row(4, kind="local"), "row 4: column kind differs from its content"),
        (set_row(4, profile="official"), "row 4: column profile differs from its content"),
        (delete_rows(lambda row: row == 4), "row 4: missing"),
        (delete_rows(lambda row: row == 1), "row 1: missing"),
        (delete_the_entry_of_row_4, "row 4: its content is missing"),
        (delete_the_last_row_alone, "row 9: missing, 1 entries stand beside no row"),
        (swap_the_entries_of_rows_3_and_5, "row 3: its content was changed"),
        (set_row(4, salt="0" * 32), "row 4: its content was changed"),
        (set_row(4, digest="0" * 64), "row 4: its content was changed"),
        (pass_row_4_off_as_one_of_the_first_form, "row 4: its content was changed"),
        (delete_row_4_and_close_the_gap, "row 4: does not follow the row before it"),
        (swap_rows_3_and_5, "row 3: does not follow the row before it"),
        (insert_row_zero, "row 0: rows count from 1"),
        (insert_an_unchained_row, "row 10: does not follow the row before it"),
        (append_a_row_that_is_no_entry, "row 10: its content is not an entry"),
    ],
)
async def test_threat_38_a_tampered_row_is_the_first_bad_one_named(
    database: Database, tamper: Tamper, reason: str
) -> None:
    async with database.write() as connection:
        await tamper(connection)
    with pytest.raises(AuditBroken, match=f"^{re.escape(reason)}$"):
        await verify_audit(database)


async def test_threat_38_a_tail_cut_off_is_seen_only_against_a_checkpoint(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    async with database.write() as connection:
        await delete_rows(lambda row: row > 6)(connection)

    assert (await verify_audit(database)).rows == 6
    with pytest.raises(AuditBroken, match=r"^row 7: missing, the checkpoint saw 9 rows$"):
        await verify_audit(database, known=checkpoint)


async def test_threat_38_a_tail_written_anew_is_seen_against_a_checkpoint(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    async with database.write() as connection:
        await delete_rows(lambda row: row > 8)(connection)
    await AuditLog(database).record(entry(outcome="rewritten"))

    assert (await verify_audit(database)).rows == 9
    with pytest.raises(AuditBroken, match=r"^row 9: not the row that the checkpoint saw$"):
        await verify_audit(database, known=checkpoint)


async def test_threat_38_an_emptied_audit_is_seen_against_a_checkpoint(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    async with database.write() as connection:
        await delete_rows(lambda row: row > 0)(connection)
    assert await verify_audit(database) == AuditHead(rows=0, hash=GENESIS)
    with pytest.raises(AuditBroken, match=r"^row 1: missing"):
        await verify_audit(database, known=checkpoint)


async def test_an_old_checkpoint_still_holds_after_more_rows(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    await AuditLog(database).record(entry(), entry())
    assert (await verify_audit(database, known=checkpoint)).rows == 11


async def test_the_hash_of_a_row_can_be_recomputed_by_hand(database: Database) -> None:
    async with database.read() as connection:
        row = (await connection.execute(sa.select(audit_rows).order_by(audit_rows.c.row))).first()
        beside = (await connection.execute(sa.select(audit_entries).order_by(audit_entries.c.row))).first()
    assert row is not None
    assert beside is not None
    digest = hashlib.sha256(f"{beside.salt}\n{beside.body}".encode()).hexdigest()
    assert row.digest == digest
    assert row.hash == hashlib.sha256(f"1\n{'0' * 64}\n{digest}".encode()).hexdigest()


async def test_the_chain_alone_holds_nothing_of_what_was_recorded(database: Database) -> None:
    async with database.read() as connection:
        rows = [tuple(row) for row in await connection.execute(sa.select(audit_rows))]
        bodies = list((await connection.execute(sa.select(audit_entries.c.body))).scalars())
    assert all(re.fullmatch(r"[0-9a-f]{64}", str(value)) for row in rows for value in row[1:])
    # The same entry twice has two digests: nobody finds out by guessing what a dropped entry said.
    assert len(set(bodies)) < len(bodies) == len({row[3] for row in rows})


async def test_rows_of_the_first_form_and_a_kept_head_still_verify(database: Database) -> None:
    """What schema 0005 found there was hashed over the entry itself."""
    body, head = entry(act="old").canonical(), await read_audit_head(database)
    chained = row_hash(row=10, previous=head.hash, content=body)
    async with database.write() as connection:
        values = {"row": 10, "previous": head.hash, "hash": chained}
        await connection.execute(sa.insert(audit_rows).values(**values))
        members = json.loads(body)
        columns = {name: members.get(name) for name in INDEXED}
        beside = {"row": 10, "month": "2026-11", "body": body} | columns
        await connection.execute(sa.insert(audit_entries).values(**beside))
    await AuditLog(database).record(entry())

    assert (await verify_audit(database, known=AuditHead(rows=10, hash=chained))).rows == 11
    async with database.write() as connection:
        await set_row(10, body=body.replace("old", "new"))(connection)
    with pytest.raises(AuditBroken, match=r"^row 10: its content was changed$"):
        await verify_audit(database)
