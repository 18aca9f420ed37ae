"""A SQLite store for tests that need one database only, and a signed log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.audit import SignedLog, entry
from tests.kit.stores import fresh_store, opened


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a fresh, migrated store."""
    return fresh_store(request, "sqlite", tmp_path)


@pytest.fixture
async def signed(database_url: str) -> AsyncIterator[SignedLog]:
    """A log of six rows with a signed checkpoint."""
    async with opened(database_url) as found:
        log = await SignedLog.open(found)
        await log.log.record(*(entry(act=f"act_{number}") for number in range(6)))
        await log.sign()
        yield log
