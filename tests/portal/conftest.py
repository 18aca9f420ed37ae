"""The portal of most tests: one embedded store, one visitor."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.portal import RunningPortal, Visit, open_portal, open_visit
from tests.kit.scene import Scene
from tests.kit.stores import fresh_store


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The gateway's store: the portal never sees which one it is."""
    return fresh_store(request, "sqlite", tmp_path)


@pytest.fixture
async def portal_app(scene: Scene, tmp_path: Path) -> AsyncIterator[RunningPortal]:
    async with open_portal(scene, tmp_path) as app:
        yield app


@pytest.fixture
async def visit(portal_app: RunningPortal) -> AsyncIterator[Visit]:
    async with open_visit(portal_app) as opened:
        yield opened
