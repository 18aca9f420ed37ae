"""A SQLite store for tests that need one database only."""

from pathlib import Path

import pytest

from tests.kit.stores import fresh_store


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a fresh, migrated store."""
    return fresh_store(request, "sqlite", tmp_path)
