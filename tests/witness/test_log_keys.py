"""Which keys of a log a witness accepts: those of the first contact or given, and what a rotation adds and retires."""

import pytest

from gateway.audit.checkpoints import sign_checkpoint
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import CHECKPOINT_OVERLAP, rotate_audit_key
from tests.gateway.audit.test_proofs import fill
from tests.kit.scene import Scene
from tests.witness.stand import Stand, change_nothing
from tests.witness.test_notes import log_key, signed_note
from witness.follower import State
from witness.notes import parse_checkpoint, parse_keys


async def test_a_rewritten_log_with_a_new_key_is_refused_and_the_old_log_followed_again(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    note = stand.witness.record.note
    forged = signed_note(f"{parse_checkpoint(note).origin}\n9\n{'A' * 43}=\n")
    stand.way.show(forged)
    assert await stand.check() is State.REFUSED
    assert "is not signed by its known key" in stand.witness.reason
    assert stand.witness.record.note == note
    stand.way.instead = change_nothing
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
    stand.way.show(forged)
    assert await stand.check() is State.REFUSED
    assert "is not signed by its known key" in stand.witness.reason
    assert stand.witness.record.note == note
    stand.way.instead = change_nothing
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
