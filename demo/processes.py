"""Start the mock registry and the gateway as their users do, and end them in any case.

Everything is written below one folder of the project's `var/`; ports are free ones unless named.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from demo.settings import child_environment

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class StartFailed(Exception):
    """A program did not start; the reason is its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockAddresses:
    """The addresses of the mock registry."""

    test: str
    official: str
    control: str
    control_token: str
    login: str


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner only, for stores, keys and logs; remove other users' rights from an existing one.

    Raises:
        StartFailed: this user can't make it, or it is a file.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StartFailed(
            f"{folder} can't be made a folder of this user ({error.strerror}): name another one"
        ) from None


def say_nothing(stage: str) -> None:
    """Report no progress."""


class Programs:
    """The running child processes. A context manager that ends all of them. `say` gets each stage of the start."""

    def __init__(self, folder: Path, *, say: Callable[[str], None] = say_nothing) -> None:
        self.folder = folder
        self.say = say
        make_private_folder(folder)
        self._running: list[subprocess.Popen[bytes]] = []
        self._gateway_environment: Mapping[str, str] = {}
        self._served: tuple[subprocess.Popen[bytes], str] | None = None
        self._witness: subprocess.Popen[bytes] | None = None
        self.witness = ""
        self.mock_settings: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        """Return the programs; none is started yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the children, in reverse order of their start."""
        for process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._running):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_mock(
        self, *, port: int = 0, official_port: int = 0, control_port: int = 0, login_port: int = 0
    ) -> MockAddresses:
        """Start `mock-c06 serve` with the settings of `mock_settings` and return what it printed."""
        ports = ["--port", port, "--official-port", official_port, "--control-port", control_port]
        ports += ["--login-port", login_port]
        log = self._start("mock_c06", ["serve", *map(str, ports)], child_environment(**self.mock_settings))
        test = self._wait_for(log, r"^test: (\S+)")
        official = self._wait_for(log, r"^official: (\S+)")
        control = self._wait_for(log, r"^control: (\S+) token=(\S+)")
        login = self._wait_for(log, r"^login: (\S+)")
        return MockAddresses(
            test=test[1],
            official=official[1],
            control=control[1],
            control_token=control[2],
            login=login[1],
        )

    def settle(self, settings: Mapping[str, str]) -> None:
        """Set the settings of the gateway's commands from now on."""
        self._gateway_environment = child_environment(**settings)

    def start_gateway(self, settings: Mapping[str, str], *, port: int = 0) -> str:
        """Start `gateway serve` with these settings and return its address."""
        self.settle(settings)
        return self._serve_gateway("gateway", port)

    def _serve_gateway(self, name: str, port: int) -> str:
        arguments = ["serve", "--port", str(port)]
        log = self._start("gateway", arguments, self._gateway_environment, name=name)
        address = self._wait_for(log, r"^gateway: (\S+)")[1]
        self._served = (self._running[-1], address)
        return address

    @contextmanager
    def gateway_stopped(self) -> Iterator[None]:
        """End the gateway, and start it again at its address after the block."""
        assert self._served is not None
        process, address = self._served
        self._end(process)
        yield
        self._serve_gateway("gateway", int(address.rpartition(":")[2]))

    @contextmanager
    def settled(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Change the settings of the gateway's commands while a block runs."""
        former = self._gateway_environment
        self._gateway_environment = {**former, **settings}
        try:
            yield
        finally:
            self._gateway_environment = former

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Keep a second gateway with the present settings running while a block runs; yield its address."""
        first = self._served
        try:
            yield self._serve_gateway("copy", 0)
        finally:
            if self._served is not None and self._served is not first:
                self._end(self._served[0])
            self._served = first

    @property
    def gateway_settings(self) -> Mapping[str, str]:
        """Return the settings of the gateway's commands."""
        return self._gateway_environment

    def start_witness(self, gateway: str) -> str:
        """Start `witness serve` with the demo's key and return its address."""
        arguments = [
            "serve",
            "--gateway",
            gateway,
            "--key",
            "witness.key",
            "--port",
            "0",
            "--interval",
            "0.2",
        ]
        log = self._start("witness", arguments, child_environment())
        self.witness = self._wait_for(log, r"^witness: (\S+)")[1]
        self._witness = self._running[-1]
        return self.witness

    def stop_witness(self) -> int:
        """End the witness and return its exit code."""
        assert self._witness is not None
        return self._end(self._witness)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        self._running.remove(process)
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP_SECONDS)

    def start_portal(self, settings: Mapping[str, str], *, port: int = 0) -> str:
        """Start `portal serve` with these settings and return its address."""
        log = self._start("portal", ["serve", "--port", str(port)], child_environment(**settings))
        return self._wait_for(log, r"^portal: (\S+)")[1]

    def gateway(self, *arguments: str, said: str = "", token: str | None = None) -> Any:
        """Run a `gateway` command with the running gateway's settings and return its JSON.

        `said` goes to its standard input; `token` is the session of the operator who acts.
        """
        return json.loads(self.gateway_says(*arguments, "--json", said=said, token=token))

    def gateway_says(self, *arguments: str, said: str = "", token: str | None = None) -> str:
        """Run a `gateway` command with the running gateway's settings and return its output."""
        session = {} if token is None else {"GATEWAY_OPERATOR_TOKEN": token}
        return self._run("gateway", arguments, {**self._gateway_environment, **session}, said)

    def mock(self, *arguments: str) -> Any:
        """Run a `mock-c06` command and return its JSON."""
        return json.loads(self._run("mock_c06", [*arguments, "--json"], child_environment()))

    def portal(self, *arguments: str) -> str:
        """Run a `portal` command and return its output."""
        return self._run("portal", arguments, child_environment())

    def wait(self) -> None:
        """Wait until a child ends or the user interrupts."""
        while all(process.poll() is None for process in self._running):
            time.sleep(0.3)

    def _start(
        self, module: str, arguments: list[str], environment: Mapping[str, str], *, name: str = ""
    ) -> Path:
        log = self.folder / f"{name or module}.log"
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
