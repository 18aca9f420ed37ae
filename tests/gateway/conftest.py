"""A fresh store for each test, on both databases, cloned from a template that the real migrations made."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.database import open_database
from gateway.schema import migrate
from mock_c06.app import MockRegistry, build_mock
from mock_c06.settings import Settings as MockSettings
from tests.gateway.scene import HandClock, Portal, Scene, open_scene, settings_for
from tests.postgresql import Server

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated store on each of the two databases."""
    return fresh_store(request, request.param, tmp_path)


def fresh_store(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """Return the address of a fresh, migrated store of this kind."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, folder / "gateway.db")
        return f"sqlite:///{folder / 'gateway.db'}"
    server: Server = request.getfixturevalue("postgresql_server")
    return server.make_database()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def mock(clock: HandClock) -> MockRegistry:
    return build_mock(
        MockSettings.model_validate({"control_token": "control-token-of-this-test"}), clock=clock
    )


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    async with open_scene(settings_for(database_url, mock), mock, clock) as opened:
        yield opened


@pytest.fixture
async def portal(scene: Scene) -> Portal:
    return await scene.portal()


async def _migrate(url: str) -> None:
    database = open_database(url)
    await migrate(database)
    await database.close()
