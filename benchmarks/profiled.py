"""The demo's programs with the gateway under a profiler, a module of this package that two signals control.

BEGIN begins a measurement, END ends it and writes the result to the file in the profiler's arguments. They are real-time
signals, since the server uses SIGHUP and SIGUSR1 itself.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.processes import ROOT
from demo.processes import Programs

BEGIN, END = signal.SIGRTMIN, signal.SIGRTMIN + 1
RESULT_SECONDS = 10


class ProfiledPrograms(Programs):
    """The demo's programs; `profiler` is the module that runs `gateway serve`."""

    def __init__(self, folder: Path, *, profiler: str) -> None:
        super().__init__(folder)
        self._profiler = profiler
        self._result = folder / "profile.txt"

    def start_gateway(self, settings: Mapping[str, str], *, port: int = 0) -> str:
        """Start the gateway with the profiler; nothing is measured yet."""
        self.settle({"PYTHONPATH": str(ROOT), **settings})
        arguments = [str(self._result), "serve", "--port", str(port)]
        log = self._start(self._profiler, arguments, self._gateway_environment)
        self._measured = self._running[-1].pid
        return self._wait_for(log, r"^gateway: (\S+)")[1]

    def begin(self) -> None:
        """Begin a measurement."""
        self._result.unlink(missing_ok=True)
        os.kill(self._measured, BEGIN)

    def end(self) -> Path:
        """End the measurement; return the file with the result."""
        os.kill(self._measured, END)
        until = time.monotonic() + RESULT_SECONDS
        while not self._result.exists():
            if time.monotonic() > until:
                raise RuntimeError(f"the profiled gateway wrote no result within {RESULT_SECONDS} s")
            time.sleep(0.05)
        return self._result
