"""A folder of the test's own, and the program in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.commands import Commands
from tests.kit.programs import Served, serving_mock
from tests.kit.staff import Staff, hire


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `var` as `gateway migrate` makes it."""
    folder = tmp_path_factory.mktemp("new_store")
    assert Commands(folder)("migrate").code == 0
    return folder / "var"


@pytest.fixture
def gateway(tmp_path: Path, new_store: Path) -> Commands:
    """The program in a folder with a new store."""
    shutil.copytree(new_store, tmp_path / "var")
    return Commands(tmp_path)


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


@pytest.fixture(scope="module")
def hired(mock: Served, new_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Three operators in a store that is copied for each test: hashing their passwords takes its time."""
    folder = tmp_path_factory.mktemp("hired")
    shutil.copytree(new_store, folder / "var")
    return hire(Commands(folder), mock)


@pytest.fixture
def staff(hired: Staff, gateway: Commands) -> Staff:
    """An admin, a proposer and an approver who are signed in, and nothing connected."""
    shutil.copytree(hired.gateway.folder / "var", gateway.folder / "var", dirs_exist_ok=True)
    (gateway.folder / "var" / "operator-token").unlink()
    return hired.at(gateway)
