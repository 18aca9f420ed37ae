"""Rotating a key: a coming serial, its row in the same commit, and every worker told; whatever else happens at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gateway.app import open_gateway
from gateway.audit.verify import verify_audit
from gateway.deployment import read_epoch
from gateway.errors.requests import Overloaded
from gateway.identifiers import Profile
from gateway.keys.model import AT_ONCE, SCHEDULED, Key, KeyState, Purpose
from gateway.profiles.key_rotation import LEAD, rotate_keys
from gateway.profiles.model import Gateway
from gateway.profiles.places import refresh
from tests.kit.clocks import HandClock
from tests.kit.keys import A_MOMENT, rotate
from tests.kit.scene import Scene


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[Gateway]:
    async with open_gateway(scene.settings, clock=scene.clock) as gateway:
        yield gateway


def states(scene: Scene, purpose: Purpose) -> list[KeyState]:
    keys = scene.gateway.places[Profile.SANDBOX].keys
    return [keys.state_of(key, scene.clock.now()) for key in keys.all(purpose)]


async def test_a_rotation_leaves_a_row_with_the_new_key_in_its_commit(scene: Scene) -> None:
    before = await verify_audit(scene.gateway.deps.database)
    made = await rotate_keys(scene.gateway, Purpose.RECEIPT, list(Profile))

    rows = (await scene.audit())[before.rows :]
    assert [(row["kind"], row["profile"], row["outcome"], row["actor"]) for row in rows] == [
        ("local", profile.value, f"receipt_key_rotated:{each.key.kid}", "local")
        for profile, each in zip(Profile, made, strict=True)
    ]
    assert (await verify_audit(scene.gateway.deps.database)).rows == before.rows + 2


async def test_a_leak_is_on_record_beside_the_rotation_it_caused(scene: Scene) -> None:
    leaked = scene.gateway.places[Profile.SANDBOX].keys.serving(Purpose.TOKEN, scene.clock.now()).kid
    made = await rotate(scene, Purpose.TOKEN, leaked=[leaked])

    rows = (await scene.audit())[-2:]
    assert [row["outcome"] for row in rows] == [f"token_key_rotated:{made.kid}", f"token_key_leaked:{leaked}"]
    assert len({row["act"] for row in rows}) == 1


@pytest.mark.parametrize("purpose", SCHEDULED)
async def test_rotations_at_once_from_two_processes_give_distinct_serials(
    scene: Scene, purpose: Purpose
) -> None:
    async with another_worker(scene) as other:
        gateways = [scene.gateway, other] * 3
        made = await asyncio.gather(*(rotate_keys(each, purpose, list(Profile)) for each in gateways))
        await refresh(scene.gateway)

    serials = Counter((each.key.profile, each.key.serial) for rotations in made for each in rotations)
    assert set(serials) == {(profile, serial) for profile in Profile for serial in range(2, 8)}
    assert set(serials.values()) == {1}
    assert len(scene.gateway.places[Profile.SANDBOX].keys.all(purpose)) == 7


async def test_another_worker_takes_the_new_key_up_when_it_looks(scene: Scene) -> None:
    async with another_worker(scene) as other:
        taken = other.places[Profile.SANDBOX]
        assert await refresh(other) is False
        made = await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX])
        assert await refresh(other) is True
        assert await refresh(other) is False

        now = other.places[Profile.SANDBOX]
        assert now.keys.all(Purpose.TOKEN)[0] == made[0].key
        assert (now.client, now.policy, now.issuer) == (taken.client, taken.policy, taken.issuer)
        assert len(taken.keys.all(Purpose.TOKEN)) == 1


async def test_a_key_goes_from_coming_to_serving_to_accepted_to_retired(scene: Scene) -> None:
    await rotate(scene, Purpose.TOKEN)
    assert states(scene, Purpose.TOKEN) == [KeyState.COMING, KeyState.SERVING]
    scene.clock.advance(LEAD.total_seconds() + A_MOMENT)
    assert states(scene, Purpose.TOKEN) == [KeyState.SERVING, KeyState.ACCEPTED]
    scene.clock.advance(400)
    assert states(scene, Purpose.TOKEN) == [KeyState.SERVING, KeyState.RETIRED]


async def test_every_purpose_has_a_serving_key_whatever_the_clock_says(
    scene: Scene, clock: HandClock
) -> None:
    for purpose in SCHEDULED:
        await rotate(scene, purpose)
    keys = scene.gateway.places[Profile.SANDBOX].keys
    for shift in (-10 * 365 * 86400, -3600, 0, 180, 3600, 10 * 365 * 86400):
        now = clock.now() + timedelta(seconds=shift)
        for purpose in SCHEDULED:
            found: list[Key] = [
                key for key in keys.all(purpose) if keys.state_of(key, now) is KeyState.SERVING
            ]
            assert found == [keys.serving(purpose, now)]
            assert keys.accepted(purpose, now)[0] == found[0]


async def test_a_purpose_that_no_command_rotates_is_refused(scene: Scene) -> None:
    for purpose in set(Purpose) - {*SCHEDULED, *AT_ONCE}:
        with pytest.raises(ValueError, match=purpose.value):
            await rotate_keys(scene.gateway, purpose, [Profile.SANDBOX])


async def test_a_rotation_whose_row_can_not_be_kept_changes_nothing(scene: Scene) -> None:
    database, epoch = scene.gateway.deps.database, scene.gateway.places.epoch
    async with database.write() as transaction:
        await transaction.execute(sa.text("ALTER TABLE audit_entries RENAME TO away"))

    with pytest.raises((Overloaded, DBAPIError)):
        await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX])

    async with database.read() as transaction:
        assert await read_epoch(transaction) == epoch
        rings = await scene.gateway.vault.read(transaction)
    assert rings.keys == {profile: place.keys for profile, place in scene.gateway.places.items()}
