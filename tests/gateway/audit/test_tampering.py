"""Threat 38: rows changed, deleted, inserted, reordered or cut off; the first bad row is named."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.log import AuditLog
from gateway.audit.model import GENESIS, AuditHead, row_hash
from gateway.audit.store import audit_rows
from gateway.audit.use_cases import read_audit_head, verify_audit
from gateway.database import Database, Transaction
from gateway.errors import AuditBroken
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
    async def tamper(connection: Transaction) -> None:
        await connection.execute(sa.update(audit_rows).where(audit_rows.c.row == number).values(**values))

    return tamper


async def delete_row_4(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 4))


async def delete_the_first_row(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 1))


async def delete_row_4_and_close_the_gap(connection: Transaction) -> None:
    await delete_row_4(connection)
    for number in range(5, 10):
        await set_row(number, row=number - 1)(connection)


async def swap_rows_3_and_5(connection: Transaction) -> None:
    for old, new in ((3, 100), (5, 3), (100, 5)):
        await set_row(old, row=new)(connection)


async def insert_row_zero(connection: Transaction) -> None:
    await insert(connection, 0, GENESIS)


async def insert_an_unchained_row(connection: Transaction) -> None:
    await insert(connection, 10, GENESIS)


async def append_a_row_that_is_no_entry(connection: Transaction) -> None:
    query = sa.select(audit_rows.c.hash).where(audit_rows.c.row == 9)
    previous = (await connection.execute(query)).scalar_one()
    await insert(connection, 10, previous, body="not JSON")


async def insert(connection: Transaction, row: int, previous: str, *, body: str = "{}") -> None:
    digest = row_hash(row=row, previous=previous, body=body)
    row_values = {"row": row, "previous": previous, "hash": digest, "body": body, "kind": "local"}
    await connection.execute(sa.insert(audit_rows).values(**row_values))


async def change_row_4_and_its_hash(connection: Transaction) -> None:
    query = sa.select(audit_rows.c.body, audit_rows.c.previous).where(audit_rows.c.row == 4)
    found = (await connection.execute(query)).one()
    body = json.dumps(json.loads(found.body) | {"outcome": "not_confirmed"})
    digest = row_hash(row=4, previous=found.previous, body=body)
    await set_row(4, body=body, hash=digest)(connection)


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
        (delete_row_4, "row 4: missing"),
        (delete_the_first_row, "row 1: missing"),
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
        await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row > 6))

    assert (await verify_audit(database)).rows == 6
    with pytest.raises(AuditBroken, match=r"^row 7: missing, the checkpoint saw 9 rows$"):
        await verify_audit(database, known=checkpoint)


async def test_threat_38_a_tail_written_anew_is_seen_against_a_checkpoint(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    async with database.write() as connection:
        await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row > 8))
    await AuditLog(database).record(entry(outcome="rewritten"))

    assert (await verify_audit(database)).rows == 9
    with pytest.raises(AuditBroken, match=r"^row 9: not the row that the checkpoint saw$"):
        await verify_audit(database, known=checkpoint)


async def test_threat_38_an_emptied_audit_is_seen_against_a_checkpoint(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    async with database.write() as connection:
        await connection.execute(sa.delete(audit_rows))
    assert await verify_audit(database) == AuditHead(rows=0, hash=GENESIS)
    with pytest.raises(AuditBroken, match=r"^row 1: missing"):
        await verify_audit(database, known=checkpoint)


async def test_an_old_checkpoint_still_holds_after_more_rows(database: Database) -> None:
    checkpoint = await read_audit_head(database)
    await AuditLog(database).record(entry(), entry())
    assert (await verify_audit(database, known=checkpoint)).rows == 11


async def test_the_hash_of_a_row_can_be_recomputed_by_hand(database: Database) -> None:
    async with database.read() as connection:
        first = (await connection.execute(sa.select(audit_rows).order_by(audit_rows.c.row))).first()
    assert first is not None
    text = f"1\n{'0' * 64}\n{first.body}"
    assert first.hash == hashlib.sha256(text.encode()).hexdigest()
