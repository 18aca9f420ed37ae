"""Processor time and memory of process trees, read from Linux's /proc, and children that end with their block."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.settings import child_environment

ROOT = Path(__file__).resolve().parent.parent
_START_S, _END_S = 60, 20


def read_cpu_s(root: int) -> float:
    """Return the seconds of processor time that a process, its descendants and their ended children have used."""
    ticks = sum(sum(map(int, words[11:15])) for _, words in _tree(root))
    return ticks / os.sysconf("SC_CLK_TCK")


def read_largest_mib(root: int) -> float:
    """Return the resident memory of the tree's largest process, in MiB."""
    page = os.sysconf("SC_PAGE_SIZE")
    return max((int(words[21]) * page for _, words in _tree(root)), default=0) / (1 << 20)


def list_descendants(root: int) -> list[int]:
    """Return the ids of the living descendants of a process, without itself."""
    return [pid for pid, _ in _tree(root) if pid != root]


def _tree(root: int) -> list[tuple[int, list[str]]]:
    """Return ids and words of /proc/ID/stat (after the name) of a process and its descendants."""
    found: dict[int, list[str]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if words:
            found[int(entry.parent.name)] = words
    members = [root] if root in found else []
    for parent in members:
        members += [pid for pid, words in found.items() if int(words[1]) == parent]
    return [(pid, found[pid]) for pid in members]


def find_free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, *, stdin: str = "", cwd: Path = ROOT, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program until it listens on this loopback port; end it by its process id. Raises `RuntimeError`."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=_surroundings(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        wait_for_port(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _surroundings(environment: Mapping[str, str]) -> Mapping[str, str]:
    return child_environment(PYTHONPATH=str(ROOT), **environment)


def wait_for_port(process: "subprocess.Popen[str]", port: int) -> None:
    """Wait until somebody listens on the port. Raises `RuntimeError` if the program ends before, or is too slow."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{' '.join(map(str, process.args[:4]))} did not start")  # type: ignore[index]  # a list
