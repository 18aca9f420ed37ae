"""The store: transactions that lose nothing, instants in UTC, outages by name, nothing of a person in errors."""

import asyncio
import shutil
import ssl
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.errors.requests import Overloaded, StoreUnavailable
from gateway.storage.database import WAIT_SECONDS, Database, Instant, open_database
from gateway.storage.outages import CONNECTION_LOST, Cause, Outages, find_cause
from tests.kit.stores import Server, opened

numbers = sa.Table(
    "numbers_of_this_test",
    sa.MetaData(),
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("value", sa.Integer),
    sa.Column("at", Instant),
)


async def make_table(database: Database) -> None:
    async with database.write() as connection:
        await connection.run_sync(numbers.create)
        await connection.execute(sa.insert(numbers).values(name="n", value=0))


async def test_60_concurrent_read_modify_writes_lose_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        await make_table(database)

        async def add_one() -> None:
            async with database.write() as connection:
                query = sa.select(numbers.c.value).with_for_update()
                value = (await connection.execute(query)).scalar_one()
                await asyncio.sleep(0)
                await connection.execute(sa.update(numbers).values(value=value + 1))

        await asyncio.gather(*(add_one() for _ in range(60)))
        async with database.read() as connection:
            assert (await connection.execute(sa.select(numbers.c.value))).scalar_one() == 60


async def test_an_instant_comes_back_aware_and_in_utc(database_url: str) -> None:
    hanoi = datetime(2026, 11, 24, 8, 30, 15, 123456, tzinfo=timezone(timedelta(hours=7)))
    async with opened(database_url) as database:
        await make_table(database)
        async with database.write() as connection:
            await connection.execute(sa.update(numbers).values(at=hanoi))
        async with database.read() as connection:
            found = (await connection.execute(sa.select(numbers.c.at))).scalar_one()
        assert found == hanoi
        assert found.tzinfo is UTC or found.utcoffset() == timedelta()


async def test_a_block_that_raises_keeps_nothing_of_its_change(database_url: str) -> None:
    async with opened(database_url) as database:
        await make_table(database)
        with pytest.raises(LookupError):
            await _change_and_fail(database)
        async with database.read() as connection:
            assert (await connection.execute(sa.select(numbers.c.value))).scalar_one() == 0


async def test_an_error_of_the_store_repeats_no_parameter(database_url: str) -> None:
    async with opened(database_url) as database:
        await make_table(database)
        with pytest.raises(sa.exc.IntegrityError) as clash:
            async with database.write() as connection:
                await connection.execute(sa.insert(numbers).values(name="n", value=109000012))
        assert "109000012" not in str(clash.value)


async def test_a_deleted_embedded_store_is_an_outage_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    async with opened(f"sqlite:///{folder}/gateway.db") as database:
        await make_table(database)
        shutil.move(folder, tmp_path / "away")
        for transaction in (database.read, database.write):
            with pytest.raises(StoreUnavailable, match="gone") as outage:
                async with transaction():
                    pass
            assert isinstance(outage.value.__cause__, FileNotFoundError)
        shutil.move(tmp_path / "away", folder)
        async with database.write() as connection:
            await connection.execute(sa.update(numbers).values(value=1))


async def test_threat_35_a_store_that_another_process_locks_is_an_outage(tmp_path: Path) -> None:
    """None waits for all that wait before it."""
    async with opened(f"sqlite:///{tmp_path}/gateway.db") as database:
        await make_table(database)

        async def write() -> None:
            async with database.write():
                pass

        other = sa.create_engine(f"sqlite:///{tmp_path}/gateway.db")
        with other.connect() as holder:
            holder.exec_driver_sql("BEGIN EXCLUSIVE")
            async with asyncio.timeout(3 * WAIT_SECONDS):
                results = await asyncio.gather(*(write() for _ in range(5)), return_exceptions=True)
        assert [str(result) for result in results] == ["locked"] * 5
        other.dispose()
        await write()


@pytest.fixture
def server_url(postgresql_server: Server) -> str:
    return postgresql_server.make_database()


@pytest.mark.postgresql
async def test_threat_35_a_statement_that_postgresql_does_not_answer_is_an_outage(server_url: str) -> None:
    database = open_database(server_url, statement_seconds=0.3)
    async with opened(server_url) as other:
        await make_table(other)
        async with other.write() as holder:
            await holder.execute(sa.text(f"LOCK TABLE {numbers.name}"))
            with pytest.raises(StoreUnavailable, match="timed_out"):
                async with database.write() as connection:
                    await connection.execute(sa.update(numbers).values(value=1))
    async with database.write() as connection:
        await connection.execute(sa.update(numbers).values(value=1))
    await database.close()


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/gateway"])
async def test_a_server_that_does_not_listen_is_an_outage(url: str) -> None:
    async with opened(url) as database:
        with capture_logs() as lines, pytest.raises(StoreUnavailable, match="unreachable"):
            async with database.read():
                pass
    assert [(line["cause"], line["store"], line["error"]) for line in lines] == [
        ("unreachable", "127.0.0.1:1/gateway", "ConnectionRefusedError")
    ]


@pytest.mark.postgresql
async def test_a_database_that_does_not_exist_is_an_outage(postgresql_server: Server) -> None:
    async with opened(postgresql_server.url("no_such_database")) as database:
        with pytest.raises(StoreUnavailable, match="no_database"):
            async with database.read():
                pass


@pytest.mark.postgresql
async def test_a_server_without_the_tls_that_sslmode_wants_is_an_outage_with_its_remedy(
    server_url: str,
) -> None:
    async with opened(f"{server_url}?sslmode=require") as database:
        with capture_logs() as lines, pytest.raises(StoreUnavailable, match="tls_refused"):
            async with database.read():
                pass
    assert "sslmode" in lines[0]["remedy"]


def test_a_certificate_of_the_server_that_is_not_trusted_is_an_outage_of_tls() -> None:
    assert find_cause(ssl.SSLCertVerificationError(1, "certificate verify failed")) is Cause.TLS_REFUSED
    assert find_cause(ssl.SSLError(1, "wrong version number")) is Cause.TLS_REFUSED


@pytest.mark.parametrize(
    "ended", [ssl.SSLEOFError(8, "EOF"), ssl.SSLSyscallError(5, "reset"), ssl.SSLZeroReturnError(6, "closed")]
)
def test_a_tls_connection_that_the_server_ended_is_a_lost_one(ended: ssl.SSLError) -> None:
    assert find_cause(ended) in CONNECTION_LOST


@pytest.mark.postgresql
async def test_tables_of_another_user_of_the_server_are_an_outage_with_its_remedy(server_url: str) -> None:
    """Such as those of a migration or a restore by the server's administrator."""
    async with opened(server_url) as database:
        await make_table(database)
        with capture_logs() as lines, pytest.raises(StoreUnavailable, match="no_rights"):
            await _change_as(database, "pg_monitor")  # a user that every server has
    assert "own the database and its tables" in lines[0]["remedy"]


def test_an_embedded_store_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "a folder, with ? and %41" / "gateway.db"
    asyncio.run(_touch(path))
    assert path.exists()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def _change_and_fail(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(sa.update(numbers).values(value=7))
        raise LookupError


async def _change_as(database: Database, user: str) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(f"SET LOCAL ROLE {user}"))
        await connection.execute(sa.update(numbers).values(value=7))


async def _touch(path: Path) -> None:
    async with opened(f"sqlite:///{path}") as database, database.read() as connection:
        await connection.execute(sa.text("SELECT 1"))


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="cannot_open"):
        open_database(f"sqlite:///{tmp_path}/file/gateway.db")


async def test_threat_35_a_store_whose_file_cannot_be_opened_names_the_file_and_no_server(
    tmp_path: Path,
) -> None:
    async with opened(f"sqlite:///{tmp_path}/gateway.db") as database:
        await make_table(database)
        await database.engine.dispose()
        (tmp_path / "gateway.db-wal").mkdir()  # SQLite can't make its journal
        with capture_logs() as lines, pytest.raises(StoreUnavailable, match="cannot_open"):
            async with database.read():
                pass
    assert [(line["cause"], line["error"]) for line in lines] == [("cannot_open", "SQLITE_CANTOPEN")]
    assert "the limit of open files" in lines[0]["remedy"]
    assert "server" not in lines[0]["remedy"]


async def test_threat_35_a_full_disk_is_logged_once_a_minute_with_its_remedy(tmp_path: Path) -> None:
    now = [0.0]
    async with opened(f"sqlite:///{tmp_path}/gateway.db") as database:
        await make_table(database)
        database.outages = Outages("the store", monotonic=lambda: now[0])
        with capture_logs() as lines:
            for now[0] in (0.0, 1.0, 59.0, 61.0):
                with pytest.raises(StoreUnavailable, match="disk_full"):
                    await _fill(database)
            async with database.write():
                pass
    assert lines[0] == {
        "event": "store_unavailable",
        "log_level": "error",
        "cause": "disk_full",
        "store": "the store",
        "error": "SQLITE_FULL",
        "remedy": "free space on the store's disk",
        "left_out": 0,
    }
    assert [(line["event"], line.get("left_out")) for line in lines[1:]] == [
        ("store_unavailable", 2),
        ("store_works", None),
    ]


async def test_threat_35_many_callers_of_a_store_that_works_are_overload_and_not_an_outage(
    tmp_path: Path,
) -> None:
    async with opened(f"sqlite:///{tmp_path}/gateway.db") as database:
        await make_table(database)
        with capture_logs() as lines, pytest.raises(Overloaded) as refused:
            raise database.outages.describe(sa.exc.TimeoutError()) or LookupError
    assert (type(refused.value), refused.value.code) == (Overloaded, "overloaded")
    assert [line["event"] for line in lines] == ["store_overloaded"]


async def _fill(database: Database) -> None:
    """Write more than the store may hold, as on a full disk."""
    async with database.write() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for number in range(1000):
            await connection.execute(sa.insert(numbers).values(name=f"row {number}"))
