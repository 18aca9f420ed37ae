"""On PostgreSQL, what has the name of a partition and is none, such as a table that a user made (docs/decisions/0143)."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.audit.month_store import open_months
from gateway.cleanup import cleaning_up
from gateway.errors.operators import StateWrong
from gateway.schema import migrate
from tests.gateway.audit.test_months import (  # noqa: F401 - fixtures too
    after,
    database_url,
    name_of,
    partitions,
    run,
    signed,
    this_month,
    unpartitioned,
)
from tests.kit.audit import SignedLog, entry
from tests.kit.scene import Scene

pytestmark = pytest.mark.postgresql


async def test_what_has_the_name_of_a_month_is_named_and_the_other_month_is_opened(
    signed: SignedLog,  # noqa: F811 - the fixture
) -> None:
    """`gateway migrate` ended in a traceback, the cleanup too, and no month was opened."""
    database = signed.database
    later = after(after(await this_month(database)))
    present, following = name_of(later), name_of(after(later))
    for taken, other, kind in ((present, following, "TABLE"), (following, present, "VIEW")):
        await run(database, f"DROP TABLE IF EXISTS {following}", f"CREATE {kind} {taken} AS SELECT 1 AS note")
        with pytest.raises(StateWrong, match=taken):
            await open_months(database, today=later)
        await signed.log.record(entry(act="goes on"))
        found = await partitions(database)
        assert (other in found, taken in found) == (True, False)
        await run(database, f"DROP {kind} {taken}")
    found = await partitions(database)
    assert (found["audit_entries_before"], found[present]) == (5, 1)
    await open_months(database, today=later)
    assert following in await partitions(database)


async def test_a_table_stays_unpartitioned_while_the_name_of_a_partition_is_taken(
    unpartitioned: SignedLog,  # noqa: F811 - the fixture
) -> None:
    database = unpartitioned.database
    for name in ("audit_entries_before", name_of(await this_month(database))):
        await run(database, f"CREATE TABLE {name} (note text)")
        with pytest.raises(StateWrong, match=name):
            await migrate(database)
        assert await partitions(database) == {}
        await unpartitioned.log.record(entry(act="goes on"))
        await run(database, f"DROP TABLE {name}")
    await migrate(database)
    assert (await partitions(database))["audit_entries_before"] == 6


async def test_the_cleanup_names_a_table_that_has_a_months_name(scene: Scene) -> None:
    deps = scene.gateway.deps
    taken = name_of(after(await this_month(deps.database)))
    await run(deps.database, f"ALTER TABLE audit_entries DETACH PARTITION {taken}")
    with capture_logs() as logs:
        async with cleaning_up(deps, every=0.01), asyncio.timeout(10):
            while not logs:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)
    assert (logs[0]["event"], taken in logs[0].get("reason", "")) == ("month_not_opened", True)
