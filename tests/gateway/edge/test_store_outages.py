"""Threat 35: a store that is held or takes nothing more. Refused before the registry is asked, and back by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.storage.database import find_store_file
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, open_scene, settings_for
from tests.kit.stores import Server, opened

LOCK = "LOCK TABLE audit_entries"


@pytest.fixture
def server_url(postgresql_server: Server) -> str:
    return postgresql_server.make_database()


async def test_threat_35_a_locked_store_refuses_before_anything_is_asked(
    database_url: str, scene: Scene, portal: Portal
) -> None:
    async with _locked(database_url):
        ready = await scene.http.get("/readyz")
        answers = await asyncio.gather(*(portal.verify(dossier=f"HN-{number}") for number in range(4)))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "store_unavailable")}
    assert all("retry-after" in answer.headers for answer in answers)
    if database_url.startswith("sqlite"):  # on PostgreSQL one table is locked: other writes work
        assert (ready.status_code, ready.json()["cause"]) == (503, "locked")
    assert await scene.journal() == []
    assert (await portal.verify()).status_code == 201


@pytest.mark.postgresql
async def test_threat_35_a_server_that_came_back_read_only_refuses_before_anything_is_asked(
    server_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(server_url, mock), mock, clock) as scene:
        portal = await scene.portal()
        await _restart(server_url, read_only=True)
        with capture_logs() as lines:
            refused, ready = await portal.verify(), await scene.http.get("/readyz")
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert (ready.status_code, ready.json()["cause"]) == (503, "read_only")
        assert "read_only" in [line["cause"] for line in lines if line["event"] == "store_unavailable"]
        assert await scene.journal() == []
        await _restart(server_url, read_only=False)
        first, second = [(await portal.verify()).status_code for _ in range(2)]
        assert first in {201, 503}  # it may find a connection that the server closed an instant ago
        assert second in {200, 201}


@pytest.mark.postgresql
async def test_threat_35_a_setting_that_is_taken_back_on_the_server_leaves_no_connection_that_refuses(
    server_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    """A session keeps the settings of the moment at which it began, and ends only if its client ends it."""
    async with open_scene(settings_for(server_url, mock), mock, clock) as scene:
        await _restart(server_url, read_only=True)
        await scene.http.get("/readyz")  # it may find a connection that the server closed an instant ago
        assert (await scene.http.get("/readyz")).json()["cause"] == "read_only"
        await _restart(server_url, read_only=False, ends_sessions=False)
        assert (await scene.http.get("/readyz")).status_code == 200


@asynccontextmanager
async def _locked(url: str) -> AsyncIterator[None]:
    """Let another process hold the store, as a backup or a repair may."""
    if (file := find_store_file(url)) is not None:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
        return
    async with opened(url) as database, database.write() as holder:
        await holder.execute(sa.text(LOCK))
        yield


async def _restart(url: str, *, read_only: bool, ends_sessions: bool = True) -> None:
    """End all sessions, or none; those that come write only where they may."""
    name = sa.make_url(url).database
    async with opened(url) as database, database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        own = "datname = current_database() AND pid <> pg_backend_pid()"
        for statement in (
            "SET default_transaction_read_only = off",
            f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if read_only else 'off'}",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own} AND {ends_sessions}",
        ):
            await connection.execute(sa.text(statement))
