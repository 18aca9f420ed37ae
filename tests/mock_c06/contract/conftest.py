"""The three targets of the contract suite, as one fixture with three values."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_c06.app import MockRegistry
from tests.kit.programs import Served, serving_mock
from tests.mock_c06.contract.targets import App, Recorded, Socket, Target, build_shared


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


@pytest.fixture(scope="session")
def shared_mock() -> MockRegistry:
    return build_shared()


@pytest.fixture(params=["app", pytest.param("socket", marks=pytest.mark.sockets), "recorded"])
def target(request: pytest.FixtureRequest, shared_mock: MockRegistry, tmp_path: Path) -> Target:
    match request.param:
        case "app":
            return App(shared_mock)
        case "socket":
            return Socket(request.getfixturevalue("served"))
    return Recorded(shared_mock, tmp_path / "recorded.json")
