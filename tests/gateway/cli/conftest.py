"""A folder of the test's own, and the program in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.cli.commands import Commands
from tests.gateway.cli.staff import Staff, hire
from tests.mock_c06.programs import Served, serving


@pytest.fixture
def gateway(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def hired(mock: Served, tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Three operators in a store that is copied for each test: hashing their passwords takes its time."""
    return hire(Commands(tmp_path_factory.mktemp("hired")), mock)


@pytest.fixture
def staff(hired: Staff, gateway: Commands) -> Staff:
    """An admin, a proposer and an approver who are signed in, and nothing connected."""
    shutil.copytree(hired.gateway.folder / "var", gateway.folder / "var")
    (gateway.folder / "var" / "operator-token").unlink()
    return hired.at(gateway)
