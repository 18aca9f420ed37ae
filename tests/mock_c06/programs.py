"""The real program on real sockets, for tests that need both; every port is ephemeral."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

COMMAND = (sys.executable, "-m", "mock_c06")
BARE = {name: value for name, value in os.environ.items() if not name.startswith("MOCK_C06_")}  # noqa: TID251 - a child's environment
EPHEMERAL = ("--port", "0", "--official-port", "0", "--control-port", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running mock, as its own lines announce it."""

    process: "subprocess.Popen[str]"
    lines: tuple[str, ...]
    test: str
    official: str
    control: str
    token: str


def run(*arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin.encode(),
        capture_output=True,
        env=BARE | environment,
        timeout=30,
        check=False,
    )


@contextmanager
def serving(*arguments: str, command: Sequence[str] = COMMAND) -> Iterator[Served]:
    """Keep a mock running; it is ended by its own id."""
    process = subprocess.Popen(
        [*command, "serve", *EPHEMERAL, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=BARE,
    )
    try:
        assert process.stdout is not None
        lines = tuple(process.stdout.readline().strip() for _ in range(4))
        announced = dict(line.split(": ", 1) for line in lines)
        control, _, token = announced["control"].partition(" token=")
        yield Served(
            process=process,
            lines=lines,
            test=announced["test"],
            official=announced["official"],
            control=control,
            token=token,
        )
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
