"""The real program at a terminal of its own, where secrets are typed and must not be shown."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import sleep

import pytest

from tests.kit.commands import BARE


def type_at_terminal(
    folder: Path, *arguments: str, typed: Mapping[str, str], hidden: bool = True, **environment: str
) -> tuple[str, str]:
    """Run a command, typing each answer once it is asked for; return what it printed, and what the terminal showed.

    Each answer but a visible one is typed once the terminal no longer shows what is typed.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=folder,
        env=BARE | environment,
        start_new_session=True,  # without the suite's own terminal, where there is one
    ) as program:
        os.close(theirs)
        shown = b""
        try:
            for asked, answer in typed.items():
                shown += _wait_for(ours, asked.encode(), hidden=hidden)
                os.write(ours, f"{answer}\n".encode())
            out, _ = program.communicate(timeout=60)
        finally:
            program.kill()
        with suppress(OSError):  # the other end is closed; what it was sent before is still there
            while more := os.read(ours, 1024):
                shown += more
        os.close(ours)
    return out.decode(), shown.decode()


def show_at_terminal(folder: Path, *arguments: str, columns: int) -> str:
    """Return what a command prints at a terminal of this width."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    command = [sys.executable, "-m", "gateway", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=folder, env=BARE) as program:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # a terminal whose other end is closed
            while more := os.read(ours, 1024):
                shown += more
        assert program.wait(timeout=60) == 0
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _wait_for(terminal: int, words: bytes, *, hidden: bool) -> bytes:
    """Return what a program shows at its terminal, up to where it says these words and is ready to read."""
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 1024)
    for _ in range(1000):
        if not hidden or not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return shown
        sleep(0.01)
    pytest.fail("what is typed would be shown")
