"""The pytest plugin: the fixture `c06`, one run of the mock for each test. See docs/mock-pytest.md.

pytest loads this file in every session, so that it imports nothing of the mock until a test asks for the fixture.
Without options the mock is built in this process, once a session; with `--c06-url` a running one is asked.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mock_c06.testing.places import Place
    from mock_c06.testing.scene import C06

_CONTROL = "http://127.0.0.1:8101"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer where the mock is, and the file that holds its control token."""
    group = parser.getgroup("c06", "mock-c06, the mock of the population registry")
    group.addoption("--c06-url", metavar="URL", help="ask a running mock: its test environment")
    group.addoption("--c06-official-url", metavar="URL", help="its official environment, where tests use it")
    group.addoption("--c06-control", metavar="URL", help=f"its control face, else {_CONTROL}")
    group.addoption(
        "--c06-token-file", metavar="FILE", help="holds the control token, else MOCK_C06_CONTROL_TOKEN does"
    )


@pytest.fixture(scope="session")
def c06_place(pytestconfig: pytest.Config) -> "Iterator[Place]":
    """The mock that all tests of a run ask."""
    from mock_c06.testing.places import in_process, running  # noqa: PLC0415 - loaded where a test needs it

    url = pytestconfig.getoption("--c06-url")
    if not url:
        _require_no_other_option(pytestconfig)
        with in_process() as place:
            yield place
        return
    official = pytestconfig.getoption("--c06-official-url")
    addresses = {"test": url} | ({"official": official} if official else {})
    with running(
        addresses,
        control=pytestconfig.getoption("--c06-control") or _CONTROL,
        token=_find_token(pytestconfig.getoption("--c06-token-file")),
    ) as place:
        yield place


@pytest.fixture
def c06(c06_place: "Place") -> "Iterator[C06]":
    """A registry of this test's own: its people, faults, clock and journal are nobody else's."""
    from mock_c06.testing.scene import open_scene  # noqa: PLC0415 - loaded where a test needs it

    with open_scene(c06_place) as scene:
        yield scene


def _require_no_other_option(config: pytest.Config) -> None:
    """Whoever says where a running mock is must not be answered by another one."""
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
