"""The plugin from outside: what it offers, what it refuses, what it loads, and how it is found."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.mock_c06.testing.pages import CONFTEST, INI

ROOT = Path(__file__).resolve().parents[3]
TWO_TESTS = """
def test_one(c06):
    c06.put_person(citizen_id="001090000990", full_name="Phạm Thị Mới", birth_date="1990-05-06")
    assert c06.run not in seen
    seen.append(c06.run)

def test_two(c06):
    assert c06.run not in seen
    assert "001090000990" not in [p["citizen_id"] for p in c06._control.of_run("GET", "/world")["people"]]

seen = []
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TWO_TESTS)
    return pytester


def test_each_test_of_a_session_has_a_run_of_its_own(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("-q").assert_outcomes(passed=2)


def test_the_options_and_the_fixture_are_listed(project: pytest.Pytester) -> None:
    options = project.runpytest_inprocess("--help").stdout.str()
    assert all(name in options for name in ("--c06-url", "--c06-control", "--c06-token-file"))
    assert "A registry for this test alone" in project.runpytest_inprocess("--fixtures").stdout.str()


def test_a_running_mock_without_a_token_is_refused_in_one_line(project: pytest.Pytester) -> None:
    outcome = project.runpytest_inprocess("-q", "--c06-url=http://127.0.0.1:1")
    outcome.assert_outcomes(errors=2)
    outcome.stdout.fnmatch_lines(["*--c06-url needs --c06-token-file, or MOCK_C06_CONTROL_TOKEN*"])


@pytest.mark.parametrize("option", ["--c06-control", "--c06-official-url", "--c06-token-file"])
def test_an_option_of_a_running_mock_is_never_answered_by_one_in_process(
    project: pytest.Pytester, option: str
) -> None:
    outcome = project.runpytest_inprocess("-q", f"{option}=http://127.0.0.1:1")
    outcome.assert_outcomes(errors=2)
    outcome.stdout.fnmatch_lines([f"*{option} is of a running mock: give --c06-url too*"])


def test_a_token_file_that_is_not_there_is_told_in_one_line(project: pytest.Pytester) -> None:
    outcome = project.runpytest_inprocess("-q", "--c06-url=http://127.0.0.1:1", "--c06-token-file=nowhere")
    outcome.assert_outcomes(errors=2)
    outcome.stdout.fnmatch_lines(["*--c06-token-file nowhere: No such file or directory*"])


def test_a_mock_that_does_not_run_is_named_by_its_address(project: pytest.Pytester, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x", encoding="utf-8")
    outcome = project.runpytest_inprocess(
        "-q", "--c06-url=http://127.0.0.1:1", "--c06-control=http://127.0.0.1:1", f"--c06-token-file={token}"
    )
    outcome.assert_outcomes(errors=2)
    outcome.stdout.fnmatch_lines(["*no control face at http://127.0.0.1:1*"])


def test_loading_the_plugin_loads_nothing_of_the_mock_or_the_gateway() -> None:
    program = (
        "import sys, mock_c06.testing.plugin as p;"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in {'mock_c06', 'gateway', 'fastapi', 'httpx', 'lxml'}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ended.stdout.strip() == "['mock_c06', 'mock_c06.testing', 'mock_c06.testing.plugin']"


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"c06": "mock_c06.testing.plugin"}
