"""The pytest plugin: the fixture `c06`, one run of the mock for each test. See docs/mock-pytest.md.

pytest loads this file in every session, so it imports the mock only when a test uses the fixture. Without options the
mock is built in this process, once a session; `--c06-url` names a running one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mock_c06.testing.scene import C06
    from mock_c06.testing.targets import Target

_CONTROL = "http://127.0.0.1:8101"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the addresses of a running mock and its control token."""
    group = parser.getgroup("c06", "mock-c06, the mock of the population registry")
    group.addoption("--c06-url", metavar="URL", help="a running mock's test environment")
    group.addoption("--c06-official-url", metavar="URL", help="its official environment, if tests use it")
    group.addoption("--c06-control", metavar="URL", help=f"its control face, {_CONTROL} by default")
    group.addoption(
        "--c06-token-file", metavar="FILE", help="has the control token, instead of MOCK_C06_CONTROL_TOKEN"
    )


@pytest.fixture(scope="session")
def c06_place(pytestconfig: pytest.Config) -> "Iterator[Target]":
    """The mock of all tests of the session."""
    from mock_c06.testing.targets import in_process, running  # noqa: PLC0415 - loaded where a test needs it

    url = pytestconfig.getoption("--c06-url")
    if not url:
        _require_no_other_option(pytestconfig)
        with in_process() as target:
            yield target
        return
    official = pytestconfig.getoption("--c06-official-url")
    addresses = {"test": url} | ({"official": official} if official else {})
    with running(
        addresses,
        control=pytestconfig.getoption("--c06-control") or _CONTROL,
        token=_find_token(pytestconfig.getoption("--c06-token-file")),
    ) as target:
        yield target


@pytest.fixture
def c06(c06_place: "Target") -> "Iterator[C06]":
    """A registry for this test alone: people, faults, clock and journal are not shared."""
    from mock_c06.testing.scene import open_scene  # noqa: PLC0415 - loaded where a test needs it

    with open_scene(c06_place) as scene:
        yield scene


def _require_no_other_option(config: pytest.Config) -> None:
    """Options of a running mock without its address would silently select the one in this process."""
    for option in ("--c06-official-url", "--c06-control", "--c06-token-file"):
        if config.getoption(option):
            raise pytest.UsageError(f"{option} is of a running mock: give --c06-url too")


def _find_token(file: str | None) -> str:
    from mock_c06.settings import read_settings  # noqa: PLC0415 - loaded where a test needs it

    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise pytest.UsageError(f"--c06-token-file {file}: {error.strerror}") from error
    token = read_settings().control_token
    if token is None:
        raise pytest.UsageError("--c06-url needs --c06-token-file, or MOCK_C06_CONTROL_TOKEN")
    return token.get_secret_value()
