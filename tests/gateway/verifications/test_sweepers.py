"""Every worker sweeps, so several do at the same time."""

import asyncio

import sqlalchemy as sa

from gateway.sweeping import sweep
from gateway.verifications.store import verifications
from tests.gateway.scene import HandClock, Portal, Scene


async def test_sweepers_at_the_same_time_delete_every_key_once(
    scene: Scene, portal: Portal, clock: HandClock
) -> None:
    for number in range(20):
        assert (await portal.verify(dossier=f"HN-{number}")).status_code in {200, 201}
    clock.advance(1801)
    deleted = await asyncio.gather(*(sweep(scene.gateway.parts) for _ in range(8)))
    assert sum(deleted) == 20
    async with scene.gateway.parts.database.read() as connection:
        left = sa.select(sa.func.count()).where(verifications.c.wrapped_key.is_not(None))
        assert (await connection.execute(left)).scalar_one() == 0
