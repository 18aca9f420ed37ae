"""Upgrades while the former version serves on: migrations only add, indexes are built beside writers, old programs know."""

import ast
import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from itertools import pairwise

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.audit.verify import verify_audit
from gateway.clock import Period
from gateway.errors.operators import SchemaOld, StateWrong
from gateway.inspection.erasure import erase_entries
from gateway.inspection.store import find_affected, search
from gateway.schema import MIGRATIONS, NEWEST, OLDEST_PROGRAM, fill_columns, migrate, require_current
from gateway.storage.database import Database
from tests.attacks.evidence import trust_of
from tests.gateway.test_schema import config
from tests.kit.scene import Portal, Scene
from tests.kit.stores import Server, opened

FIRST = "0025"
"""The first revision for which the rule holds; the ones before are of versions that were stopped for an upgrade."""

BACKFILLS = {
    "0027": "it fills two new columns: an embedded store's at once, PostgreSQL's later, of which it leaves a mark"
}


def upgrades() -> Iterator[tuple[str, ast.Call]]:
    """Yield each operation of the upgrades since `FIRST`, with its revision."""
    for path in sorted((MIGRATIONS / "versions").glob("0*.py")):
        if path.name[:4] >= FIRST:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            (upgrade,) = (
                node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
            )
            calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
            yield from (
                (path.name[:4], call)
                for call in calls
                if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in {"op", "batch"}
            )


def breaks_the_former_program(call: ast.Call) -> bool:
    """Return whether a program of the version before could fail after this operation."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr in {"create_table", "create_index", "drop_index", "get_context", "f"}:
        return False
    if call.func.attr != "add_column":
        return True
    column = call.args[1]
    assert isinstance(column, ast.Call)
    given = {word.arg: ast.unparse(word.value) for word in column.keywords}
    return given.get("nullable") == "False" and "server_default" not in given


def test_a_migration_only_adds_so_that_the_version_before_can_serve_on() -> None:
    found = [
        f"{revision}: {ast.unparse(call)[:80]}"
        for revision, call in upgrades()
        if breaks_the_former_program(call)
        and not (revision in BACKFILLS and ast.unparse(call).startswith("op.execute"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "op.drop_column('accounts', 'name')",
        "op.alter_column('accounts', 'name', new_column_name='title')",
        "op.add_column('accounts', sa.Column('x', sa.String(1), nullable=False))",
        "op.execute('UPDATE accounts SET name = 1')",
    ],
)
def test_a_migration_that_would_break_the_version_before_is_noticed(line: str) -> None:
    (call,) = (node.value for node in ast.parse(line).body if isinstance(node, ast.Expr))
    assert isinstance(call, ast.Call)
    assert breaks_the_former_program(call)


async def set_schema(database: Database, revision: str, oldest: str | None) -> None:
    """Let another program have migrated the store."""
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        await connection.execute(sa.text("DELETE FROM deployment WHERE name = 'oldest_program'"))
        if oldest is not None:
            members = {"value": oldest}
            insert = sa.text("INSERT INTO deployment (name, value) VALUES ('oldest_program', :value)")
            await connection.execute(insert, members)


async def test_a_program_starts_on_a_newer_schema_that_admits_it(database_url: str) -> None:
    async with opened(database_url) as database:
        await set_schema(database, "9999", NEWEST)
        with capture_logs() as lines:
            await require_current(database)

    assert [(line["event"], line["schema"]) for line in lines] == [("schema_newer", "9999")]


@pytest.mark.parametrize("oldest", [None, "9998"])
async def test_a_program_that_a_newer_schema_does_not_admit_says_what_to_start(
    database_url: str, oldest: str | None
) -> None:
    async with opened(database_url) as database:
        await set_schema(database, "9999", oldest)
        with pytest.raises(StateWrong, match=f"at 9999, newer than this program, which knows {NEWEST}"):
            await require_current(database)


async def test_a_program_on_an_older_schema_says_how_to_migrate(database_url: str) -> None:
    async with opened(database_url) as database:
        await set_schema(database, "0024", None)
        with pytest.raises(
            SchemaOld,
            match=f"has the schema 0024, and this program needs {NEWEST}: run `gateway migrate` first",
        ):
            await require_current(database)


async def test_a_migration_admits_the_programs_of_the_version_before(database_url: str) -> None:
    async with opened(database_url) as database, database.read() as connection:
        stored = sa.text("SELECT value FROM deployment WHERE name = 'oldest_program'")
        assert (await connection.execute(stored)).scalar_one() == OLDEST_PROGRAM


async def test_new_columns_of_old_entries_are_filled_a_batch_at_a_time_beside_the_writers(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    database = scene.gateway.deps.database
    everything = sa.text("SELECT id, client_id, request_id FROM audit_entries ORDER BY id")
    async with database.read() as connection:
        before = (await connection.execute(everything)).all()
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), "0026"))
        await connection.run_sync(lambda sync: command.upgrade(config(sync), NEWEST))
    said: list[str] = []
    sync = database.engine.sync_engine
    sa.event.listen(sync, "before_cursor_execute", lambda *call: said.append(call[2]))
    sa.event.listen(sync, "commit", lambda _: said.append("COMMIT"))

    if not database.embedded:
        async with database.read() as connection:
            assert {row[1] for row in (await connection.execute(everything)).all()} == {None}
        await fill_columns(database, at_once=2)

    async with database.read() as connection:
        assert (await connection.execute(everything)).all() == before
        marks = await connection.execute(sa.text("SELECT name FROM deployment WHERE name = 'filled_0027'"))
        assert marks.all() == []
    acts = [line for line in said if line == "COMMIT" or "UPDATE audit_entries" in line]
    batches = [line for line in acts if line != "COMMIT"]
    assert database.embedded or len(batches) > len(before) / 2
    # Each batch is committed before the next: no transaction stops a writer for long.
    assert all(later == "COMMIT" for line, later in pairwise(acts) if line != "COMMIT")


async def test_a_migration_that_was_ended_early_is_finished_by_the_next_one(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    database = scene.gateway.deps.database
    unfilled = sa.text("SELECT count(*) FROM audit_entries WHERE request_id IS NULL")
    async with database.read() as connection:
        before = (await connection.execute(unfilled)).scalar_one()
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), "0026"))
        await connection.run_sync(lambda sync: command.upgrade(config(sync), NEWEST))

    assert await migrate(database) == (NEWEST, NEWEST)

    async with database.read() as connection:
        assert (await connection.execute(unfilled)).scalar_one() == before


async def test_no_report_leaves_old_entries_out_before_a_migration_is_finished(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    database = scene.gateway.deps.database
    trust = await trust_of(scene)
    await scene.gateway.sequencer.run()
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), "0026"))
        await connection.run_sync(
            lambda sync: command.upgrade(config(sync), NEWEST)
        )  # and then it was killed

    def reports() -> list[Coroutine[None, None, object]]:
        return [
            find_affected(database, portal.client_id, Period()),
            search(database, {"client_id": portal.client_id}, period=Period()),
            verify_audit(database, trust=trust),
        ]

    if not database.embedded:
        with capture_logs() as lines:
            await require_current(database)
        assert [line["event"] for line in lines] == ["schema_unfinished"]
        for report in [*reports(), erase_entries(scene.gateway, months=12)]:
            with pytest.raises(SchemaOld, match="`gateway migrate`, or run it again"):
                await report
    await migrate(database)
    people, _, _ = await asyncio.gather(*reports())
    assert isinstance(people, list)
    assert len(people) == 1


async def test_an_index_on_a_table_with_rows_is_built_beside_the_writers_on_postgresql(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    database = scene.gateway.deps.database
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), "0026"))
    said: list[str] = []
    sync = database.engine.sync_engine
    sa.event.listen(sync, "before_cursor_execute", lambda *call: said.append(call[2]))

    assert await migrate(database) == ("0026", NEWEST)

    made = [line for line in said if line.lstrip().startswith("CREATE INDEX") and "audit_entries" in line]
    # On PostgreSQL each partition's first, beside the writers; the table's own takes these over.
    beside = [line for line in made if "CONCURRENTLY" in line]
    assert (len(made) - len(beside), len(beside)) == ((2, 0) if database.embedded else (2, 6))
    async with database.read() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_indexes("audit_entries"))
    names = {index["name"] for index in found}
    assert {"ix_audit_entries_client_id_id", "ix_audit_entries_request_id"} <= names


@pytest.mark.postgresql
def test_two_migrations_that_build_indexes_at_once_both_end(postgresql_server: Server) -> None:
    done = asyncio.run(_migrate_twice_at_once(postgresql_server.make_database()))
    assert list(done) == [(NEWEST, NEWEST)] * 2


async def _migrate_twice_at_once(url: str) -> Sequence[tuple[str | None, str | None]]:
    async with opened(url) as one, opened(url) as other:
        async with one.write() as connection:
            await connection.execute(sa.text("DROP INDEX ix_audit_entries_request_id"))
        async with other.write() as writer, other.read() as connection:
            # The first migration waits for the end of this writer.
            await writer.execute(sa.text("LOCK TABLE audit_entries IN ROW EXCLUSIVE MODE"))
            first = asyncio.create_task(migrate(one))
            await _until_seen(connection, "CREATE INDEX CONCURRENTLY")
            second = asyncio.create_task(migrate(other))
            await _until_seen(connection, "SELECT pg_%advisory_lock(")
        return await asyncio.gather(first, second)


@pytest.mark.postgresql
def test_writers_go_on_while_a_migration_waits_for_a_long_reader(postgresql_server: Server) -> None:
    done = asyncio.run(_migrate_beside_a_reader(postgresql_server.make_database()))
    assert done == ("0027", NEWEST)


async def _migrate_beside_a_reader(url: str) -> tuple[str | None, str | None]:
    table = sa.text("LOCK TABLE verifications IN ROW EXCLUSIVE MODE")
    async with opened(url) as database, opened(url) as other:
        async with database.write() as connection:
            await connection.run_sync(lambda sync: command.downgrade(config(sync), "0027"))
        async with other.walk() as reader, other.read() as connection:
            await reader.execute(
                sa.text("SELECT 1 FROM verifications")
            )  # as a backup does, for as long as it runs
            migration = asyncio.create_task(migrate(database))
            await _until_seen(connection, "ALTER TABLE verifications")
            async with asyncio.timeout(5), other.write() as writer:
                await writer.execute(table)
        return await migration


async def _until_seen(connection: AsyncConnection, statement: str) -> None:
    """Wait until the last statement of another connection begins so."""
    seen = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE :begin AND pid <> pg_backend_pid()"
    )
    for _ in range(1_000):
        if (await connection.execute(seen, {"begin": f"{statement}%"})).scalar_one() > 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"nobody has said {statement}")
