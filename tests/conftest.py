"""What holds for the whole suite: markers by folder, and a property test that says the same on every run."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts programs on real sockets by the folder it stands in, so that none is forgotten."""
    for item in items:
        if item.path.is_relative_to(TESTS / "sockets"):
            item.add_marker("sockets")
