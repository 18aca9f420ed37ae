"""Copies of checkpoints outside the database: one a minute in a file and at a URL; they show a log that was rewritten."""

import asyncio
import fcntl
import os
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from gateway.audit.checkpoints import Checkpoint, NoteInvalid, find_notes
from gateway.audit.store import audit_checkpoints, audit_entries, audit_rows, audit_subtrees
from gateway.errors.operators import AuditBroken
from gateway.storage.checkpoint_copies import LOCK_SECONDS, CheckpointCopies, copying_checkpoints, read_copies
from tests.gateway.test_bounded_transport import INTERIM, flooding
from tests.kit.audit import SignedLog, entry
from tests.kit.stores import opened


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    async with opened(database_url) as found:
        yield await SignedLog.open(found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "checkpoints.log"


class Host:
    """Another host that takes checkpoints, and answers with a status."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.notes: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        if self.status < 300:
            self.notes.append(message["body"].decode())
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100})


async def grow(signed: SignedLog) -> Checkpoint:
    await signed.log.record(entry())
    return await signed.sign()


async def test_one_copy_a_minute_is_kept_and_each_one_on_demand(signed: SignedLog, file: Path) -> None:
    copies, host = CheckpointCopies(file, None), Host()
    sent = CheckpointCopies(None, "http://archive.test/", transport=httpx.ASGITransport(host))
    start = signed.clock.now()
    made = [await grow(signed) for _ in range(5)]
    for after, checkpoint, demanded in zip(
        (0, 59, 60, 61, 62), made, (False, False, False, False, True), strict=True
    ):
        for each in (copies, sent):
            await each.keep(checkpoint, now=start + timedelta(seconds=after), demanded=demanded)
    assert read_copies(file) == [made[0], made[2], made[4]]
    assert host.notes == [made[0].note, made[2].note, made[4].note]
    assert (copies.counts, sent.counts) == ({("file", "kept"): 3}, {("url", "kept"): 3})


async def test_a_size_is_copied_once_whatever_demands_it(signed: SignedLog, file: Path) -> None:
    made = await grow(signed)
    for _ in range(3):
        await CheckpointCopies(file, None).keep(made, now=signed.clock.now(), demanded=True)
    assert read_copies(file) == [made]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_owner_may_read_and_write_the_file(signed: SignedLog, file: Path) -> None:
    await CheckpointCopies(file, None).keep(await grow(signed), now=signed.clock.now())
    assert (mode_of(file), mode_of(file.parent)) == (0o600, 0o700)


async def test_workers_that_copy_at_once_write_whole_notes_and_no_size_twice(
    signed: SignedLog, file: Path
) -> None:
    made = [await grow(signed) for _ in range(8)]
    now = signed.clock.now()
    workers = [CheckpointCopies(file, None) for _ in range(4)]
    for checkpoint in made:
        await asyncio.gather(*(each.keep(checkpoint, now=now, demanded=True) for each in workers))
    assert read_copies(file) == made


async def test_a_note_that_a_crash_cut_off_loses_no_other(signed: SignedLog, file: Path) -> None:
    copies = CheckpointCopies(file, None)
    first, torn, last = [await grow(signed) for _ in range(3)]
    await copies.keep(first, now=signed.clock.now())
    with file.open("a") as half:
        half.write(torn.note[:30])
    assert read_copies(file) == [first]
    await copies.keep(last, now=signed.clock.now(), demanded=True)
    assert read_copies(file) == [first, last]


async def test_a_host_that_fails_is_logged_once_counted_and_asked_again(signed: SignedLog) -> None:
    host = Host(503)
    copies = CheckpointCopies(None, "http://archive.test/", transport=httpx.ASGITransport(host))
    made = await grow(signed)
    with capture_logs() as lines:
        for _ in range(3):
            await copies.keep(made, now=signed.clock.now())
        host.status = 204
        await copies.keep(made, now=signed.clock.now())
    assert [(line["event"], line["target"], line["status"]) for line in lines] == [
        ("checkpoint_not_copied", "url", 503)
    ]
    assert copies.counts == {("url", "failed"): 3, ("url", "kept"): 1}
    assert host.notes == [made.note]


async def test_a_host_that_is_not_there_raises_nothing(signed: SignedLog) -> None:
    copies = CheckpointCopies(None, "http://127.0.0.1:1/")
    await copies.keep(await grow(signed), now=signed.clock.now())
    assert copies.counts == {("url", "failed"): 1}


async def test_a_file_that_cannot_be_written_raises_nothing(signed: SignedLog, tmp_path: Path) -> None:
    copies = CheckpointCopies(tmp_path, None)
    await copies.keep(await grow(signed), now=signed.clock.now())
    assert copies.counts == {("file", "failed"): 1}


async def test_threat_35_a_copy_that_a_full_disk_stops_names_the_full_disk(signed: SignedLog) -> None:
    copies = CheckpointCopies(Path("/dev/full"), None)
    with capture_logs() as lines:
        await copies.keep(await grow(signed), now=signed.clock.now())
    assert [(line["target"], line["reason"]) for line in lines] == [("file", "No space left on device")]


async def test_a_server_copies_its_last_checkpoint_when_it_ends(signed: SignedLog, file: Path) -> None:
    first = await grow(signed)
    copies = CheckpointCopies(file, None)
    async with copying_checkpoints(copies, signed.database, signed.sequencer, signed.clock):
        while not read_copies(file):  # noqa: ASYNC110 - a thread writes the file
            await asyncio.sleep(0.01)
        await signed.log.record(entry(), entry())
    found = read_copies(file)
    assert [found[0], found[1].size] == [first, 3]


async def test_copying_goes_on_after_the_stores_last_note_was_damaged(signed: SignedLog, file: Path) -> None:
    first, copies = await grow(signed), CheckpointCopies(file, None)
    with capture_logs() as lines:
        async with copying_checkpoints(copies, signed.database, signed.sequencer, signed.clock, every=0.01):
            while not copies.counts["file", "kept"]:  # noqa: ASYNC110 - a thread writes the file
                await asyncio.sleep(0.01)
            async with signed.database.write() as transaction:
                await transaction.execute(sa.update(audit_checkpoints).values(note="x"))
            while copies.counts["store", "failed"] < 3:  # noqa: ASYNC110 - a task counts
                await asyncio.sleep(0.01)
            async with signed.database.write() as transaction:
                await transaction.execute(sa.update(audit_checkpoints).values(note=first.note))
            second = await grow(signed)
    assert read_copies(file) == [first, second]
    assert [(line["event"], line["target"]) for line in lines] == [("checkpoint_not_copied", "store")]


async def test_a_rewritten_log_agrees_with_itself_and_not_with_its_copies(
    signed: SignedLog, file: Path
) -> None:
    copies = CheckpointCopies(file, None)
    for _ in range(3):
        await copies.keep(await grow(signed), now=signed.clock.now())
    await signed.verify(*read_copies(file))
    async with signed.database.write() as transaction:
        for table in (audit_entries, audit_rows, audit_checkpoints, audit_subtrees):
            await transaction.execute(sa.delete(table))
    signed.sequencer = signed.new_sequencer()
    for name in ("another", "story", "altogether"):
        await signed.log.record(entry(act=name))
        await signed.sign()
    await signed.verify()
    with pytest.raises(AuditBroken, match="row 1: differs from the checkpoint"):
        await signed.verify(*read_copies(file))


async def test_a_log_that_was_cut_off_misses_the_rows_of_its_copies(signed: SignedLog, file: Path) -> None:
    await grow(signed)
    async with signed.database.read() as connection:
        first = dict((await connection.execute(sa.select(audit_checkpoints))).mappings().one())
    kept = await grow(signed)
    await CheckpointCopies(file, None).keep(kept, now=signed.clock.now())
    async with signed.database.write() as transaction:
        await transaction.execute(sa.delete(audit_checkpoints))
        await transaction.execute(sa.insert(audit_checkpoints), first)
        for table, column in (
            (audit_entries, audit_entries.c.id), (audit_rows, audit_rows.c.row),
        ):  # fmt: skip
            last = sa.select(sa.func.max(column)).scalar_subquery()
            await transaction.execute(sa.delete(table).where(column == last))
    await signed.verify()
    with pytest.raises(AuditBroken, match="row 2: missing, the checkpoint has 2 rows"):
        await signed.verify(*read_copies(file))


@pytest.mark.parametrize("address", ["http://xn--a", "http://1.2.3"])
async def test_an_address_that_is_malformed_for_the_http_client_is_counted_as_a_failure(
    signed: SignedLog, address: str
) -> None:
    copies = CheckpointCopies(None, address, witness=address)
    made = await grow(signed)
    with capture_logs() as lines:
        for _ in range(2):
            await copies.keep(made, now=signed.clock.now())
            await copies.ask_witness()
    assert copies.counts == {("url", "failed"): 2, ("witness", "failed"): 2}
    assert [line["target"] for line in lines] == ["url", "witness"]


async def test_a_file_that_another_program_has_locked_is_left_after_a_second_and_tried_again(
    signed: SignedLog, file: Path
) -> None:
    copies = CheckpointCopies(file)
    first = await grow(signed)
    await copies.keep(first, now=signed.clock.now())
    made = await grow(signed)
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        keeping = asyncio.create_task(copies.keep(made, now=signed.clock.now(), demanded=True))
        ended, _ = await asyncio.wait({keeping}, timeout=LOCK_SECONDS + 5)
    await keeping

    assert ended
    assert copies.counts == {("file", "kept"): 1, ("file", "failed"): 1}
    await copies.keep(made, now=signed.clock.now(), demanded=True)
    assert [each.size for each in read_copies(file)] == [first.size, made.size]


async def test_threat_46_a_receiver_and_a_witness_that_never_end_are_left_before_the_limit_of_time(
    signed: SignedLog,
) -> None:
    made = await grow(signed)
    async with flooding(b"", INTERIM) as address:
        copies = CheckpointCopies(None, address, witness=address)
        with capture_logs() as lines:
            await copies.keep(made, now=signed.clock.now())
            await copies.ask_witness()

    receiver, witness = lines
    assert receiver["error"] == "ReadError"
    assert witness["reason"].endswith("the witness does not answer (ReadError)")


def test_a_file_without_a_checkpoint_is_refused_and_no_file_is_none_yet(file: Path) -> None:
    assert read_copies(file) == []
    file.parent.mkdir()
    for text in ("", "\n"):
        file.write_text(text)
        assert read_copies(file) == []
    file.write_text("deleted\n")
    with pytest.raises(NoteInvalid):
        read_copies(file)


def test_half_a_file_of_garbage_is_searched_in_linear_time() -> None:
    assert find_notes("x\n" * 2_000_000 + "\n") == []
    assert find_notes(os.urandom(1 << 20).hex() + "\n\n\N{EM DASH} ") == []
