"""Every example of docs/mock-pytest.md runs, in-process and against a mock on real sockets."""

import re
from pathlib import Path

import pytest

from tests.kit.programs import serving_mock
from tests.mock_c06.testing.pages import CONFTEST, INI, PAGE, read_files

TESTS = 9


@pytest.fixture
def examples(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project that holds the page's files."""
    files = read_files(PAGE.read_text(encoding="utf-8"))
    assert len(re.findall(r"^def test_", "".join(files.values()), re.MULTILINE)) == TESTS
    files["conftest.py"] += CONFTEST
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    pytester.syspathinsert()
    pytester.makeini(INI)
    return pytester


def test_the_examples_of_the_page_pass_without_a_server(examples: pytest.Pytester) -> None:
    examples.runpytest_inprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=TESTS)


@pytest.mark.sockets
def test_the_examples_of_the_page_pass_against_a_running_mock(
    examples: pytest.Pytester, tmp_path: Path
) -> None:
    with serving_mock() as served:
        token = tmp_path / "token"
        token.write_text(served.token + "\n", encoding="utf-8")
        outcome = examples.runpytest_inprocess(
            "-q",
            f"--c06-url={served.test}",
            f"--c06-control={served.control}",
            f"--c06-token-file={token}",
        )
    outcome.assert_outcomes(passed=TESTS)
