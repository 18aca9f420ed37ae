"""The scene of `make serve` on free ports, and programs that are run in it as a portal's developer would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.processes import Programs
from demo.scene import Scene, set_up
from tests.shape.source import ROOT

SEARCH_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # noqa: TID251 - a child's environment


@contextmanager
def serving_scene(folder: Path) -> Iterator[Scene]:
    """Keep mock, gateway and the two accounts of `make serve` up; their files go to `folder`."""
    with Programs(folder) as programs:
        yield set_up(programs, {})


def run_here(command: Sequence[str | Path], **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command from the project's folder, with nothing of the caller's environment but the PATH."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": SEARCH_PATH, "NO_PROXY": "127.0.0.1"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def need_curl() -> None:
    """Fail, rather than skip, where the examples in curl cannot be shown."""
    assert shutil.which("curl"), "curl is missing: install it, the examples in curl are run by this test"
