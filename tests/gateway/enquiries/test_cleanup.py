"""The cleanup: several workers run it at the same time, and it deletes expired keys even if one step fails."""

import asyncio

import sqlalchemy as sa

from gateway.audit.model import Kind
from gateway.audit.store import audit_entries
from gateway.cleanup import PATIENCE, clean_up, cleaning_up
from gateway.enquiries.store import verifications
from tests.kit.audit import entry
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene


async def test_concurrent_cleanups_delete_every_key_exactly_once(
    scene: Scene, portal: Portal, clock: HandClock
) -> None:
    for number in range(20):
        assert (await portal.verify(dossier=f"HN-{number}")).status_code in {200, 201}
    clock.advance(1801)
    deleted = await asyncio.gather(*(clean_up(scene.gateway.deps) for _ in range(8)))
    assert sum(deleted) == 20
    async with scene.gateway.deps.database.read() as connection:
        left = sa.select(sa.func.count()).where(verifications.c.wrapped_key.is_not(None))
        assert (await connection.execute(left)).scalar_one() == 0


async def damage_an_old_question(scene: Scene) -> None:
    """Leave an unanswered question in the audit that can't be read."""
    await scene.gateway.deps.audit.record(entry(kind=Kind.INTENDED, request_code="GW-1"))
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(sa.update(audit_entries).values(body="not an entry"))


async def count_keys(scene: Scene) -> int:
    query = sa.select(sa.func.count()).where(verifications.c.wrapped_key.is_not(None))
    async with scene.gateway.deps.database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def wait_until_no_key_is_left(scene: Scene) -> None:
    async with asyncio.timeout(20):
        while await count_keys(scene):  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.02)


async def test_each_cleanup_deletes_keys_though_it_fails_on_the_audit(scene: Scene, portal: Portal) -> None:
    await damage_an_old_question(scene)
    async with cleaning_up(scene.gateway.deps, every=0.02):
        for dossier in ("HN-1", "HN-2"):
            await portal.log_in()
            await portal.receipt(dossier=dossier)
            assert await count_keys(scene) == 1
            scene.clock.advance(max(1801, PATIENCE.total_seconds() + 1))
            await wait_until_no_key_is_left(scene)
            await asyncio.sleep(
                0.1
            )  # the cleanup that deleted the key continues with the audit and fails there
