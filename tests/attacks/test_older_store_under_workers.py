"""Threat 38: a store goes back in time under running workers, as after a failover to a replica that was behind.

A worker that has signed nothing since its start doesn't know by itself that the store had more rows.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.sequencer import Sequencer
from gateway.audit.store import (
    audit_checkpoints,
    audit_entries,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from gateway.errors.operators import AuditBroken
from gateway.storage.heads import HeadFile, find_signed, follow_head, read_store_head
from tests.kit.audit import SignedLog, entry

TABLES = (audit_entries, audit_rows, audit_waiting, audit_checkpoints, audit_subtrees)
Backup = Sequence[tuple[sa.Table, Sequence[dict[str, Any]]]]


async def back_up(signed: SignedLog) -> Backup:
    async with signed.database.read() as connection:
        return [
            (table, [dict(row) for row in (await connection.execute(sa.select(table))).mappings()])
            for table in TABLES
        ]


async def go_back(signed: SignedLog, backup: Backup) -> None:
    async with signed.database.write() as connection:
        for table, rows in backup:
            await connection.execute(sa.delete(table))
            if rows:
                await connection.execute(sa.insert(table), rows)


async def test_threat_38_a_worker_signs_no_older_store_that_another_worker_had_signed_further(
    signed: SignedLog, tmp_path: Path
) -> None:
    file = HeadFile(path=tmp_path / "audit-head")
    file.write(await read_store_head(signed.database))

    idle = Sequencer(
        signed.database,
        signed.vault,
        signed.clock,
        base="https://gateway.example/",
        find_signed=partial(find_signed, file),
    )
    await idle.run()
    backup = await back_up(signed)
    await signed.log.record(entry(act="revoked"), entry(act="suspended"))
    await signed.sign()
    file.write(await read_store_head(signed.database))

    await go_back(signed, backup)
    await signed.log.record(entry(act="after"))
    with pytest.raises(AuditBroken, match=r"^row 8: missing, or differs from what was signed$"):
        await idle.run()


async def test_threat_38_a_store_that_went_back_never_replaces_the_head_even_once_it_has_more_rows(
    signed: SignedLog, tmp_path: Path
) -> None:
    file = HeadFile(path=tmp_path / "audit-head")
    backup = await back_up(signed)
    await signed.log.record(entry(act="revoked"), entry(act="suspended"))
    await signed.sign()
    newer = await read_store_head(signed.database)
    file.write(newer)

    await go_back(signed, backup)
    await signed.log.record(*(entry(act=f"other_{number}") for number in range(5)))
    await signed.new_sequencer().run()
    with capture_logs() as lines:
        async with follow_head(signed.database, file):
            await _until_told(lines)
    assert file.read() == newer
    assert (await read_store_head(signed.database)).rows == 11


async def test_the_head_follows_a_store_that_has_the_row_which_the_file_names(
    signed: SignedLog, tmp_path: Path
) -> None:
    file = HeadFile(path=tmp_path / "audit-head")
    file.write(await read_store_head(signed.database))
    await signed.log.record(entry(act="later"))
    await signed.sign()
    head = await read_store_head(signed.database)
    async with follow_head(signed.database, file), asyncio.timeout(10):
        while file.read() != head:  # noqa: ASYNC110 - it announces nothing
            await asyncio.sleep(0.01)


async def test_the_head_comes_back_after_a_slower_worker_has_put_an_older_one_in_its_place(
    signed: SignedLog, tmp_path: Path
) -> None:
    file = HeadFile(path=tmp_path / "audit-head")
    older = await read_store_head(signed.database)
    await signed.log.record(entry(act="later"))
    await signed.sign()
    newest = await read_store_head(signed.database)
    async with follow_head(signed.database, file), asyncio.timeout(10):
        while not file.path.exists():  # noqa: ASYNC110 - it announces nothing
            await asyncio.sleep(0.01)
        assert file.read() == newest
        file.write(older)  # what the other worker had read before
        while file.read() != newest:  # noqa: ASYNC110 - it announces nothing
            await asyncio.sleep(0.01)


async def _until_told(lines: Sequence[Any], event: str = "store_went_back") -> None:
    async with asyncio.timeout(10):
        while not any(line["event"] == event for line in lines):  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)


async def test_threat_35_a_head_that_cannot_be_written_is_logged_with_the_systems_reason_and_its_remedy(
    signed: SignedLog, tmp_path: Path
) -> None:
    await signed.log.record(entry(act="revoked"))
    await signed.sign()
    with capture_logs() as lines:
        async with follow_head(signed.database, HeadFile(path=tmp_path / "missing" / "audit-head")):
            await _until_told(lines, "head_not_kept")
    assert lines[0]["error"] == "No such file or directory"
    assert lines[0]["remedy"].startswith("free space on its disk, or make its folder and let the gateway")


@pytest.mark.parametrize("text", ["", '{"rows": 1e999, "leaf": ""}', "\xff"])
async def test_an_unreadable_head_is_logged_once_and_a_store_that_went_back_after_the_head_is_restored(
    signed: SignedLog, tmp_path: Path, text: str
) -> None:
    file = HeadFile(path=tmp_path / "audit-head")
    backup = await back_up(signed)
    await signed.log.record(entry(act="revoked"))
    await signed.sign()
    newer = await read_store_head(signed.database)
    await go_back(signed, backup)
    file.path.write_text(text, encoding="latin-1")
    with capture_logs() as lines:
        async with follow_head(signed.database, file):
            await _until_told(lines, "head_not_kept")
            file.write(newer)
            await _until_told(lines)
    assert [line["event"] for line in lines] == ["head_not_kept", "store_went_back"]
    assert find_signed(file) == (newer.rows, newer.leaf)
