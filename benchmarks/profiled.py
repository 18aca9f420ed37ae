"""The demo's programs with the gateway under a profiler, a module of this package that two signals control.

SIGUSR1 begins a measurement, SIGUSR2 ends it and writes the result to the file in the profiler's arguments.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from demo.processes import Programs

ROOT = Path(__file__).resolve().parent.parent


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
        os.kill(self._measured, signal.SIGUSR1)

    def end(self) -> Path:
        """End the measurement; return the file with the result."""
        os.kill(self._measured, signal.SIGUSR2)
        while not self._result.exists():
            time.sleep(0.05)
        return self._result
