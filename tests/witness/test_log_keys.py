"""Which keys of a log a witness accepts: those of the first contact or given, and what a rotation adds and retires."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoints import sign_checkpoint
from gateway.keys.model import AuditKeys, Purpose
from gateway.profiles.key_rotation import CHECKPOINT_OVERLAP, rotate_audit_key
from tests.gateway.audit.test_proofs import fill
from tests.kit.scene import Scene
from tests.witness.stand import Stand, change_nothing
from tests.witness.test_notes import checkpoint_text, log_key, signed_note
from witness.follower import State
from witness.notes import parse_checkpoint, parse_keys


async def read_signing_keys(scene: Scene) -> AuditKeys:
    """Return the keys with which the log signs, as whoever steals them has them."""
    async with scene.gateway.deps.database.read() as transaction:
        return await scene.gateway.vault.read_audit_keys(transaction, Purpose.CHECKPOINT)


async def require_refusal(stand: Stand, stolen: AuditKeys) -> None:
    """Show the witness its own tree, signed by stolen keys alone: it refuses that, and follows the log afterwards."""
    note = stand.witness.record.note
    shown = parse_checkpoint(note)
    forged = sign_checkpoint(origin=shown.origin, size=shown.size, root=shown.root, keys=stolen.keys).note
    stand.way.show(checkpoint=forged)
    assert await stand.check() is State.REFUSED
    assert "is not signed by its known key" in stand.witness.reason
    assert stand.witness.record.note == note
    stand.way.instead = change_nothing
    assert await stand.check() is State.FOLLOWING


async def sign_one_more(scene: Scene, stand: Stand, *, after: float = 0) -> None:
    """Let the log grow by a row and sign it, so many seconds later."""
    scene.clock.advance(after)
    await fill(scene, 1)
    assert await stand.new_sequencer().run()


async def test_a_rewritten_log_with_a_new_key_is_refused_and_the_old_log_followed_again(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    note = stand.witness.record.note
    forged = signed_note(f"{parse_checkpoint(note).origin}\n9\n{'A' * 43}=\n")
    stand.way.show(checkpoint=forged)
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
    stolen = await read_signing_keys(scene)
    former = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
    if first_contact == "before the rotation":
        await stand.check(3)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    for seconds in (200, CHECKPOINT_OVERLAP.total_seconds() + 400):
        scene.clock.advance(seconds)
        await fill(scene, 1)
        assert await stand.check() is State.FOLLOWING

    stand.start(keys=former)  # they are in the operator's file still
    await require_refusal(stand, stolen)


@pytest.mark.parametrize("given_at", ["the first contact", "a later start"])
async def test_a_former_key_that_is_given_beside_the_present_one_counts_no_more(
    scene: Scene, stand: Stand, given_at: str
) -> None:
    """The log's page of keys, which an operator gives, has the retired ones too; the newest is first."""
    stolen = await read_signing_keys(scene)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    await sign_one_more(scene, stand, after=CHECKPOINT_OVERLAP.total_seconds() + 600)
    given = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
    assert len(given) == 2
    if given_at == "a later start":
        assert await stand.check() is State.FOLLOWING
    stand.start(keys=given)
    assert await stand.check() is State.FOLLOWING
    await require_refusal(stand, stolen)


async def test_signatures_in_another_order_retire_no_key_that_is_still_to_come(
    scene: Scene, stand: Stand
) -> None:
    """Who is on the way shows the signatures reversed at the first contact, and then the former key's alone."""
    await sign_one_more(scene, stand)
    given = parse_keys((await scene.http.get("/.well-known/audit/key")).text)
    await rotate_audit_key(scene.gateway, Purpose.CHECKPOINT)
    await sign_one_more(scene, stand, after=200)
    text, _, lines = (await stand.published()).rpartition("\n\n")
    new, former = lines.splitlines()
    stand.start(keys=given)
    for shown in (f"{former}\n{new}", former):
        stand.way.show(checkpoint=f"{text}\n\n{shown}\n")
        assert await stand.check() is State.FOLLOWING
    stand.way.instead = change_nothing
    scene.clock.advance(CHECKPOINT_OVERLAP.total_seconds() + 400)
    await fill(scene, 1)
    assert await stand.check() is State.FOLLOWING


async def test_a_strangers_signature_beside_the_logs_own_makes_no_key_of_the_log(
    scene: Scene, stand: Stand
) -> None:
    """Over plain HTTP somebody on the way adds a signature to the note, and its key to the page of keys."""
    stand.start(scheme="http")
    await stand.check(3)
    note, keys = await stand.published(), (await scene.http.get("/.well-known/audit/key")).text
    shown = parse_checkpoint(note)
    theirs = log_key(shown.origin)
    alone = signed_note(shown.text, theirs)
    for text, state in (
        (note + alone.rpartition("\n\n")[2], State.FOLLOWING),
        (alone, State.REFUSED),
        (note, State.FOLLOWING),
    ):
        stand.way.show(checkpoint=text, key=f"{keys}{theirs}\n")
        assert await stand.check() is state
        assert theirs not in stand.witness.record.keys


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


async def test_a_log_that_changes_its_keys_without_end_is_refused_and_the_witness_can_start_again(
    stand: Stand,
) -> None:
    text = checkpoint_text(root=b"r" * 32).replace("log.example", origin := "o" * 255)
    last = Ed25519PrivateKey.generate()
    for _ in range(20):
        privates = [last, *(Ed25519PrivateKey.generate() for _ in range(160))]
        keys = [log_key(origin, each) for each in privates]
        lines = [
            signed_note(text, key, each).rpartition("\n\n")[2]
            for key, each in zip(keys, privates, strict=True)
        ]
        page = "".join(f"{key}\n" for key in keys)
        stand.way.show(checkpoint=f"{text}\n{''.join(lines)}", key=page, **{"1": "r" * 32})
        await stand.witness.check()
        if stand.witness.state is not State.FOLLOWING:
            break
        last = privates[-1]
    assert stand.witness.reason == f"{origin} has had over 256 keys"
    note = stand.witness.record.note
    assert stand.start().record.note == note
