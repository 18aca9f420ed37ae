"""What is generated is what the code gives: `openapi/gateway.json` is never edited by hand."""

import subprocess
import sys

from tests.shape.source import ROOT


def test_the_openapi_file_is_what_the_gateway_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "openapi"], capture_output=True, check=True, cwd=ROOT
    )
    stored = (ROOT / "openapi" / "gateway.json").read_bytes()
    assert printed.stdout == stored, "run `make fix` and look at what changed in the contract"
