"""Threats 38, 54: a changed row of the table of keys ends every program with one line, and nothing is signed with a wrong key."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa

from gateway.audit.state_store import begin_evidence
from gateway.audit.tree_store import find_last_checkpoint
from gateway.audit.verify import verify_state
from gateway.errors.operators import AuditBroken, MasterKeyWrong, StateWrong
from gateway.keys.model import Purpose
from gateway.keys.store import list_kids
from gateway.keys.vault import Vault
from tests.kit.audit import SignedLog, entry

LINES = (AuditBroken, MasterKeyWrong, StateWrong)
ON_SQLITE = ("x'ff'", "CAST(x'ff' AS TEXT)")
COLUMNS = {
    "kid": ("''", "chr(27)"),
    "profile": ("'x'",),
    "purpose": ("'x'",),
    "serial": ("0", "2147483647"),
    "sealed": (),
    "created_at": (),
    "serves_from": ("'0001-01-01 00:00:00.000000'",),
    "accepted_until": ("'9999-12-31 23:59:59.999999'",),
}


@asynccontextmanager
async def changed(signed: SignedLog, purpose: Purpose, change: str) -> AsyncIterator[None]:
    """Have one key of a purpose with this change while the block runs."""
    place = "rowid" if signed.database.embedded else "ctid"
    of_purpose = f"(SELECT min({place}) FROM keys WHERE purpose = '{purpose.value}')"
    async with signed.database.write() as connection:
        await connection.execute(sa.text("CREATE TABLE saved AS SELECT * FROM keys"))
        await connection.exec_driver_sql(f"UPDATE keys SET {change} WHERE {place} = {of_purpose}")
    yield
    async with signed.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM keys"))
        await connection.execute(sa.text("INSERT INTO keys SELECT * FROM saved"))
        await connection.execute(sa.text("DROP TABLE saved"))


async def said(act: Callable[[], Awaitable[object]]) -> str:
    """Return the line with which an act ends, an empty text if it succeeds."""
    try:
        await act()
    except LINES as error:
        return str(error)
    return ""


async def acts(signed: SignedLog) -> list[str]:
    """Return what a start, a rotation's look at the keys, the sequencer and a check say."""

    async def start() -> None:
        await Vault(b"m" * 32, file=None, sealed=(), begin=begin_evidence).open(signed.database, signed.clock)

    async def look() -> None:
        async with signed.database.read() as connection:
            assert all(isinstance(each, str) for each in await list_kids(connection))

    async def check() -> None:
        await verify_state(signed.database, trust=await signed.trust())

    await signed.log.record(entry())
    return [await said(each) for each in (start, look, signed.sequencer.run, check)]


async def find_size(signed: SignedLog) -> int:
    async with signed.database.read() as connection:
        found = await find_last_checkpoint(connection)
    return 0 if found is None else found.size


async def test_threat_54_a_changed_key_ends_every_program_with_one_line(signed: SignedLog) -> None:
    for column, texts in COLUMNS.items():
        for value in texts + (ON_SQLITE if signed.database.embedded else ()):
            written = value.replace("chr", "char") if signed.database.embedded else value
            async with changed(signed, Purpose.TOKEN, f"{column} = {written}"):
                start, *others = await acts(signed)
            assert start.isprintable(), (column, value)
            assert "of the table keys" in start, (column, value)
            assert all(each.isprintable() for each in others)
    assert await acts(signed) == ["", "", "", ""]


async def test_threat_54_under_a_changed_key_of_the_audit_nothing_is_signed(signed: SignedLog) -> None:
    for purpose in (Purpose.CHECKPOINT, Purpose.EVIDENCE):
        before = await find_size(signed)
        async with changed(signed, purpose, "serial = serial + 1"):
            _, _, merged, checked = await acts(signed)
            assert merged
            assert checked
            assert await find_size(signed) == before
        assert await acts(signed) == ["", "", "", ""]
