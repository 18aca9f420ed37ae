"""The audit's entries in partitions by month, on PostgreSQL (docs/decisions/0143)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.month_store import first_id, list_older, open_months, partition_entries
from gateway.audit.store import audit_entries
from gateway.audit.tree_store import list_waiting
from gateway.cleanup import PATIENCE, clean_up
from gateway.errors.operators import StateWrong
from gateway.inspection.erasure import erase_entries
from gateway.inspection.store import vacuum_entries
from gateway.schema import migrate
from gateway.storage.database import Database, Transaction
from tests.gateway.enquiries.test_budgets import misnamed
from tests.kit.audit import SignedLog, entry
from tests.kit.scene import Scene
from tests.kit.stores import Server, opened

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database_url(postgresql_server: Server) -> Iterator[str]:
    """A store on PostgreSQL, for the scene too."""
    url = postgresql_server.make_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    """A log of three rows and one waiting entry."""
    async with opened(database_url) as database:
        log = await SignedLog.open(database)
        await log.log.record(*(entry(act=f"act_{number}") for number in range(3)))
        await log.sign()
        await log.log.record(entry(act="waits"))
        yield log


@pytest.fixture
async def unpartitioned(signed: SignedLog) -> SignedLog:
    """The same, in a table without partitions, as versions before had it."""
    await run(
        signed.database,
        "CREATE TABLE other (LIKE audit_entries INCLUDING DEFAULTS)",
        "INSERT INTO other SELECT * FROM audit_entries",
        "DROP TABLE audit_entries",
        "ALTER TABLE other RENAME TO audit_entries",
        "ALTER TABLE audit_entries ADD CONSTRAINT pk_audit_entries PRIMARY KEY (id, month)",
    )
    await create_indexes(signed.database)
    return signed


async def run(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def create_indexes(database: Database) -> None:
    async with database.write() as connection:
        for index in audit_entries.indexes:
            await connection.execute(sa.schema.CreateIndex(index))


async def read(database: Database, statement: str) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(sa.text(statement)))


async def partitions(database: Database) -> dict[str, int]:
    """Return the number of entries by partition."""
    found = await read(
        database,
        "SELECT CAST(relname AS text) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = to_regclass('audit_entries')",
    )
    names = [str(row[0]) for row in found]
    return {name: (await read(database, f"SELECT count(*) FROM {name}"))[0][0] for name in names}


async def this_month(database: Database) -> date:
    ((today,),) = await read(database, "SELECT CAST(now() AT TIME ZONE 'UTC' AS date)")
    assert isinstance(today, date)
    return today.replace(day=1)


def name_of(month: date) -> str:
    return f"audit_entries_{month:%Y_%m}"


def after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def test_each_month_has_ids_of_its_own_above_those_of_the_month_before() -> None:
    months = [date(year, month, 1) for year in range(1970, 2101) for month in range(1, 13)]
    firsts = [first_id(month) for month in months]
    assert firsts == sorted(set(firsts))
    assert firsts[-1] < 2**53  # a number that JSON readers keep


async def test_entries_go_into_the_partition_of_the_databases_month(signed: SignedLog) -> None:
    month = await this_month(signed.database)
    await migrate(signed.database)  # its ids went on at 1
    await signed.log.record(entry(act="in its month"), entry(act="in its month too"))
    assert await partitions(signed.database) == {
        "audit_entries_before": 4,
        name_of(month): 2,
        name_of(after(month)): 0,
    }
    await signed.sign()
    found = await signed.verify()
    assert (found.rows, found.waiting, found.authenticated) == (6, 0, 6)


async def test_a_new_month_gets_its_partition_and_the_next_one_too(signed: SignedLog) -> None:
    month = await this_month(signed.database)
    later = after(after(month))
    for _ in range(2):
        await open_months(signed.database, today=later.replace(day=17))
    await signed.log.record(entry(act="later"))
    found = await partitions(signed.database)
    assert (found[name_of(later)], found[name_of(after(later))]) == (1, 0)
    # A clock that was ahead and is set right: ids never go back.
    await open_months(signed.database, today=month)
    await signed.log.record(entry(act="later still"))
    assert (await partitions(signed.database))[name_of(later)] == 2
    # One that is behind: its month is in the range of the first partition.
    await open_months(signed.database, today=date(2020, 1, 1))
    assert len(await partitions(signed.database)) == 5
    await signed.sign()
    assert (await signed.verify()).rows == 6


async def test_workers_that_open_a_month_at_once_give_no_id_twice(signed: SignedLog) -> None:
    later = after(after(await this_month(signed.database)))

    async def work(number: int) -> None:
        for count in range(5):
            await signed.log.record(entry(act=f"act_{number}_{count}"))
            await open_months(signed.database, today=later)

    await asyncio.gather(*(work(number) for number in range(6)))
    await signed.sign()
    assert (await signed.verify()).rows == 34


async def test_a_table_with_entries_becomes_the_first_partition_beside_writers(
    unpartitioned: SignedLog,
) -> None:
    database, stop = unpartitioned.database, asyncio.Event()

    async def write_on() -> int:
        written = 0
        while not stop.is_set():
            await unpartitioned.log.record(entry(act=f"beside_{written}"))
            written += 1
        return written

    writing = asyncio.create_task(write_on())
    await asyncio.sleep(0.05)
    await migrate(database)
    await asyncio.sleep(0.05)
    stop.set()
    written = await writing
    month = await this_month(database)
    found = await partitions(database)
    assert found["audit_entries_before"] >= 4
    assert found[name_of(month)] > 0
    assert sum(found.values()) == 4 + written
    checks = await read(
        database, "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname ~ 'months'"
    )
    assert checks == []
    await unpartitioned.sign()
    assert (await unpartitioned.verify()).rows == 4 + written


async def test_the_rights_of_other_users_stay(unpartitioned: SignedLog) -> None:
    database = unpartitioned.database
    user = f"reader_{id(database)}"
    await run(database, f"CREATE ROLE {user}", f"GRANT SELECT, INSERT ON audit_entries TO {user}")
    await run(
        database, "GRANT SELECT ON audit_entries TO PUBLIC", f"GRANT UPDATE (body) ON audit_entries TO {user}"
    )
    await partition_entries(database)
    rights = await read(
        database,
        "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(pg_get_userbyid(grantee) AS text) END, privilege_type "
        "FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass('audit_entries') AND grantee <> relowner ORDER BY 1, 2",
    )
    assert [tuple(row) for row in rights] == [("PUBLIC", "SELECT"), (user, "INSERT"), (user, "SELECT")]
    columns = await read(
        database,
        "SELECT attname, privilege_type FROM pg_attribute, aclexplode(attacl) WHERE attrelid = to_regclass('audit_entries')",
    )
    assert [tuple(row) for row in columns] == [("body", "UPDATE")]
    await run(database, f"DROP OWNED BY {user}", f"DROP ROLE {user}")


async def test_the_owner_stays_if_another_user_migrates(unpartitioned: SignedLog, database_url: str) -> None:
    user = f"owner_{id(unpartitioned)}"
    await run(unpartitioned.database, f"CREATE ROLE {user} LOGIN")
    tables = await read(
        unpartitioned.database, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
    )
    await run(
        unpartitioned.database,
        f"GRANT CREATE ON SCHEMA public TO {user}",
        *(f"ALTER TABLE {table} OWNER TO {user}" for (table,) in tables),
        f"ALTER SEQUENCE audit_entry_ids OWNER TO {user}",
    )
    await migrate(unpartitioned.database)  # as `postgres`
    owners = await read(
        unpartitioned.database,
        "SELECT DISTINCT CAST(tableowner AS text) FROM pg_tables WHERE tablename ~ '^audit_entries'",
    )
    assert [owner for (owner,) in owners] == [user]
    async with opened(database_url.replace("postgres@", f"{user}@")) as database:
        served = await SignedLog.open(database)
        await served.log.record(entry(act="as the owner"))
    await run(unpartitioned.database, f"REASSIGN OWNED BY {user} TO postgres", f"DROP OWNED BY {user}")
    await run(unpartitioned.database, f"DROP ROLE {user}")


async def test_an_entry_with_an_id_of_the_future_keeps_the_table_as_it_is(unpartitioned: SignedLog) -> None:
    database = unpartitioned.database
    await run(database, "UPDATE audit_entries SET id = 4611686018427387000 WHERE id = 4")
    with capture_logs() as lines:
        await partition_entries(database)
    assert [line["event"] for line in lines] == ["entries_unpartitioned"]
    assert await partitions(database) == {}
    await unpartitioned.log.record(entry(act="afterwards"))


async def test_who_does_not_own_the_table_opens_no_month_and_is_told_that_nothing_is_written_anew(
    signed: SignedLog, database_url: str
) -> None:
    user = f"stranger_{id(signed)}"
    await run(signed.database, f"CREATE ROLE {user}")
    before = await partitions(signed.database)
    await run(
        signed.database, f"ALTER ROLE {user} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"
    )
    async with opened(database_url.replace("postgres@", f"{user}@")) as database:
        await open_months(database, today=date(2031, 5, 1))
        async with database.read() as connection:  # PostgreSQL skips the table of another, with a warning
            tables = list(before)
            with pytest.raises(StateWrong, match="is not written anew, since only its owner may"):
                await vacuum_entries(connection, tables, full=True, lock_seconds=1)
    assert await partitions(signed.database) == before
    await run(signed.database, f"DROP OWNED BY {user}", f"DROP ROLE {user}")


async def test_the_sequencer_reads_the_partitions_of_the_waiting_entries_alone(signed: SignedLog) -> None:
    month = await this_month(signed.database)
    await open_months(signed.database)
    await signed.sign()
    await signed.log.record(*(entry(act=f"act_{number}") for number in range(40)))
    async with signed.database.read(snapshot=True) as connection:
        before = await scans(connection)
        waiting = await list_waiting(connection, after=0, most=2_048)
        changed = {name for name, count in (await scans(connection)).items() if count != before[name]}
    assert len(waiting) == 40
    assert all(each.leaf for each in waiting)
    assert changed == {name_of(month)}


async def test_the_sequencer_goes_on_while_an_earlier_partition_is_written_anew(
    signed: SignedLog, database_url: str
) -> None:
    await open_months(signed.database)
    await signed.sign()
    name = database_url.rpartition("/")[2]
    # As PostgreSQL does by itself after a few times, of a store with more entries.
    await run(signed.database, f"ALTER DATABASE {name} SET plan_cache_mode = force_generic_plan")
    async with opened(database_url) as database, database.write() as connection:
        served = await SignedLog.open(signed.database)
        await connection.execute(sa.text("LOCK TABLE audit_entries_before IN ACCESS EXCLUSIVE MODE"))
        await signed.database.engine.dispose()
        served.clock.advance(600)
        await served.log.record(entry(act="meanwhile"))
        async with asyncio.timeout(5):
            await served.sign()
        await connection.rollback()
    assert (await signed.verify()).rows == 5


async def scans(connection: Transaction) -> dict[str, int]:
    """Return how often this connection has read each partition, by an index or whole."""
    query = (
        "SELECT CAST(relname AS text), coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables "
        "WHERE relname ~ '^audit_entries_'"
    )
    return {str(name): int(count) for name, count in await connection.execute(sa.text(query))}


async def test_an_index_that_is_missing_is_built_on_each_partition(signed: SignedLog) -> None:
    await run(signed.database, "DROP INDEX ix_audit_entries_request_id")
    await migrate(signed.database)
    await migrate(signed.database)
    found = await read(
        signed.database,
        "SELECT CAST(indrelid AS regclass), indisvalid FROM pg_index WHERE CAST(CAST(indexrelid AS regclass) AS text) "
        "LIKE '%request_id%'",
    )
    assert len(found) == 1 + len(await partitions(signed.database))
    assert all(row[1] for row in found)


async def test_tables_that_may_have_older_entries_are_those_of_earlier_months(signed: SignedLog) -> None:
    month, first = await this_month(signed.database), "audit_entries_before"

    async def older(before: date, erased: int = 0) -> list[str]:
        async with signed.database.read() as connection:
            return await list_older(connection, before=f"{before:%Y-%m}", erased=erased)

    assert await older(month) == [first]
    assert await older(after(month)) == [name_of(month), first]
    assert await older(month, erased=4) == [first]
    # Its time was of a clock that was behind: the database took it in another month.
    assert await older(month, erased=first_id(month) + 3) == [name_of(month), first]


async def test_a_rewrite_leaves_the_present_month_to_the_writers(scene: Scene) -> None:
    database = scene.gateway.deps.database
    month = await this_month(database)
    portal = await scene.portal()
    await portal.verify()
    await clean_up(scene.gateway.deps)  # as it does in the background: it opens the month
    await portal.verify(dossier="HN-2")
    assert await scene.gateway.sequencer.run()
    files = await files_of(database)
    now = scene.clock.now()
    months = (now.year - month.year) * 12 + now.month - month.month
    if months < 0:
        scene.clock.advance(-months * 31 * 86_400)
        months = 0
    erased = await erase_entries(scene.gateway, months=months, rewrite=True)
    assert (erased.before, erased.on_disk) == (f"{month:%Y-%m}", False)
    changed = {name for name, file in (await files_of(database)).items() if files[name] != file}
    assert changed == {"audit_entries_before"}


async def test_the_cleanup_waits_for_no_rewrite_of_past_months(scene: Scene) -> None:
    """It waited for the locked table, under the audit's lock, and enquiries were refused."""
    deps, portal = scene.gateway.deps, await scene.portal()
    for dossier in ("HN-1", "HN-2"):
        await portal.verify(claim=misnamed(int(dossier[-1])), dossier=dossier)
        scene.clock.advance(PATIENCE.total_seconds() + 1)
        await portal.log_in()
        await clean_up(deps)  # the first one opens the month
    await portal.verify(claim=misnamed(3), dossier="HN-3")
    scene.clock.advance(PATIENCE.total_seconds() + 1)
    async with opened(scene.settings.database_url) as other, other.write() as rewrite:
        await rewrite.execute(sa.text("LOCK TABLE audit_entries_before IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(3):
            await clean_up(deps)


async def files_of(database: Database) -> dict[str, int]:
    """Return the number of each partition's file, which is another after it was written anew."""
    found = await read(
        database, "SELECT CAST(relname AS text), relfilenode FROM pg_class WHERE relkind = 'r'"
    )
    files = {str(name): int(file) for name, file in found}
    return {name: files[name] for name in await partitions(database)}
