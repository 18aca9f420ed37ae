"""A folder of the test's own, and the program in it."""

from pathlib import Path

import pytest

from tests.gateway.cli.commands import Commands


@pytest.fixture
def gateway(tmp_path: Path) -> Commands:
    return Commands(tmp_path)
