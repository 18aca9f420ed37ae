"""The scene of `tests/gateway`, on both databases."""

from pathlib import Path

import pytest

from tests.gateway.conftest import (
    clock,
    database_url,
    fresh_store,
    mock,
    portal,
    scene,
    sqlite_template,
)

__all__ = ["clock", "database_url", "mock", "portal", "scene", "sqlite_template"]


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh embedded store, where one database is enough."""
    return fresh_store(request, "sqlite", tmp_path)
