"""Programs as copies of a process that has loaded gateway and mock: loading takes most of the time of a start.

`start_copy` runs what `python -m gateway` or `python -m mock_c06` would, in a process of its own, with a folder, arguments,
environment, output and exit code of its own. A test that is about the start itself runs the real command.
"""

import gc
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, reduction
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

LOADED = (
    "gateway.cli",
    "gateway.edge.cli",
    "gateway.server",
    "gateway.workers",
    "gateway.storage.cli",
    "mock_c06.commands.serve",
    "mock_c06.server",
    "mock_c06.app",
)
_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Copy:
    """A running copy, with what `subprocess.Popen` has."""

    process: BaseProcess
    stdout: TextIO

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code. Raises `subprocess.TimeoutExpired`."""
        self.process.join(timeout)
        code = self.process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.process.name, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_copy(
    program: str, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: int = 2
) -> Copy:
    """Start `program` with arguments; `log` is the descriptor of its standard error."""
    reader, writer = os.pipe()
    process = _SERVER.Process(
        name=program,
        target=_run,
        args=(program, [*arguments], dict(environment), str(folder), _Descriptors((writer, log))),
    )
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")  # which a copy would load: pytest
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
        os.close(writer)
    return Copy(process, os.fdopen(reader, encoding="utf-8"))


class _Descriptors:
    """Open files that a copy gets too."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = [*numbers]

    def __getstate__(self) -> Any:
        return [reduction.DupFd(number) for number in self.numbers]

    def __setstate__(self, passed: Any) -> None:
        self.numbers = [each.detach() for each in passed]


def _run(
    program: str, arguments: list[str], environment: dict[str, str], folder: str, output: _Descriptors
) -> None:
    for number, passed in zip((1, 2), output.numbers, strict=True):
        os.dup2(passed, number)
        os.close(passed)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
    os.environ.clear()  # noqa: TID251 - the program's own
    os.environ.update(environment)  # noqa: TID251 - as above
    os.chdir(folder)
    sys.argv = [program, *arguments]
    main = importlib.import_module(f"{program}.__main__")
    sys.modules["__main__"] = main  # a worker that a supervisor starts anew loads it first
    main.main()


def _load() -> None:
    importlib.import_module("gateway.__main__").leave_out()
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


if "pytest" not in sys.modules:  # the process that is copied
    _load()
