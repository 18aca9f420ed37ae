"""Start the mock registry and the gateway as their users do, and end them whatever happens.

Everything is written below one folder of the project's `var/`; ports are free ones unless named.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from demo.settings import child_environment

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class StartFailed(Exception):
    """A program did not come up; the reason is its own last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockAddresses:
    """Where the mock registry listens."""

    test: str
    official: str
    control: str
    control_token: str


def make_private_folder(folder: Path) -> None:
    """Make a folder of the demo's own for its owner only: stores, keys and logs lie there. One that is there is tightened."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


class Programs:
    """The running children. A context manager: leaving it ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_private_folder(folder)
        self._running: list[subprocess.Popen[bytes]] = []
        self._gateway_environment: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        """Hold the children."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the children, the last started first."""
        for process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._running):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_mock(self, *, port: int = 0, official_port: int = 0, control_port: int = 0) -> MockAddresses:
        """Start `mock-c06 serve` and return what it printed."""
        ports = ["--port", port, "--official-port", official_port, "--control-port", control_port]
        log = self._start("mock_c06", ["serve", *map(str, ports)], child_environment())
        test = self._wait_for(log, r"^test: (\S+)")
        official = self._wait_for(log, r"^official: (\S+)")
        control = self._wait_for(log, r"^control: (\S+) token=(\S+)")
        return MockAddresses(test=test[1], official=official[1], control=control[1], control_token=control[2])

    def settle(self, settings: Mapping[str, str]) -> None:
        """Give the gateway's programs their settings from now on."""
        self._gateway_environment = child_environment(**settings)

    def start_gateway(self, settings: Mapping[str, str], *, port: int = 0) -> str:
        """Start `gateway serve` with these settings and return its address."""
        self.settle(settings)
        log = self._start("gateway", ["serve", "--port", str(port)], self._gateway_environment)
        return self._wait_for(log, r"^gateway: (\S+)")[1]

    def gateway(self, *arguments: str, said: str = "", token: str | None = None) -> Any:
        """Run a `gateway` command of the running gateway's settings and return its JSON.

        `said` goes to its standard input; `token` is the session of the operator who acts.
        """
        return json.loads(self.gateway_says(*arguments, "--json", said=said, token=token))

    def gateway_says(self, *arguments: str, said: str = "", token: str | None = None) -> str:
        """Run a `gateway` command of the running gateway's settings and return what it prints."""
        session = {} if token is None else {"GATEWAY_OPERATOR_TOKEN": token}
        return self._run("gateway", arguments, {**self._gateway_environment, **session}, said)

    def mock(self, *arguments: str) -> Any:
        """Run a `mock-c06` command and return its JSON."""
        return json.loads(self._run("mock_c06", [*arguments, "--json"], child_environment()))

    def wait(self) -> None:
        """Wait until a child ends or the user interrupts."""
        while all(process.poll() is None for process in self._running):
            time.sleep(0.3)

    def _start(self, module: str, arguments: list[str], environment: Mapping[str, str]) -> Path:
        log = self.folder / f"{module}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return log

    def _wait_for(self, log: Path, pattern: str) -> re.Match[str]:
        process = self._running[-1]
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            text = log.read_text(encoding="utf-8", errors="replace")
            if (found := re.search(pattern, text, re.MULTILINE)) is not None:
                return found
            if process.poll() is not None:
                raise StartFailed(f"{log.stem} ended at start: {_last_line(text)}")
            time.sleep(0.05)
        raise StartFailed(f"{log.stem} did not start within {START_SECONDS:.0f} s: see {log}")

    def _run(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], said: str = ""
    ) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=environment,
            input=said.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            reason = _last_line(done.stderr.decode(errors="replace"))
            raise StartFailed(f"{module} {' '.join(arguments[:2])}: {reason}")
        return done.stdout.decode()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
