"""Threat 38 for rows from before schema 0017, which have a hash chain and are the first leaves of the tree."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gateway.audit.model import AuditHead, chained_leaf_hash, entry_digest, row_hash
from gateway.audit.store import audit_entries, audit_rows
from gateway.audit.tree_store import find_last_checkpoint
from gateway.errors.operators import AuditBroken
from gateway.schema import MIGRATIONS, migrate
from gateway.storage.database import Database, Transaction
from tests.kit.audit import SignedLog, entry
from tests.kit.stores import opened, unbind_keys

Tamper = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture
async def migrated(database_url: str) -> AsyncIterator[Database]:
    """A store with nine rows of the chain, as the migration leaves it, which no gateway has opened since."""
    async with opened(database_url) as found:
        log = await SignedLog.open(found)
        await log.log.record(*(entry(act=f"act_{number}") for number in range(9)))
        async with found.write() as connection:
            await connection.run_sync(_downgrade)
        await migrate(found)
        await unbind_keys(found, log.vault.master)
        yield found


@pytest.fixture
async def chained(migrated: Database) -> SignedLog:
    """The log of that store before the first pass. The row of its adoption waits."""
    return await SignedLog.open(migrated)


def _downgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "0016")


def set_row(number: int, **values: Any) -> Tamper:
    """Change members of a row, of its entry, or of both where both have them."""

    async def tamper(connection: Transaction) -> None:
        for table, key in ((audit_rows, audit_rows.c.row), (audit_entries, audit_entries.c.id)):
            own = {name: value for name, value in values.items() if name in table.columns}
            if own:
                await connection.execute(sa.update(table).where(key == number).values(**own))

    return tamper


async def delete_row_4(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 4))
    await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == 4))


async def delete_row_4_and_close_the_gap(connection: Transaction) -> None:
    await delete_row_4(connection)
    for number in range(5, 10):
        change = sa.update(audit_rows).where(audit_rows.c.row == number).values(row=number - 1)
        await connection.execute(change)


async def delete_the_entry_of_row_4(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == 4))


async def delete_the_last_row_alone(connection: Transaction) -> None:
    await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 9))


async def swap_rows_3_and_5(connection: Transaction) -> None:
    for old, new in ((3, 100), (5, 3), (100, 5)):
        change = sa.update(audit_rows).where(audit_rows.c.row == old).values(row=new)
        await connection.execute(change)


async def pass_row_4_off_as_one_of_the_tree(connection: Transaction) -> None:
    await set_row(4, previous=None, hash=None, digest=None)(connection)


async def change_the_leaf_of_row_4(connection: Transaction) -> None:
    change = sa.update(audit_rows).where(audit_rows.c.row == 4).values(leaf="0" * 64)
    await connection.execute(change)


async def read_hash(connection: Transaction, row: int) -> str:
    query = sa.select(audit_rows.c.hash).where(audit_rows.c.row == row)
    return str((await connection.execute(query)).scalar_one())


def rewritten(number: int, *, to: int) -> Tamper:
    """Change an entry, and compute the chain and the leaves anew up to a row."""

    async def tamper(connection: Transaction) -> None:
        found = (await connection.execute(sa.select(audit_entries).where(audit_entries.c.id == number))).one()
        body = json.dumps(json.loads(found.body) | {"outcome": "not_confirmed"})
        digest = entry_digest(salt=found.salt, body=body)
        await set_row(number, body=body, digest=digest)(connection)
        for row in range(number, to + 1):
            previous = await read_hash(connection, row - 1)
            query = sa.select(audit_rows.c.digest).where(audit_rows.c.row == row)
            content = (await connection.execute(query)).scalar_one()
            chained = row_hash(row=row, previous=previous, content=content)
            values = {"previous": previous, "hash": chained, "leaf": chained_leaf_hash(chained)}
            await connection.execute(sa.update(audit_rows).where(audit_rows.c.row == row).values(**values))

    return tamper


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (set_row(4, body="{}"), "row 4: its content was changed"),
        (set_row(9, body="{}"), "row 9: its content was changed"),
        (set_row(4, salt="0" * 32), "row 4: its content was changed"),
        (set_row(4, digest="0" * 64), "row 4: its content was changed"),
        (set_row(4, digest=None), "row 4: its content was changed"),
        (set_row(4, hash="0" * 64), "row 4: its content was changed"),
        (set_row(4, previous="0" * 64), "row 4: does not follow the row before it"),
        (set_row(4, citizen="d" * 40), "row 4: column citizen differs from its content"),
        (set_row(4, month="2019-01"), "row 4: column month differs from its content"),
        (rewritten(4, to=4), "row 5: does not follow the row before it"),
        (delete_row_4, "row 4: missing"),
        (delete_row_4_and_close_the_gap, "row 4: does not follow the row before it"),
        (delete_the_entry_of_row_4, "row 4: its content is missing"),
        (delete_the_last_row_alone, "row 9: missing, deployment/audit_mark is at row 9"),
        (swap_rows_3_and_5, "row 3: does not follow the row before it"),
        (change_the_leaf_of_row_4, "row 4: its leaf is not that of its chain hash"),
        (pass_row_4_off_as_one_of_the_tree, "row 4: its content was changed"),
    ],
)
@pytest.mark.parametrize("has_pass", [False, True], ids=["before the first pass", "after it"])
async def test_threat_38_a_tampered_row_of_the_chain_is_named(
    chained: SignedLog, has_pass: bool, tamper: Tamper, reason: str
) -> None:
    if has_pass:
        await chained.sign()
        if tamper is delete_the_last_row_alone:
            reason = "row 9: missing"
    async with chained.database.write() as connection:
        await tamper(connection)
    with pytest.raises(AuditBroken, match=f"^{re.escape(reason)}$"):
        await chained.verify()


async def test_threat_38_the_first_pass_does_not_sign_a_chain_with_a_missing_row(chained: SignedLog) -> None:
    async with chained.database.write() as connection:
        await delete_row_4(connection)
    with pytest.raises(AuditBroken, match=r"^row 4: missing$"):
        await chained.sign()
    async with chained.database.read() as connection:
        assert await find_last_checkpoint(connection) is None


@pytest.mark.parametrize("has_pass", [False, True], ids=["before the first pass", "after it"])
async def test_threat_38_a_chain_written_anew_ends_at_another_leaf_than_the_mark(
    chained: SignedLog, has_pass: bool
) -> None:
    if has_pass:
        await chained.sign()
    async with chained.database.write() as connection:
        await rewritten(4, to=9)(connection)
    with pytest.raises(AuditBroken, match=r"^row 9: not the last row that deployment/audit_mark names$"):
        await chained.verify()


async def test_a_migrated_chain_verifies_with_its_old_head_before_and_after_the_first_pass(
    chained: SignedLog,
) -> None:
    async with chained.database.read() as connection:
        heads = [AuditHead(rows=row, hash=await read_hash(connection, row)) for row in (5, 9)]
    found = await chained.verify(*heads)
    assert (found.rows, found.waiting, found.size, found.signed) == (10, 1, 9, 0)
    assert (found.adopted, found.authenticated) == (9, 1)
    await chained.log.record(entry(act="after the migration"))
    assert (await chained.verify(*heads)).waiting == 2
    checkpoint = await chained.sign()
    found = await chained.verify(*heads, checkpoint)
    assert (found.rows, found.waiting, found.signed, found.checkpoints) == (11, 0, 11, 1)
    assert (found.adopted, found.authenticated) == (9, 2)


@pytest.mark.parametrize("rows", [9, 10])
async def test_an_old_head_that_is_not_of_this_chain_is_refused(chained: SignedLog, rows: int) -> None:
    await chained.log.record(entry(act="after the migration"))
    await chained.sign()
    with pytest.raises(AuditBroken, match=f"^row {rows}: not the checkpoint's row$"):
        await chained.verify(AuditHead(rows=rows, hash="0" * 64))


async def test_rows_of_the_first_form_still_verify(migrated: Database) -> None:
    """What schema 0005 found there was hashed over the entry itself."""
    async with migrated.write() as connection:
        body = (
            await connection.execute(sa.select(audit_entries.c.body).where(audit_entries.c.id == 9))
        ).scalar_one()
        hashed = row_hash(row=9, previous=await read_hash(connection, 8), content=body)
        values = {"hash": hashed, "digest": None, "salt": None, "leaf": chained_leaf_hash(hashed)}
        query = sa.update(audit_rows).where(audit_rows.c.row == 9)
        await connection.execute(query.values({name: values[name] for name in ("hash", "digest", "leaf")}))
        await connection.execute(sa.update(audit_entries).where(audit_entries.c.id == 9).values(salt=None))

    chained = await SignedLog.open(migrated)
    assert (await chained.verify(AuditHead(rows=9, hash=hashed))).size == 9
    async with chained.database.write() as connection:
        await set_row(9, body=body.replace("act_8", "act_9"))(connection)
    with pytest.raises(AuditBroken, match=r"^row 9: its content was changed$"):
        await chained.verify()
