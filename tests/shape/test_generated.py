"""Generated files match the code: the OpenAPI document, the tests named in the threat model, the coverage
of answers.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.answers_seen import read_document, read_rows
from tests.kit.source import ROOT

COVERAGE = ROOT / "docs" / "contract-coverage.json"


def test_the_openapi_file_is_what_the_gateway_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "openapi"], capture_output=True, check=True, cwd=ROOT
    )
    stored = (ROOT / "openapi" / "gateway.json").read_bytes()
    assert printed.stdout == stored, "run `make fix` and look at what changed in the contract"


def test_the_threat_model_names_exactly_the_existing_tests() -> None:
    command = [sys.executable, "tools/threats.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert checked.stderr == ""


def _check_coverage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "tools/contract_coverage.py", "--check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_each_answer_of_the_contract_has_one_row_in_the_coverage() -> None:
    rows = json.loads(COVERAGE.read_text(encoding="utf-8"))["rows"]
    named = [f"{row['method']} {row['path']} {row['status']} {row['code'] or ''}".rstrip() for row in rows]
    assert named == list(read_rows(read_document()))


def test_each_row_of_the_coverage_names_a_test_that_exists() -> None:
    checked = _check_coverage()
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The coverage, in which the rows of moved tests are already updated."""
    file = tmp_path_factory.mktemp("updated") / "coverage.json"
    file.write_bytes(COVERAGE.read_bytes())
    _write_coverage(file)
    return file.read_bytes()


@pytest.fixture
def coverage(updated: bytes, tmp_path: Path) -> Path:
    """A copy of it."""
    file = tmp_path / "coverage.json"
    file.write_bytes(updated)
    return file


def _write_coverage(file: Path) -> None:
    command = [sys.executable, "tools/contract_coverage.py", "--quick", "--file", str(file)]
    subprocess.run(command, check=True, cwd=ROOT)


STALE = (
    ('"test": "tests/gateway/', '"test": "tests/old/', " moved to tests/gateway/"),
    ("::test_every_", "::test_the_late_", " is gone ("),
    ('"path": "/docs", "status": 405', '"path": "/docs", "status": 499', "no row for `GET /docs 405"),
)
SPACES = (' "rows": [', '"rows": [', "written by hand\n")


@pytest.mark.parametrize("changes", [STALE, (SPACES,)], ids=["rows", "spaces"])
def test_a_stale_row_is_named_with_the_command_that_updates_it(
    changes: tuple[tuple[str, str, str], ...], coverage: Path
) -> None:
    text = coverage.read_text(encoding="utf-8")
    for kept, changed, _ in changes:
        assert kept in text
        text = text.replace(kept, changed, 1)
    coverage.write_text(text, encoding="utf-8")
    checked = _check_coverage("--file", str(coverage))
    assert checked.returncode == 1
    assert [said for *_, said in changes if said not in checked.stderr] == []
    assert checked.stderr.endswith("run `.venv/bin/python tools/contract_coverage.py`\n")


def test_a_row_follows_its_test_to_another_file(coverage: Path) -> None:
    stored = coverage.read_text(encoding="utf-8")
    coverage.write_text(stored.replace("tests/contract/", "tests/elsewhere/"), encoding="utf-8")
    _write_coverage(coverage)
    assert coverage.read_text(encoding="utf-8") == stored
