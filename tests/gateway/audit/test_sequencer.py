"""The sequencer: every committed entry gets one row, in order, whoever dies and however many are at it."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Self

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from structlog.testing import capture_logs

from gateway.audit.checkpoints import NoteInvalid, Signers, key_line, parse_checkpoint
from gateway.audit.log import AuditLog
from gateway.audit.sequencer import FOLLOWED, MOST, sequencing
from gateway.audit.store import audit_checkpoints, audit_entries, audit_rows, audit_subtrees, audit_waiting
from gateway.audit.tree import prove_consistency as prove_consistent
from gateway.audit.tree import prove_inclusion as prove_included
from gateway.audit.tree import verify_inclusion
from gateway.audit.tree_store import subtree_reader
from gateway.errors.operators import AuditBroken
from gateway.storage.database import Database, find_store_file
from tests.kit.audit import SignedLog, entry, verify_consistency
from tests.kit.stores import opened


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    async with opened(database_url) as found:
        yield await SignedLog.open(found)


async def acts_in_order(database: Database) -> list[str]:
    """Return the acts of the entries in the order of their rows."""
    query = (
        sa.select(audit_entries.c.body)
        .join_from(audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id)
        .order_by(audit_rows.c.row)
    )
    async with database.read() as connection:
        return [json.loads(body)["act"] for body in await connection.scalars(query)]


async def test_entries_get_rows_from_1_without_gaps_in_the_order_of_their_commits(signed: SignedLog) -> None:
    await signed.log.record(entry(act="a"), entry(act="b"))
    await signed.log.record(entry(act="c"))
    assert (await signed.sign()).size == 3
    await signed.log.record(entry(act="d"))
    assert (await signed.sign()).size == 4
    assert await acts_in_order(signed.database) == ["a", "b", "c", "d"]
    found = await signed.verify()
    assert (found.rows, found.waiting, found.signed, found.checkpoints) == (4, 0, 4, 2)


async def test_a_pass_without_entries_signs_nothing(signed: SignedLog) -> None:
    await signed.log.record(entry())
    first = await signed.sign()
    assert await signed.sign() == first


class Killed(BaseException):
    """The end of a process."""


class KilledBefore:
    """Raises instead of the statement with a given number; a rollback follows, as after a kill."""

    def __init__(self, database: Database, number: int) -> None:
        self._engine, self._left = database.engine.sync_engine, number
        self.reached = False

    def __enter__(self) -> Self:
        sa.event.listen(self._engine, "before_cursor_execute", self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._look)

    def _look(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            self.reached = True
            raise Killed


async def test_a_death_before_any_statement_of_a_pass_loses_and_doubles_nothing(signed: SignedLog) -> None:
    await signed.log.record(*(entry(act=f"first {number}") for number in range(255)))
    await signed.sign()
    acts = []
    for number in range(1, 40):
        acts.append(f"act {number}")
        await signed.log.record(entry(act=acts[-1]))
        with KilledBefore(signed.database, number) as killed:
            try:
                await signed.sequencer.run()
            except Killed:
                assert (await signed.verify()).rows == 255 + len(acts)
        if not killed.reached:
            break
    assert 8 < number < 39  # it died once before each statement, and then not at all
    await signed.sign()
    assert (await acts_in_order(signed.database))[255:] == acts
    found = await signed.verify()
    assert (found.rows, found.waiting, found.signed) == (255 + len(acts), 0, 255 + len(acts))


async def test_several_sequencers_and_writers_at_once_merge_each_entry_once(database_url: str) -> None:
    """Several engines stand for several workers on PostgreSQL; SQLite has one worker."""
    workers = 4 if database_url.startswith("postgresql") else 1
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(database_url)) for _ in range(workers)]
        logs = [await SignedLog.open(database) for database in databases]
        await logs[0].log.record(entry(act="first"))
        for each in logs:
            await each.sign()

        async def write(log: SignedLog, name: int) -> None:
            for number in range(25):
                await log.log.record(entry(act=f"{name}/{number}"))

        async def merge(log: SignedLog) -> None:
            for _ in range(25):
                await log.sequencer.run()
                await asyncio.sleep(0.005)

        await asyncio.gather(*(write(log, name) for name, log in enumerate(logs)), *map(merge, logs))
        await logs[0].sign()
        found = await logs[0].verify()
        assert (found.rows, found.waiting) == (1 + 25 * workers, 0)
        acts = await acts_in_order(databases[0])
        for name in range(workers):  # what a writer wrote one after another is in that order
            assert [act for act in acts if act.startswith(f"{name}/")] == [f"{name}/{n}" for n in range(25)]
        assert sum(log.sequencer.merged for log in logs) == found.rows


async def test_a_call_makes_one_pass_while_others_go_on_to_commit(signed: SignedLog) -> None:
    assert 1 <= await signed.count_passes(calls=10) <= 10
    await signed.sign()
    assert (await signed.verify()).waiting == 0


async def test_a_call_merges_all_that_waited_however_many(signed: SignedLog) -> None:
    await signed.log.record(*(entry() for _ in range(MOST + 1)))
    assert await signed.sequencer.run()
    assert (await signed.verify()).waiting == 0


async def test_a_reader_of_a_committed_entry_writes_a_later_row(signed: SignedLog) -> None:
    """Also where its entry got a row in the same pass."""
    await signed.log.record(entry(act="seen"))
    await AuditLog(signed.database, signed.log.macs).record(entry(act="seer"))
    await signed.sign()
    assert await acts_in_order(signed.database) == ["seen", "seer"]


async def test_the_last_checkpoint_of_each_minute_is_kept(signed: SignedLog) -> None:
    async with signed.database.read() as connection:
        assert (await connection.execute(sa.select(audit_checkpoints))).all() == []
    signed.clock.advance(60 - signed.clock.now().second)
    for size in (1, 2, 3):
        await signed.log.record(entry())
        signed.clock.advance(-55)
        assert (await signed.sign()).size == size
    signed.clock.advance(60)
    await signed.log.record(entry())
    await signed.sign()
    async with signed.database.read() as connection:
        found = (
            await connection.execute(sa.select(audit_checkpoints).order_by(audit_checkpoints.c.size))
        ).all()
    assert [(row.size, row.frontier is None) for row in found] == [(3, True), (4, False)]


async def test_an_outage_is_one_line_of_the_sequencer_however_many_passes_it_takes(
    signed: SignedLog, database_url: str
) -> None:
    if (store := find_store_file(database_url)) is None:
        pytest.skip("the file of an embedded store is moved away")
    away = store.with_name("away.db")
    with capture_logs() as lines:
        for _ in range(2):
            store.rename(away)
            assert [await signed.sequencer.try_run() for _ in range(3)] == [False] * 3
            away.rename(store)
            assert await signed.sequencer.try_run()
    assert [line["event"] for line in lines if line["event"].startswith("audit_")] == [
        "audit_pass_postponed"
    ] * 2


async def test_rows_that_somebody_inserted_are_never_signed(signed: SignedLog) -> None:
    await signed.log.record(entry())
    await signed.sign()
    async with signed.database.write() as connection:
        await connection.execute(sa.insert(audit_rows).values(row=2, entry=99, leaf="0" * 64))
    await signed.log.record(entry())
    with pytest.raises(AuditBroken, match=r"^row 2: was inserted outside the audit"):
        await signed.sequencer.run()
    assert await signed.sequencer.try_run()  # the background goes on, and requests with it


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"frontier": None}, "row 1: its checkpoint is not signed by this gateway"),
        ({"frontier": json.dumps(["0" * 64])}, "row 1: its checkpoint differs from what was signed"),
        ({"note": "no note"}, "row 1: its checkpoint is not signed by this gateway"),
        (
            {"size": 2, "frontier": json.dumps(["0" * 64])},
            "row 2: its checkpoint differs from what was signed",
        ),
    ],
)
async def test_a_checkpoint_that_was_changed_is_never_extended(
    signed: SignedLog, values: dict[str, object], reason: str
) -> None:
    await signed.log.record(entry())
    await signed.sign()
    async with signed.database.write() as connection:
        await connection.execute(sa.update(audit_checkpoints).values(**values))
    await signed.log.record(entry())
    with pytest.raises(AuditBroken, match=f"^{reason}$"):
        await signed.sequencer.run()


async def test_a_checkpoint_under_another_key_is_never_extended(signed: SignedLog) -> None:
    other = await SignedLog.open(signed.database)
    await other.log.record(entry())
    checkpoint = await other.sign()
    false = checkpoint.note.replace("\n— gateway.example/audit ", "\n— gateway.example/other ")
    async with signed.database.write() as connection:
        await connection.execute(sa.update(audit_checkpoints).values(note=false))
    await signed.log.record(entry())
    with pytest.raises(AuditBroken, match="not signed by this gateway"):
        await signed.sequencer.run()


async def test_cut_off_rows_stop_the_sequencer_before_it_signs_a_fork(signed: SignedLog) -> None:
    await signed.log.record(entry(), entry(), entry())
    await signed.sign()
    async with signed.database.write() as connection:
        await connection.execute(sa.delete(audit_rows).where(audit_rows.c.row == 3))
    await signed.log.record(entry())
    with pytest.raises(AuditBroken, match=r"^row 3: missing, a signed checkpoint has 3 rows$"):
        await signed.sequencer.run()


async def test_the_background_gives_a_row_within_a_second(signed: SignedLog) -> None:
    await signed.log.record(entry())
    await signed.sign()
    async with sequencing(signed.sequencer, signed.log, every=0.05):
        await signed.log.record(entry(act="soon"))
        for _ in range(100):
            if (await acts_in_order(signed.database))[-1] == "soon":
                break
            await asyncio.sleep(0.02)
        assert (await signed.verify()).waiting == 0


async def test_a_worker_follows_another_that_signs_and_takes_over_when_it_stops(signed: SignedLog) -> None:
    follower = signed.new_sequencer()
    await signed.log.record(entry())
    await follower.run()
    for number in range(1, FOLLOWED + 2):
        await signed.log.record(entry(act=f"led {number}"))
        await signed.sign()
        await signed.log.record(entry(act=f"waits {number}"))
        assert await follower.run(follow=True) is (number > FOLLOWED)  # then it looks itself
    await signed.log.record(entry(act="led"))
    await signed.sign()
    await signed.log.record(entry(act="left"))
    assert await follower.run(follow=True) is False
    assert await follower.run(follow=True)  # nobody has signed since
    assert (await acts_in_order(signed.database))[-1] == "left"
    assert (await signed.verify()).waiting == 0


async def test_a_worker_waits_for_no_other_after_its_own_pass_signed_nothing(
    signed: SignedLog,
) -> None:
    await signed.log.record(entry())
    await signed.sign()
    idle = signed.new_sequencer()
    async with signed.database.write() as connection:
        await connection.execute(sa.insert(audit_waiting), [{"entry": 1}])  # it has a row, and is refused
    await idle.run()
    await signed.log.record(entry(act="alone"))
    assert await idle.run(follow=True)
    assert (await acts_in_order(signed.database))[-1] == "alone"


async def test_the_background_finds_what_another_process_left(signed: SignedLog) -> None:
    await signed.log.record(entry())
    await signed.sign()
    async with sequencing(signed.sequencer, AuditLog(signed.database, signed.log.macs), every=0.02, idle=0.1):
        await asyncio.sleep(0.05)
        await signed.log.record(entry(act="left"))
        for _ in range(100):
            if (await acts_in_order(signed.database))[-1] == "left":
                break
            await asyncio.sleep(0.02)
    assert (await acts_in_order(signed.database))[-1] == "left"


async def test_an_idle_background_asks_one_small_statement_every_few_seconds(signed: SignedLog) -> None:
    await signed.log.record(entry())
    await signed.sign()
    seen: list[str] = []

    def note(*event: object) -> None:
        seen.append(str(event[2]))

    sa.event.listen(signed.database.engine.sync_engine, "before_cursor_execute", note)
    async with sequencing(signed.sequencer, AuditLog(signed.database, signed.log.macs), every=0.01, idle=0.1):
        await asyncio.sleep(0.35)
    sa.event.remove(signed.database.engine.sync_engine, "before_cursor_execute", note)
    asked = [each for each in seen if "audit_waiting" in each]
    assert 2 <= len(asked) <= 5
    assert not [each for each in seen if "INSERT" in each or "advisory" in each]


async def test_proofs_come_from_stored_hashes_over_several_hundred_rows(signed: SignedLog) -> None:
    await signed.log.record(*(entry() for _ in range(300)))
    former = await signed.sign()
    await signed.log.record(*(entry() for _ in range(350)))
    last = await signed.sign()
    async with signed.database.read() as connection:
        assert (
            await connection.execute(sa.select(sa.func.count()).select_from(audit_subtrees))
        ).scalar_one() == 2
        leaves = list(await connection.scalars(sa.select(audit_rows.c.leaf).order_by(audit_rows.c.row)))
        read = subtree_reader(connection)
        for index in (0, 255, 256, 511, 512, 649):
            path = await prove_included(index, last.size, read)
            verify_inclusion(bytes.fromhex(leaves[index]), index, last.size, path, last.root)
        path = await prove_consistent(former.size, last.size, read)
    verify_consistency(former.size, last.size, path, former.root, last.root)


async def test_a_note_is_checked_by_anyone_with_the_key_line(signed: SignedLog) -> None:
    """As C2SP signed-note says: the key id, the signature over the text, and the vkey."""
    await signed.log.record(entry())
    checkpoint = await signed.sign()
    async with signed.database.read() as connection:
        (key,) = (await signed.vault.read_checkpoint_keys(connection)).keys
    name, key_id, encoded = key_line(checkpoint.origin, key).split("+", 2)
    kind, public = base64.b64decode(encoded)[:1], base64.b64decode(encoded)[1:]
    assert (name, kind) == ("gateway.example/audit", b"\x01")
    assert hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4].hex() == key_id
    text, _, line = checkpoint.note.rpartition("\n\n")
    dash, signer, signature = line.rstrip("\n").split(" ")
    signature_bytes = base64.b64decode(signature)
    assert (dash, signer, signature_bytes[:4].hex()) == ("—", name, key_id)
    Ed25519PublicKey.from_public_bytes(public).verify(signature_bytes[4:], (text + "\n").encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n1\n", "\n2\n"),
        lambda note: note.replace("\n1\n", "\n01\n"),
        lambda note: note.replace("\n1\n", "\n-1\n"),
        lambda note: note.rstrip("\n"),
        lambda note: note + "\n",
        lambda note: note + "more\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note[:-6] + "AAA=\n",
        lambda note: note.partition("\n\n")[0] + "\n\n",
        lambda note: note * 200,
        lambda note: "",
    ],
)
async def test_a_note_that_was_changed_is_refused(signed: SignedLog, change: Callable[[str], str]) -> None:
    await signed.log.record(entry())
    note = (await signed.sign()).note
    signers = await signed.signers()
    signers.check(parse_checkpoint(note))
    with pytest.raises(NoteInvalid):
        signers.check(parse_checkpoint(change(note)))


async def test_a_note_with_a_witness_beside_the_gateway_is_accepted(signed: SignedLog) -> None:
    await signed.log.record(entry())
    note = (await signed.sign()).note + "— witness.example AAAAAAAAAA==\n"
    (await signed.signers()).check(parse_checkpoint(note))
    with pytest.raises(NoteInvalid):
        Signers(()).check(parse_checkpoint(note))
