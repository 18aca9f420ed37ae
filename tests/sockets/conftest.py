"""One mock for all tests of a file; a new folder, and so a new store, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.programs import Place, Served, make_store, place_beside, serving_mock
from tests.kit.scene import AGENCY


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


@pytest.fixture
def place(mock: Served, tmp_path: Path) -> Place:
    made = place_beside(mock, tmp_path)
    make_store(made)
    made.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return made
