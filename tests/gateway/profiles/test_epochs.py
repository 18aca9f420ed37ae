"""Epochs: a running worker follows what others change, and logs once why it can't."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.app import open_gateway
from gateway.deployment import advance_epoch, find_base, read_epoch, record_base
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import rotate_keys, rotate_master
from gateway.profiles.model import Gateway
from gateway.profiles.places import POLL_SECONDS, follow_epochs, refresh
from tests.kit.scene import Scene

A_SECOND = 1.0


@asynccontextmanager
async def a_command(scene: Scene) -> AsyncIterator[Gateway]:
    """The gateway of another process on the same store."""
    async with open_gateway(scene.settings, clock=scene.clock) as gateway:
        yield gateway


async def until(condition: Callable[[], bool]) -> float:
    """Return how long it took until a condition was true; at most four seconds."""
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(4):
        while not condition():  # noqa: ASYNC110 - there is no event: another process made the change
            await asyncio.sleep(0.01)
    return asyncio.get_running_loop().time() - started


def test_a_worker_looks_more_than_once_within_a_second() -> None:
    assert POLL_SECONDS * 2 <= A_SECOND


async def test_the_epoch_counts_every_change_by_one(scene: Scene) -> None:
    database = scene.gateway.deps.database
    async with database.write() as transaction:
        before = await read_epoch(transaction)
        await advance_epoch(transaction)
        await advance_epoch(transaction)
    async with database.read() as transaction:
        assert await read_epoch(transaction) == before + 2


async def test_a_watching_worker_uses_a_key_that_another_process_made(scene: Scene) -> None:
    def keys() -> int:
        return len(scene.gateway.places[Profile.SANDBOX].keys.all(Purpose.TOKEN))

    async with follow_epochs(scene.gateway), a_command(scene) as command:
        await rotate_keys(command, Purpose.TOKEN, [Profile.SANDBOX])
        await until(lambda: keys() == 2)


async def test_an_epoch_that_is_no_number_stops_no_rotation_and_no_worker(scene: Scene) -> None:
    """Also one that somebody set back: otherwise a worker would follow nothing until it is passed."""
    only_on_sqlite = ("x'ff'", "CAST(x'3939ff' AS TEXT)", "x'39'", "0.5")
    values: tuple[str, ...] = ("'x'", f"'{'9' * 300}'", "''", "'900'", "'0'")
    if scene.gateway.deps.database.embedded:
        values += only_on_sqlite
    for made, wrong in enumerate(values, 2):
        await execute(scene, f"UPDATE deployment SET value = {wrong} WHERE name = 'epoch'")
        assert await refresh(scene.gateway)
        assert not await refresh(scene.gateway)
        async with a_command(scene) as command:
            await rotate_keys(command, Purpose.TOKEN, [Profile.SANDBOX])
        assert await refresh(scene.gateway)
        assert len(scene.gateway.places[Profile.SANDBOX].keys.all(Purpose.TOKEN)) == made


async def test_threat_54_an_address_that_is_no_text_is_none_for_commands(scene: Scene) -> None:
    values = ("chr(27)",) if not scene.gateway.deps.database.embedded else ("x'ff'", "CAST(x'ff' AS TEXT)")
    async with scene.gateway.deps.database.write() as transaction:
        await record_base(transaction, "https://gateway.example")
    for wrong in values:
        await execute(scene, f"UPDATE deployment SET value = {wrong} WHERE name = 'base'")
        async with scene.gateway.deps.database.read() as transaction:
            assert await find_base(transaction) is None


async def test_a_master_key_rotated_elsewhere_is_logged_once_with_its_remedy(scene: Scene) -> None:
    before = scene.gateway.places[Profile.SANDBOX]
    async with a_command(scene) as command:
        await rotate_master(command, given=b"n" * 32)
    with capture_logs() as logs:
        async with follow_epochs(scene.gateway):
            await asyncio.sleep(POLL_SECONDS * 4)

    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["event"] for entry in warnings] == ["master_key_rotated"]
    assert "GATEWAY_MASTER_KEY" in warnings[0]["remedy"]
    assert scene.gateway.places[Profile.SANDBOX] is before


async def test_an_unreadable_store_is_logged_once_and_the_worker_looks_again(scene: Scene) -> None:
    database = scene.gateway.deps.database
    with capture_logs() as logs:
        async with follow_epochs(scene.gateway):
            await execute(scene, "ALTER TABLE deployment RENAME TO away")
            await until(lambda: bool(logs))
            await asyncio.sleep(POLL_SECONDS * 2)
            said = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
            await execute(scene, "ALTER TABLE away RENAME TO deployment")
            async with a_command(scene) as command:
                await rotate_keys(command, Purpose.RECEIPT, [Profile.SANDBOX])
            async with database.read() as transaction:
                epoch = await read_epoch(transaction)
            await until(lambda: scene.gateway.places.epoch == epoch)

    assert len(said) == 1
    assert said[0] in {"epoch_unread", "epoch_failed"}


async def test_a_row_that_a_worker_cant_read_is_named_once_without_a_trace(scene: Scene) -> None:
    with capture_logs() as logs:
        async with follow_epochs(scene.gateway):
            await execute(scene, "UPDATE profile_standings SET policy = '[]' WHERE profile = 'sandbox'")
            async with scene.gateway.deps.database.write() as transaction:
                await advance_epoch(transaction)
            await until(lambda: bool(logs))
            await asyncio.sleep(POLL_SECONDS * 2)

    (said,) = logs
    assert (said["event"], said["log_level"]) == ("profile_unreadable", "error")
    assert said["reason"].startswith("profile_standings/sandbox: can't be read;")
    assert "exc_info" not in said


async def execute(scene: Scene, statement: str) -> None:
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(sa.text(statement))
