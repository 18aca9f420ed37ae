"""The schema: what the migrations make is what the code's tables say, on both databases."""

import asyncio
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.app import open_gateway
from gateway.applications.store import applications
from gateway.audit.model import GENESIS, AuditHead, row_hash
from gateway.audit.sequencer import Sequencer
from gateway.audit.store import find_leaf
from gateway.audit.verify import read_trust, verify_audit
from gateway.errors.operators import SchemaOld, StateWrong
from gateway.schema import MIGRATIONS, NEWEST, migrate, rehearse_migration, require_current
from gateway.settings import Settings
from gateway.storage.database import Database, metadata
from gateway.web import build_app
from tests.kit.clocks import HandClock
from tests.kit.scene import MASTER_KEY, Portal, Scene
from tests.kit.stores import Server, opened, unbind_keys


def config(connection: sa.Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [NEWEST]


async def test_the_migrations_make_exactly_the_tables_of_the_code(database_url: str) -> None:
    async with opened(database_url) as database, database.read() as connection:
        assert await connection.run_sync(_differences) == []


def _differences(connection: sa.Connection) -> list[object]:
    assert callable(build_app)  # its module imports every room with a web file, and with it its tables
    assert applications.metadata is metadata
    opts = {
        "compare_type": True,
        "include_name": lambda name, kind, _: kind != "table" or not is_partition(name),
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=opts), metadata))


def is_partition(name: str) -> bool:
    return name == "audit_entries_before" or re.fullmatch(r"audit_entries_\d{4}_\d\d", name) is not None


async def test_a_downgrade_leaves_nothing_and_an_upgrade_comes_back(database_url: str) -> None:
    async with opened(database_url) as database:
        async with database.write() as connection:
            await connection.run_sync(lambda sync: command.downgrade(config(sync), "base"))
            tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert tables == ["alembic_version"]
        assert await migrate(database) == (None, NEWEST)
        assert await migrate(database) == (NEWEST, NEWEST)
        async with database.read() as connection:
            assert await connection.run_sync(_differences) == []


@pytest.mark.parametrize("revision", ["0016", "0001", "0002", "0003", "0004", "0005", "0006"])
async def test_an_upgrade_from_each_revision_keeps_every_row_and_serves_on(
    scene: Scene, portal: Portal, revision: str
) -> None:
    receipt = await portal.receipt()
    database = scene.gateway.deps.database
    assert await scene.gateway.sequencer.run()
    await portal.receipt(dossier="HN-waits-for-its-row")
    async with database.write() as connection:
        await connection.run_sync(lambda sync: command.downgrade(config(sync), revision))
        head = await connection.run_sync(_chain_as_it_was_then if revision < "0005" else _last_of_chain)
    before = await _rows(database)

    assert await migrate(database) == (revision, NEWEST)

    found = await verify_audit(database, known=[head])
    assert (found.size, found.signed) == (head.rows, 0)
    after = await _rows(database)
    entries = [{"row": beside["id"]} | beside for beside in after["audit_entries"]]
    pairs = zip(after["audit_rows"], entries, strict=True)
    after["audit_rows"] = [beside | row for row, beside in pairs]
    after["audit_entries"] = entries
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert sorted(map(repr, kept)) == sorted(map(repr, rows)), name
    assert len(before["verifications"]) == 2
    prefill = (await portal.prefill(receipt, ["full_name"])).json()
    body = {"prefill": prefill["id"], "field": "full_name", "note": "không đúng"}
    assert (await portal.call("POST", "/discrepancies", body)).status_code == 201
    await _sign_and_verify(scene, head)


async def _sign_and_verify(scene: Scene, head: AuditHead) -> None:
    """The chain is the first leaves of the tree that the first pass signs."""
    # A gateway of the older revision made no checkpoint key and no evidence key, and sealed no key to its serial.
    database, vault = scene.gateway.deps.database, scene.gateway.vault
    await unbind_keys(database, vault.master)
    rings = await vault.open(database, scene.clock)
    async with database.read() as connection:
        kept = await find_leaf(connection)  # a server keeps the head of the store, also before its first pass
    sequencer = Sequencer(
        database, vault, scene.clock, base="https://gateway.example/", find_signed=lambda: kept
    )
    assert await sequencer.run()
    found = await verify_audit(
        database, trust=await read_trust(database, vault, now=scene.clock.now()), known=[head]
    )
    assert found.signed == found.rows > head.rows
    assert (found.adopted, found.authenticated) == (head.rows, found.rows - head.rows)
    assert len(rings.evidence) == 1


def _last_of_chain(connection: sa.Connection) -> AuditHead:
    query = sa.text("SELECT row, hash FROM audit_rows ORDER BY row DESC LIMIT 1")
    row, chained = connection.execute(query).one()
    return AuditHead(rows=row, hash=chained)


def _chain_as_it_was_then(connection: sa.Connection) -> AuditHead:
    """Chain the rows as before schema 0005, over the entry itself."""
    head = AuditHead(rows=0, hash=GENESIS)
    for row, body in connection.execute(sa.text("SELECT row, body FROM audit_rows ORDER BY row")).all():
        chained = row_hash(row=row, previous=head.hash, content=body)
        values = {"previous": head.hash, "hash": chained, "row": row}
        change = sa.text("UPDATE audit_rows SET previous = :previous, hash = :hash WHERE row = :row")
        connection.execute(change, values)
        head = AuditHead(rows=row, hash=chained)
    return head


async def _rows(database: Database) -> dict[str, list[dict[str, object]]]:
    """Return every row of every table that has some, but the schema's own."""

    def read(connection: sa.Connection) -> dict[str, list[dict[str, object]]]:
        there = sa.MetaData()
        there.reflect(connection)
        found = {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in there.sorted_tables
            if table.name != "alembic_version" and not is_partition(table.name)
        }
        return {name: rows for name, rows in found.items() if rows}

    async with database.read() as connection:
        return await connection.run_sync(read)


async def test_two_migrations_that_race_end_at_one_schema(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        async with one.write() as connection:
            await connection.run_sync(lambda sync: command.downgrade(config(sync), "base"))
        results = await asyncio.gather(migrate(one), migrate(other))
        assert {after for _, after in results} == {NEWEST}
        await require_current(other)


async def _set_revision(url: str, revision: str) -> None:
    async with opened(url) as database, database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


async def test_a_schema_of_a_newer_gateway_is_refused_by_name(database_url: str) -> None:
    await _set_revision(database_url, "9999")
    async with opened(database_url) as database:
        for act in (migrate, rehearse_migration):
            with pytest.raises(StateWrong, match="at 9999, which this version of the gateway doesn't know"):
                await act(database)


@pytest.mark.postgresql
async def test_an_old_schema_on_postgresql_is_refused_naming_migrate(postgresql_server: Server) -> None:
    database_url = postgresql_server.url("postgres")
    settings = Settings.model_validate({"database_url": database_url, "master_key": MASTER_KEY})
    with pytest.raises(SchemaOld, match="the database has no schema: run `gateway migrate` first"):
        async with open_gateway(settings, clock=HandClock()):
            pass


async def test_an_embedded_store_is_migrated_by_whoever_opens_it(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"database_url": f"sqlite:///{tmp_path}/new/gateway.db", "master_key": MASTER_KEY}
    )
    async with open_gateway(settings, clock=HandClock()) as gateway:
        await require_current(gateway.deps.database)
