"""The scene of `make serve` on free ports, programs that run in it, and the code blocks of a guide."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.processes import Programs
from demo.scene import Scene, set_up
from demo.serving import Ports, keep_accounts
from tests.kit.source import ROOT

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced code block, the words after its fence, and the line where it starts."""

    words: str
    text: str
    line: int


def read_blocks(text: str) -> list[Block]:
    """Return the fenced code blocks of a document."""
    return [
        Block(words=found[1], text=found[2], line=text[: found.start()].count("\n") + 1)
        for found in _BLOCK.finditer(text)
    ]


SEARCH_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # noqa: TID251 - a child's environment


@contextmanager
def serving_scene(folder: Path) -> Iterator[Scene]:
    """Keep mock, gateway and the two accounts of `make serve` running; their files go to `folder`."""
    ports = Ports(mock=0, official=0, control=0, login=0, gateway=0, portal=0)
    with Programs(folder) as programs:
        yield set_up(programs, {}, accounts=lambda running: keep_accounts(running, folder, ports, "own"))


def run_here(command: Sequence[str | Path], **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in the project's folder; of the caller's environment it gets the PATH only."""
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
    """Fail, and do not skip, if the examples in curl can't run."""
    assert shutil.which("curl"), "curl is missing: install it, the examples in curl are run by this test"
