"""Threats 38, 54: whatever is done to one row of a table that counts in evidence, `audit verify --state` finds it.

An example changes, deletes, copies or swaps a random row or column of a log in which one entry was erased; then a pass of the sequencer may run, which must not
make it good. The tables that the audit covers are tampered with column by column in `test_state_of_evidence.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.audit.model import AuditEntry, Kind, Promise
from gateway.audit.store import (
    audit_checkpoints,
    audit_entries,
    audit_promises,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from gateway.audit.verify import verify_state
from gateway.deployment import deployment
from gateway.errors.operators import AuditBroken, MasterKeyWrong, StateWrong
from gateway.keys.store import keys
from gateway.storage.database import Database, Transaction
from tests.attacks.evidence import another
from tests.kit.audit import SignedLog, entry
from tests.kit.stores import opened

TABLES = (
    audit_entries,
    audit_rows,
    audit_checkpoints,
    audit_subtrees,
    audit_waiting,
    audit_promises,
    deployment,
    keys,
)
ROWS, WAITING = 520, 3

Row = dict[str, Any]
Tampering = Callable[[sa.Table, list[Row]], tuple[list[Row], list[Row]]]
"""Returns the rows to delete and the rows to insert."""


def key_of(table: sa.Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key)


@st.composite
def tamperings(draw: st.DrawFn) -> tuple[sa.Table, Tampering]:
    """Return a table and what happens to it."""
    table = draw(st.sampled_from(TABLES))
    kind = draw(st.sampled_from(["change", "delete", "copy", "swap"]))
    column = draw(st.sampled_from(list(table.columns)))
    one, other = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))

    def tamper(_: sa.Table, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        row = rows[one % len(rows)]
        if kind == "delete":
            return [row], []
        if kind == "change":
            return [row], [row | {column.name: another(row[column.name], column)}]
        if kind == "copy":
            fresh = {each.name: another(row[each.name], each) for each in table.primary_key}
            unique = {name: another(row[name], table.c[name]) for name in ("serial",) if name in row}
            if table is audit_rows:
                unique["entry"] = row["entry"] + 5000
            return [], [row | fresh | unique]
        second = rows[other % len(rows)]
        swapped = [
            row | {column.name: second[column.name]},
            second | {column.name: row[column.name]},
        ]
        return [row, second], swapped

    return table, tamper


def counts(table: sa.Table, rows: list[Row], gone: list[Row], come: list[Row]) -> bool:
    """Return whether a tampering changes anything that is evidence."""
    plain = (
        [str(sorted(row.items(), key=str)) for row in gone],
        [str(sorted(row.items(), key=str)) for row in come],
    )
    if sorted(plain[0]) == sorted(plain[1]) or len({key_of(table, row) for row in come}) != len(come):
        return False
    if table is audit_checkpoints:
        last = max(row["size"] for row in rows)
        if not come:
            # A later checkpoint covers the rows of a former one.
            return any(row["size"] == last for row in gone)
        # `at` only decides which checkpoints are kept; only the last one's frontier is used.
        kept = [{**row, "at": 0, "frontier": row["frontier"] if row["size"] == last else 0} for row in gone]
        made = [{**row, "at": 0, "frontier": row["frontier"] if row["size"] == last else 0} for row in come]
        return sorted(map(str, kept)) != sorted(map(str, made))
    if table is deployment:  # its other values are no evidence
        return any(row["name"] == "audit_mark" for row in gone)
    return True


async def build(database: Database) -> None:
    """Make a log of two complete subtrees, with checkpoints, an erasure, two promises, and entries that wait."""
    log = await SignedLog.open(database)
    for number in (260, 250, ROWS - 510):
        await log.log.record(*(entry(act=f"act_{each}") for each in range(number)))
        await log.sign()
    await erase_row(log, 5)
    for verification in ("ver_one", "ver_two"):
        await log.log.record(*recorded_and_deleted(verification))
    await log.sign()
    await log.log.record(*(entry(act="waits") for _ in range(WAITING)))


async def erase_row(log: SignedLog, row: int) -> None:
    """Do what an erasure does; ids are those of the rows."""

    async def decide(transaction: Transaction) -> tuple[list[AuditEntry], None]:
        await transaction.execute(sa.delete(audit_entries).where(audit_entries.c.id == row))
        return [entry(kind=Kind.ERASED, citizen=None, erased=(f"{row}-{row}",), reason="retention")], None

    await log.log.commit(decide)


def recorded_and_deleted(verification: str) -> tuple[AuditEntry, AuditEntry]:
    """Return the entries of a verification whose receipts promise the first one, and of its deletion."""
    name, digest = f"verifications/{verification}", "d" * 64
    recorded = entry(verification=verification, state={name: (None, digest)}, promise=Promise())
    return recorded, entry(kind=Kind.ENDED, state={name: (digest, None)})


async def replace_rows(database: Database, table: sa.Table, gone: list[Row], come: list[Row]) -> None:
    async with database.write() as connection:
        for row in gone:
            own = sa.and_(*(column == row[column.name] for column in table.primary_key))
            await connection.execute(sa.delete(table).where(own).execution_options(unrecorded="tampering"))
        if come:
            await connection.execute(sa.insert(table).execution_options(unrecorded="tampering"), come)


async def read_rows(database: Database, table: sa.Table) -> list[Row]:
    async with database.read() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def check(url: str, table: sa.Table, tamper: Tampering, *, with_pass: bool) -> bool:
    """Check that a tampering is found; return False if it changes nothing that is evidence, or the store refuses it."""
    async with opened(url) as database:
        log = await SignedLog.open(database)
        rows = await read_rows(database, table)
        gone, come = tamper(table, rows)
        if not counts(table, rows, gone, come):
            return False
        before = {each: await read_rows(database, each) for each in TABLES if with_pass}
        try:
            await replace_rows(database, table, gone, come)
        except sa.exc.IntegrityError:
            return False
        try:
            if with_pass:
                await log.sequencer.try_run()
            with pytest.raises((AuditBroken, MasterKeyWrong, StateWrong)):
                await open_and_verify(log)
        finally:
            if not with_pass:
                await replace_rows(database, table, come, gone)
            for each, kept in before.items():
                await replace_rows(database, each, await read_rows(database, each), kept)
        return True


async def open_and_verify(log: SignedLog) -> None:
    """Do what `gateway audit verify --state` does."""
    await log.vault.open(log.database, log.clock)
    await verify_state(log.database, trust=await log.trust())


@pytest.fixture
def log_url(database_url: str) -> str:
    async def work() -> None:
        async with opened(database_url) as database:
            await build(database)

    asyncio.run(work())
    return database_url


EXAMPLES = 40


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
@given(tampering=tamperings(), with_pass=st.sampled_from([False, False, True]))
def test_threat_38_any_tampering_with_one_row_is_found_and_no_pass_makes_it_good(
    log_url: str, tampering: tuple[sa.Table, Tampering], with_pass: bool
) -> None:
    assume(asyncio.run(check(log_url, *tampering, with_pass=with_pass)))


def test_threat_38_a_change_of_any_column_is_found(log_url: str) -> None:
    left_out = {
        f"{table.name}.{column.name}"
        for table in TABLES
        for column in table.columns
        if not asyncio.run(check(log_url, table, change(column), with_pass=False))
    }
    assert left_out == {"audit_checkpoints.at"}


def change(column: sa.Column[Any]) -> Tampering:
    """Return what changes this column of the row in the middle, of the last checkpoint, or of the mark."""

    def tamper(table: sa.Table, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        marks = [row for row in rows if row.get("name") == "audit_mark"]
        row = (marks or rows)[-1 if table is audit_checkpoints else len(marks or rows) // 2]
        value = row[column.name]
        free = column.name in {"id", "row", "entry"}  # numbers, of which the next one is taken
        return [row], [row | {column.name: value + 5000 if free else another(value, column)}]

    return tamper
