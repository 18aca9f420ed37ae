"""A witness beside a real gateway: it cosigns a log that only grows, and stops for ever at one that forked or shrank."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.scene import Scene
from tests.witness.stand import Answer, Stand, change_nothing, wipe
from witness.errors import StartRefused
from witness.follower import State
from witness.log_client import LogClient
from witness.notes import find_signed, parse_checkpoint, parse_keys
from witness.record import RecordFile
from witness.tree import Edge, perfect_root


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


async def test_a_fork_that_the_disk_does_not_take_is_an_alarm_at_once_and_is_written_when_it_does(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    """It was the state `unreachable`, without an alarm, and a log that then showed its former tree was followed again."""
    folder = tmp_path / "own"
    folder.mkdir()
    stand.file = folder / "record"
    stand.start()
    await stand.check(300)
    away = folder.rename(tmp_path / "away")
    await wipe(scene)

    assert await stand.check(301) is State.FORKED

    assert stand.witness.reason == "the tree of 301 rows does not contain the cosigned one of 300"
    shown = await stand.published()
    away.rename(folder)
    await stand.witness.check()
    assert stand.start().state is State.FORKED
    fork = stand.witness.record.fork
    assert fork is not None
    assert fork.shown == shown


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
    stand.way.show(checkpoint=older)
    assert await stand.check() is State.SHRUNK
    stand.way.instead = change_nothing
    assert await stand.check(6) is State.FOLLOWING


async def test_nothing_is_asked_of_a_log_after_its_fork(scene: Scene, stand: Stand) -> None:
    await stand.check(3)
    await wipe(scene)
    await stand.check(4)
    stand.way.paths.clear()
    await stand.witness.follow(0)
    assert (stand.way.paths, stand.witness.checks[State.FORKED]) == ([], 1)


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
        stand.way.instead = change_nothing
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
    stand.way.instead = change_nothing
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
    stand.way.instead = change_nothing
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
