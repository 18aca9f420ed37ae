"""One mock for a file's tests; a fresh folder, and so a fresh store, for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mock_c06.programs import Served, serving
from tests.sockets.programs import AGENCY, Place, place_beside


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.fixture
def place(mock: Served, tmp_path: Path) -> Place:
    made = place_beside(mock, tmp_path)
    made.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return made
