"""What is generated is what the code gives: the OpenAPI document, and the columns of tests beside threats and answers."""

import subprocess
import sys

from tests.shape.source import ROOT


def test_the_openapi_file_is_what_the_gateway_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "openapi"], capture_output=True, check=True, cwd=ROOT
    )
    stored = (ROOT / "openapi" / "gateway.json").read_bytes()
    assert printed.stdout == stored, "run `make fix` and look at what changed in the contract"


def test_the_threat_model_names_the_tests_that_there_are() -> None:
    command = [sys.executable, "tools/threats.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert checked.stderr == ""


def test_each_answer_of_the_contract_names_a_test_that_there_is() -> None:
    command = [sys.executable, "tools/contract_coverage.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (checked.returncode, checked.stderr) == (0, "")
