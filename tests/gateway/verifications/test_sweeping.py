"""The sweeper goes on, whatever one of its sweeps meets: keys of what has expired are deleted all the same."""

import asyncio

import sqlalchemy as sa

from gateway.audit.model import Kind
from gateway.audit.orphans import PATIENCE
from gateway.audit.store import audit_entries
from gateway.sweeping import sweeping
from gateway.verifications.store import verifications
from tests.gateway.audit.entries import entry
from tests.gateway.scene import Portal, Scene


async def damage_an_old_question(scene: Scene) -> None:
    """Leave an unanswered question in the audit that can't be read any more."""
    await scene.gateway.parts.audit.record(entry(kind=Kind.INTENDED, request_code="GW-1"))
    async with scene.gateway.parts.database.write() as connection:
        await connection.execute(sa.update(audit_entries).values(body="not an entry"))


async def count_keys(scene: Scene) -> int:
    query = sa.select(sa.func.count()).where(verifications.c.wrapped_key.is_not(None))
    async with scene.gateway.parts.database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def wait_until_no_key_is_left(scene: Scene) -> None:
    async with asyncio.timeout(20):
        while await count_keys(scene):  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.02)


async def test_keys_are_deleted_again_and_again_though_each_sweep_fails_on_the_audit(
    scene: Scene, portal: Portal
) -> None:
    await damage_an_old_question(scene)
    async with sweeping(scene.gateway.parts, every=0.02):
        for dossier in ("HN-1", "HN-2"):
            await portal.log_in()
            await portal.receipt(dossier=dossier)
            assert await count_keys(scene) == 1
            scene.clock.advance(max(1801, PATIENCE.total_seconds() + 1))
            await wait_until_no_key_is_left(scene)
            await asyncio.sleep(0.1)  # the sweep that deleted the key goes on to the audit, and fails there
