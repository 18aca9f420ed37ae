"""Evidence over HTTP: anyone follows the log by checkpoint, keys and tiles; accounts get proofs of single rows."""

import base64
import json

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.checkpoints import Checkpoint, Signers, key_line, parse_checkpoint, prove_row
from gateway.audit.store import audit_rows
from gateway.audit.tree import Frontier, verify_inclusion
from gateway.errors.operators import AuditBroken
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import CHECKPOINT_OVERLAP, LEAD, rotate_audit_key
from mock_c06.app import MockRegistry
from tests.kit.audit import entry, verify_consistency
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, open_scene, settings_for

OPEN = "/.well-known/audit"
PROOFS = "/audit/proofs"


async def checkpoint(scene: Scene) -> Checkpoint:
    """Sign every row until now, and return what anyone reads."""
    assert await scene.gateway.sequencer.run()
    answer = await scene.http.get(f"{OPEN}/checkpoint")
    assert answer.status_code == 200
    return parse_checkpoint(answer.text)


async def tile(scene: Scene, path: str) -> list[bytes]:
    answer = await scene.http.get(f"{OPEN}/tile/{path}")
    assert answer.status_code == 200, path
    return [answer.content[at : at + 32] for at in range(0, len(answer.content), 32)]


async def fill(scene: Scene, rows: int) -> None:
    await scene.gateway.deps.audit.record(*(entry() for _ in range(rows)))


async def fill_up(scene: Scene, rows: int) -> None:
    """Add entries until the log has this number of rows."""
    await fill(scene, rows - len(await scene.audit()))


async def test_a_log_without_rows_has_no_checkpoint_and_no_keys(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        for name in ("checkpoint", "key", "tile/0/000.p/1"):
            assert (await scene.http.get(f"{OPEN}/{name}")).status_code == 404


async def test_a_monitor_computes_the_signed_root_from_the_tiles(scene: Scene) -> None:
    await fill_up(scene, 600)
    found = await checkpoint(scene)
    assert found.size == 600
    leaves = [
        *await tile(scene, "0/000"),
        *await tile(scene, "0/001"),
        *await tile(scene, "0/002.p/88"),
    ]
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (600, found.root)
    assert await tile(scene, "1/000.p/2") == [root for level, _, root in tree.completed if level == 1]


NO_TILES = (
    "0/001", "0/000.p/0", "0/000.p/256", "0/000.p/11", "0/0", "00/000.p/1", "7/000.p/1", "0/x000/000.p/1", "-1/000",
    "0/001.p/1", "1/000.p/1", "entries/000.p/1", "0/999/999", "0/x001/000", "0/000.p/01", "", "0", "0/000/", "0/000",
)  # fmt: skip


async def test_a_tile_that_is_not_there_is_not_found(scene: Scene) -> None:
    await fill_up(scene, 10)
    assert (await checkpoint(scene)).size == 10
    assert len(await tile(scene, "0/000.p/10")) == 10
    for path in NO_TILES:
        assert (await scene.http.get(f"{OPEN}/tile/{path}")).status_code == 404, path


async def test_the_published_keys_check_every_checkpoint_through_a_rotation(scene: Scene) -> None:
    await fill(scene, 1)
    first = await checkpoint(scene)
    made = await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    keys = (await scene.http.get(f"{OPEN}/key")).text.splitlines()
    assert len(keys) == 2
    assert keys[0] == key_line(first.origin, made.key)
    note = first.note
    for seconds, signatures in ((0, 1), (LEAD.total_seconds(), 2), (CHECKPOINT_OVERLAP.total_seconds(), 1)):
        scene.clock.advance(seconds)
        await fill(scene, 1)
        note = (await checkpoint(scene)).note
        assert note.count("\n— ") == signatures
    async with scene.gateway.deps.database.read() as connection:
        found = (await scene.gateway.vault.read_checkpoint_keys(connection)).keys
    assert {key.purpose for key in found} == {Purpose.CHECKPOINT}
    for one in (first, parse_checkpoint(note)):
        Signers(found).check(one)
    assert f"checkpoint_key_rotated:{made.key.kid}" in [row.get("outcome") for row in await scene.audit()]


async def test_each_row_is_proved_under_the_last_checkpoint_and_an_earlier_one(scene: Scene) -> None:
    portal = await scene.portal(scopes=["audit.read"])
    await fill(scene, 300)
    earlier = await checkpoint(scene)
    await fill(scene, 300)
    last = await checkpoint(scene)
    async with scene.gateway.deps.database.read() as connection:
        leaves = list(await connection.scalars(sa.select(audit_rows.c.leaf).order_by(audit_rows.c.row)))
    for row, size, root in (
        (1, last.size, last.root),
        (299, last.size, last.root),
        (257, earlier.size, earlier.root),
    ):
        asked = f"{PROOFS}/inclusion?row={row}" + ("" if size == last.size else f"&tree_size={size}")
        found = (await portal.call("GET", asked)).json()
        assert (found["row"], found["leaf_index"], found["tree_size"]) == (row, row - 1, size)
        leaf = base64.b64decode(found["leaf_hash"])
        assert leaf.hex() == leaves[row - 1]
        verify_inclusion(leaf, row - 1, size, [base64.b64decode(each) for each in found["hashes"]], root)
    found = (await portal.call("GET", f"{PROOFS}/consistency?from={earlier.size}&to={last.size}")).json()
    assert (found["from"], found["to"]) == (earlier.size, last.size)
    path = [base64.b64decode(each) for each in found["hashes"]]
    verify_consistency(earlier.size, last.size, path, earlier.root, last.root)
    latest = (await portal.call("GET", "/audit/checkpoints/latest")).json()
    assert parse_checkpoint(latest["note"]) == last
    assert (latest["size"], base64.b64decode(latest["root"])) == (last.size, last.root)


@pytest.mark.parametrize(
    "asked",
    [
        "inclusion?row=0", "inclusion?row=9999", "inclusion?row=-1", "inclusion?row=x", "inclusion", "inclusion?row=1&row=1",
        "inclusion?row=2&tree_size=1", "inclusion?row=1&tree_size=9999", "inclusion?row=1&more=1",
        "consistency?from=0&to=1", "consistency?from=2&to=1", "consistency?from=1&to=9999", "consistency?from=1",
        "consistency?from=1&to=99999999999999999999",
    ],
)  # fmt: skip
async def test_an_impossible_row_or_tree_is_invalid_by_name(scene: Scene, asked: str) -> None:
    portal = await scene.portal(scopes=["audit.read"])
    await fill(scene, 3)
    await checkpoint(scene)
    answer = await portal.call("GET", f"{PROOFS}/{asked}")
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    (error,) = answer.json()["errors"]
    assert error["field"]
    assert error["detail_vi"] != answer.json()["title_vi"]
    assert "expected" not in error["detail_vi"]


async def test_a_proof_is_refused_without_its_own_scope(scene: Scene) -> None:
    portal = await scene.portal()
    for path in (
        "/audit/checkpoints/latest",
        f"{PROOFS}/inclusion?row=1",
        f"{PROOFS}/consistency?from=1&to=1",
    ):
        answer = await portal.call("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_nothing_that_is_open_has_more_than_hashes(scene: Scene, portal: Portal) -> None:
    await portal.receipt()
    found = await checkpoint(scene)
    texts = [found.note, (await scene.http.get(f"{OPEN}/key")).text]
    rows = json.dumps(await scene.audit())
    words = {word.strip('",:[]{}') for word in rows.split()}
    assert not [word for word in words if len(word) > 6 and any(word in text for text in texts)]


CHANGED_TREES = {
    "UPDATE audit_checkpoints SET size = 9": "the last checkpoint was changed: gateway audit verify names it",
    "UPDATE audit_checkpoints SET size = 2": "the last checkpoint was changed: gateway audit verify names it",
    "UPDATE audit_checkpoints SET note = 'x'": "the last checkpoint was changed: gateway audit verify names it",
    "DELETE FROM audit_rows WHERE row = 4": "the stored tree differs from the signed one: gateway audit verify names the bad row",
    "UPDATE audit_rows SET leaf = 'x' WHERE row = 4": "the stored tree differs from the signed one: gateway audit verify names the bad row",
}


@pytest.mark.parametrize("change", CHANGED_TREES)
async def test_threat_38_no_proof_comes_from_a_changed_tree_and_the_log_says_why(
    scene: Scene, change: str
) -> None:
    portal = await scene.portal(scopes=["audit.read", "verify"])
    receipt = await portal.verify()
    await fill_up(scene, 5)
    assert (await checkpoint(scene)).size >= 5
    former = "DELETE FROM audit_checkpoints WHERE size < (SELECT max(size) FROM audit_checkpoints)"
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(sa.text(former))  # there is one for each minute, and `change` is for one row
        await connection.execute(sa.text(change))
    with capture_logs() as logs:
        answers = [
            await portal.call("GET", f"{PROOFS}/inclusion?row=4"),
            await portal.call("GET", f"{PROOFS}/consistency?from=1&to=5"),
            await portal.call("GET", f"/receipts/{receipt.json()['id']}/proof"),
            await portal.call("GET", "/audit/checkpoints/latest"),
            *[await scene.http.get(f"{OPEN}/{name}") for name in ("checkpoint", "key", "tile/0/000.p/5")],
        ]
    found = {(each.status_code, each.json()["code"]) for each in answers if each.status_code != 200}
    assert found <= {(503, "store_unavailable"), (422, "request_invalid")}
    assert answers[0].status_code == 503
    reasons = [each["reason"] for each in logs if each["event"] == "stored_row_refused"]
    assert reasons == [CHANGED_TREES[change]]
    with pytest.raises(AuditBroken, match=CHANGED_TREES[change]):
        await prove_row(scene.gateway.deps.database, 4)
