"""A witness beside a real gateway: it cosigns a log that only grows, and stops for ever at one that forked or shrank."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoints import sign_checkpoint
from gateway.audit.sequencer import Sequencer
from gateway.audit.store import (
    audit_checkpoints,
    audit_entries,
    audit_promises,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import CHECKPOINT_OVERLAP, rotate_audit_key
from tests.gateway.audit.test_proofs import fill, fill_up
from tests.kit.scene import BASE, Scene
from tests.witness.test_notes import log_key, signed_note
from witness.errors import StartRefused
from witness.follower import State, Witness
from witness.log_client import LogClient
from witness.notes import Cosigner, find_signed, parse_checkpoint, parse_keys
from witness.record import RecordFile
from witness.tree import Edge, perfect_root

KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
Answer = Callable[[httpx.Request], httpx.Response | None]


class Watched(httpx.AsyncBaseTransport):
    """The way to the log. `instead` may give another answer than the log's; `paths` are what was asked."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.instead: Answer = lambda _request: None
        self.paths: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path.removeprefix("/.well-known/audit/"))
        return self.instead(request) or await self._inner.handle_async_request(request)


class Stand:
    """A witness of the scene's log, which can be started again with the same files."""

    def __init__(self, scene: Scene, file: Path, **more: Any) -> None:
        self.scene, self.file, self.more = scene, file, more
        self.way = Watched(httpx.ASGITransport(scene.app))
        self.witness = self.start()

    def start(self, **more: Any) -> Witness:
        client = LogClient(httpx.AsyncClient(transport=self.way), f"{BASE}/")
        self.witness = Witness(
            client, Cosigner("witness.example", KEY), RecordFile(self.file),
            now=lambda: int(self.scene.clock.now().timestamp()), **self.more | more,
        )  # fmt: skip
        return self.witness

    async def check(self, rows: int | None = None) -> State:
        """Let the log have a number of rows, and check it once."""
        if rows is not None:
            await fill_up(self.scene, rows)
        assert await self.new_sequencer().run()
        await self.witness.check()
        return self.witness.state

    def new_sequencer(self) -> Sequencer:
        """Return the sequencer of a process that has signed nothing yet, and so notices no rewritten log."""
        gateway = self.scene.gateway
        return Sequencer(gateway.deps.database, gateway.vault, self.scene.clock, base=gateway.deps.base)

    async def published(self) -> str:
        return (await self.scene.http.get("/.well-known/audit/checkpoint")).text


@pytest.fixture
def stand(scene: Scene, tmp_path: Path) -> Stand:
    return Stand(scene, tmp_path / "witness.key.record")


async def wipe(scene: Scene) -> None:
    """Delete the whole log, as its operator could."""
    tables = (audit_entries, audit_rows, audit_waiting, audit_checkpoints, audit_subtrees, audit_promises)
    async with scene.gateway.deps.database.write() as transaction:
        for table in tables:
            await transaction.execute(
                sa.delete(table).execution_options(unrecorded="the operator rewrites the log")
            )


async def test_a_log_that_grows_is_cosigned_at_each_size(scene: Scene, stand: Stand) -> None:
    for rows in (3, 4, 256, 257, 700):
        assert await stand.check(rows) is State.FOLLOWING
        cosigned = parse_checkpoint(stand.witness.record.note)
        published = parse_checkpoint(await stand.published())
        assert (cosigned.size, cosigned.root, cosigned.text) == (rows, published.root, published.text)
        log = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
        signers = find_signed(cosigned, [*log, stand.witness.key])
        assert [each.key for each in signers] == [*log, stand.witness.key]
        assert signers[-1].time is not None
        assert 0 <= scene.clock.now().timestamp() - signers[-1].time < 60


async def test_a_check_reads_few_tiles_however_far_the_log_has_grown(stand: Stand) -> None:
    await stand.check(5)
    stand.way.paths.clear()
    await stand.check(600)
    assert len([path for path in stand.way.paths if path.startswith("tile/")]) <= 20


async def test_a_log_that_rests_is_cosigned_anew_with_the_present_time(scene: Scene, stand: Stand) -> None:
    await stand.check(3)
    first = stand.witness.record.note
    scene.clock.advance(60)
    await stand.check()
    assert stand.witness.record.note != first
    assert parse_checkpoint(stand.witness.record.note).text == parse_checkpoint(first).text


async def test_a_witness_that_restarts_continues_where_it_was(stand: Stand) -> None:
    await stand.check(300)
    assert stand.start().record.edge.size == 300
    assert await stand.check(301) is State.FOLLOWING


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (300, "two different trees of 300 rows"),
        (301, "the tree of 301 rows does not contain the cosigned one of 300"),
        (900, "the tree of 900 rows does not contain the cosigned one of 300"),
    ],
)
async def test_a_log_that_was_rewritten_is_a_fork_and_never_cosigned_again(
    scene: Scene, stand: Stand, rows: int, reason: str
) -> None:
    await stand.check(300)
    before = stand.witness.record.note
    await wipe(scene)

    assert await stand.check(rows) is State.FORKED

    assert (stand.witness.reason, stand.witness.record.note) == (reason, before)
    shown = await stand.published()
    await stand.start().check()
    fork = stand.witness.record.fork
    assert (stand.witness.state, stand.witness.record.note) == (State.FORKED, before)
    assert fork is not None
    assert (fork.reason, fork.cosigned, fork.shown) == (reason, before, shown)


async def test_a_log_that_lost_rows_is_an_alarm_and_other_rows_in_their_place_are_a_fork(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(300)
    before = stand.witness.record.note
    await wipe(scene)
    assert await stand.check(299) is State.SHRUNK
    assert stand.witness.reason == "the log had 300 rows and now shows 299"
    assert stand.witness.record.note == before
    assert await stand.check(301) is State.FORKED
    assert stand.witness.record.note == before


async def test_an_older_checkpoint_that_is_replayed_stops_no_witness_for_ever(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    older = await stand.published()
    await stand.check(5)
    stand.way.instead = lambda request: (
        httpx.Response(200, text=older) if request.url.path.endswith("checkpoint") else None
    )
    assert await stand.check() is State.SHRUNK
    stand.way.instead = lambda _request: None
    assert await stand.check(6) is State.FOLLOWING


async def test_nothing_is_asked_of_a_log_after_its_fork(scene: Scene, stand: Stand) -> None:
    await stand.check(3)
    await wipe(scene)
    await stand.check(4)
    stand.way.paths.clear()
    await stand.witness.follow(0)
    assert (stand.way.paths, stand.witness.checks[State.FORKED]) == ([], 1)


async def test_a_rewritten_log_with_a_new_key_is_refused_and_the_old_log_followed_again(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    note = stand.witness.record.note
    forged = signed_note(f"{parse_checkpoint(note).origin}\n9\n{'A' * 43}=\n")
    stand.way.instead = lambda request: (
        httpx.Response(200, text=forged) if request.url.path.endswith("checkpoint") else None
    )
    assert await stand.check() is State.REFUSED
    assert "is not signed by its known key" in stand.witness.reason
    assert stand.witness.record.note == note
    stand.way.instead = lambda _request: None
    assert await stand.check(4) is State.FOLLOWING


async def test_a_rotated_key_is_learned_while_both_sign_and_alone_afterwards(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    for seconds, keys in ((0, 1), (200, 2), (int(CHECKPOINT_OVERLAP.total_seconds()) + 400, 1)):
        scene.clock.advance(seconds)
        await fill(scene, 1)
        assert await stand.check() is State.FOLLOWING, stand.witness.reason
        assert len(stand.witness.record.keys) == keys


@pytest.mark.parametrize("first_contact", ["before the rotation", "while both sign"])
async def test_a_former_key_counts_no_more_once_a_later_one_has_signed_alone(
    scene: Scene, stand: Stand, first_contact: str
) -> None:
    """Whoever stole it could otherwise show the witness rows that the log never had."""
    async with scene.gateway.deps.database.read() as transaction:
        stolen = await scene.gateway.vault.read_audit_keys(transaction, Purpose.CHECKPOINT)
    former = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
    if first_contact == "before the rotation":
        await stand.check(3)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    for seconds in (200, CHECKPOINT_OVERLAP.total_seconds() + 400):
        scene.clock.advance(seconds)
        await fill(scene, 1)
        assert await stand.check() is State.FOLLOWING
    note = stand.witness.record.note

    stand.start(keys=former)  # they are in the operator's file still
    shown = parse_checkpoint(note)
    forged = sign_checkpoint(origin=shown.origin, size=shown.size, root=shown.root, keys=stolen.keys).note
    stand.way.instead = lambda request: (
        httpx.Response(200, text=forged) if request.url.path.endswith("checkpoint") else None
    )
    assert await stand.check() is State.REFUSED
    assert "is not signed by its known key" in stand.witness.reason
    assert stand.witness.record.note == note
    stand.way.instead = lambda _request: None
    assert await stand.check() is State.FOLLOWING


async def test_a_rotation_that_was_missed_is_refused_until_the_new_key_is_given(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    scene.clock.advance(CHECKPOINT_OVERLAP.total_seconds() + 600)
    await fill(scene, 1)
    assert await stand.check() is State.REFUSED
    given = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
    stand.start(keys=given)
    assert await stand.check() is State.FOLLOWING


async def test_a_given_key_of_another_log_is_not_replaced_by_what_the_log_shows(
    scene: Scene, stand: Stand
) -> None:
    origin = scene.gateway.deps.base.partition("://")[2] + "/audit"
    stand.start(keys=[log_key(origin)])
    assert await stand.check(3) is State.REFUSED


def damaged(times: int) -> Answer:
    """Damage the first answers that are tiles."""
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response | None:
        if "/tile/" not in request.url.path or not left[0]:
            return None
        left[0] -= 1
        width = int(request.url.path.rpartition("/")[2]) if ".p/" in request.url.path else 256
        return httpx.Response(200, content=b"x" * 32 * width)

    return answer


async def test_one_damaged_tile_is_read_again_and_is_no_fork(stand: Stand) -> None:
    await stand.check(3)
    stand.way.instead = damaged(1)
    assert await stand.check(4) is State.FOLLOWING


async def test_tiles_that_never_fit_are_refused_and_accuse_nobody_of_a_fork(stand: Stand) -> None:
    """Tiles are not signed: whoever is on the way, or a cache, can damage them for long."""
    for rows in (3, 4, 300):
        stand.way.instead = damaged(1000)
        assert await stand.check(rows) is State.REFUSED
        assert stand.witness.record.fork is None
        stand.way.instead = lambda _request: None
        assert await stand.check() is State.FOLLOWING


async def test_an_unforeseen_error_is_seen_in_the_state_and_the_next_check_follows(stand: Stand) -> None:
    await stand.check(3)

    def surprise(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(request.url.path)

    async def wait_for(reason: str) -> None:
        while stand.witness.reason != reason:  # noqa: ASYNC110 - the witness has a state, no event
            await asyncio.sleep(0)

    stand.way.instead = surprise
    following = asyncio.create_task(stand.witness.follow(0))
    await wait_for("unforeseen RuntimeError")
    stand.way.instead = lambda _request: None
    await wait_for("")
    following.cancel()


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no such host", request=request)


async def endless() -> Any:
    while True:
        yield b"x" * 65_536


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("checkpoint", lambda _: httpx.Response(404), "checkpoint: not found"),
        ("checkpoint", lambda _: httpx.Response(503), "checkpoint: status 503"),
        ("checkpoint", lambda _: httpx.Response(301, headers={"location": "http://elsewhere/"}), "status 301"),
        ("checkpoint", broken, "checkpoint: ConnectError"),
        ("checkpoint", lambda _: httpx.Response(200, content=b"\xff"), "checkpoint: not UTF-8"),
        ("checkpoint", lambda _: httpx.Response(200, content=endless()), "checkpoint: over 65536 bytes"),
        ("tile", lambda _: httpx.Response(200, content=b"x" * 33), "no tile of 4 hashes"),
        ("tile", lambda _: httpx.Response(404), "no tile of 4 hashes"),
    ],
)  # fmt: skip
async def test_a_log_that_cannot_be_read_is_unreachable_and_nothing_is_lost(
    stand: Stand, path: str, answer: Answer, reason: str
) -> None:
    await stand.check(3)
    stand.way.instead = lambda request: answer(request) if path in request.url.path else None
    assert await stand.check(4) is State.UNREACHABLE
    assert reason in stand.witness.reason
    stand.way.instead = lambda _request: None
    assert await stand.check() is State.FOLLOWING


async def test_a_log_that_trickles_its_tiles_is_unreachable_and_not_followed(stand: Stand) -> None:
    async def trickle() -> Any:
        while True:
            await asyncio.sleep(0.01)
            yield b""

    await stand.check(3)
    stand.way.instead = lambda request: (
        httpx.Response(200, content=trickle()) if "tile" in request.url.path else None
    )
    stand.witness = stand.start(limit=0.2)
    assert await stand.check(4) is State.UNREACHABLE
    assert stand.witness.reason == "its answers took over 0.2 s together"


async def test_a_checkpoint_that_is_no_note_is_refused(stand: Stand) -> None:
    stand.way.instead = lambda _request: httpx.Response(200, text="<html>")
    assert await stand.check(3) is State.REFUSED


async def test_a_record_that_cannot_be_written_shows_no_cosignature(scene: Scene, stand: Stand) -> None:
    stand.file = stand.file.parent / "gone" / "record"
    stand.start()
    assert await stand.check(3) is State.UNREACHABLE
    assert stand.witness.record.note == ""


@pytest.mark.parametrize("damage", ["", "{}", "[]", "[" * 100_000, '{"fork": null, "size": 3}', "\x00"])
def test_a_damaged_record_stops_the_start(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "record"
    file.write_text(damage, encoding="utf-8")
    with pytest.raises(StartRefused, match="not a witness's record"):
        RecordFile(file).read()


async def test_a_record_with_an_edge_of_another_size_stops_the_start(stand: Stand) -> None:
    await stand.check(3)
    members = json.loads(stand.file.read_text(encoding="utf-8"))
    stand.file.write_text(json.dumps(members | {"size": 4}), encoding="utf-8")
    with pytest.raises(StartRefused):
        stand.start()


def test_two_witnesses_never_share_a_record(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "record")
    with file.locked(), pytest.raises(StartRefused, match="another witness uses it"), file.locked():
        pass


async def test_a_larger_tree_reads_its_upper_tiles(tmp_path: Path) -> None:
    """A log of 70,000 leaves, from the specification's own example of which tiles there are."""
    leaves = [number.to_bytes(32, "big") for number in range(70_000)]
    roots = [perfect_root(leaves[at : at + 256]) for at in range(0, 69_888, 256)]
    top = [perfect_root(roots[:256])]
    tiles = {"0/000": leaves[:256], "0/273.p/112": leaves[69_888:]}
    tiles |= {"1/000": roots[:256], "1/001.p/17": roots[256:], "2/000.p/1": top}

    def serve(request: httpx.Request) -> httpx.Response:
        found = tiles.get(request.url.path.partition("/tile/")[2])
        return httpx.Response(404) if found is None else httpx.Response(200, content=b"".join(found))

    client = LogClient(httpx.AsyncClient(transport=httpx.MockTransport(serve)), "http://log.test")
    edge = Edge()
    for size in (256, 70_000):
        fetched = [await client.fetch_subtree(*each, size=size) for each in edge.subtrees_to(size)]
        edge = edge.grown(size, fetched)
    whole = Edge().grown(
        70_000, [perfect_root(leaves[i << h : (i + 1) << h]) for h, i in Edge().subtrees_to(70_000)]
    )
    assert edge.root() == whole.root()
