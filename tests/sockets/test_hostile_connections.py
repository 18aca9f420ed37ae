"""Threat 36 against `gateway serve`: thousands of idle callers and endless heads; a normal caller is still answered."""

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.edge.connections import MAX_CONNECTIONS
from tests.kit.programs import Place, Running, log_in
from tests.kit.scene import enquiry

IDLE = 10_000
OUR_OWN = 200


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Let this process open as many files as the system allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_threat_36_ten_thousand_idle_connections_do_not_block_a_normal_caller(place: Place) -> None:
    account = place.make_account()
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert allowed >= IDLE + OUR_OWN, f"raise the hard limit of open files (ulimit -Hn): {allowed} is too low"
    with place.serving() as running, log_in(running, account) as portal:
        assert portal.post("/verifications", json=enquiry()).status_code == 201
        before = _memory(running)
        with _idle(running, IDLE):
            assert httpx.get(f"{running.address}/livez", timeout=30).status_code == 200
            with log_in(running, account) as another:
                assert another.post("/verifications", json=enquiry(dossier="HN-1")).status_code == 200
            assert portal.post("/verifications", json=enquiry()).status_code == 200
            assert _memory(running) < before + 150
    ended = [event for event in place.events("connections_ended") if "evicted" in event]
    assert sum(event["evicted"] for event in ended) >= IDLE - MAX_CONNECTIONS


@pytest.mark.parametrize(
    "piece", [b"X-More: " + b"x" * 60_000 + b"\r\n", b"x" * 60_000], ids=["headers", "one"]
)
def test_threat_36_a_head_without_end_uses_no_more_memory(place: Place, piece: bytes) -> None:
    with place.serving() as running:
        before = _memory(running)
        with _connect(running) as flood:
            flood.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ")
            with pytest.raises(ConnectionError):
                _send_for_ever(flood, piece)
        assert _memory(running) < before + 20
        assert httpx.get(f"{running.address}/livez").status_code == 200
    assert [event["headers_too_large"] for event in place.events("connections_ended")] == [1]


@contextmanager
def _idle(running: Running, count: int) -> Iterator[None]:
    with ExitStack() as opened:
        for _ in range(count):
            opened.enter_context(_connect(running))
        yield


def _send_for_ever(flood: socket.socket, piece: bytes) -> None:
    for _ in range(5000):
        flood.sendall(piece)


def _connect(running: Running) -> socket.socket:
    address = httpx.URL(running.address)
    return socket.create_connection((address.host, address.port or 0), timeout=30)


def _memory(running: Running) -> int:
    """Return a gateway's resident memory, in MiB."""
    status = Path(f"/proc/{running.process.pid}/status")
    if not status.exists():
        pytest.skip("this system doesn't tell a process' memory")
    with contextlib.suppress(StopIteration):
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) // 1024
    pytest.fail("the gateway is gone")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((300, 400), (400, 144)),
        ((300, 9000), (MAX_CONNECTIONS + 256, MAX_CONNECTIONS)),
        ((9000, 9000), (9000, MAX_CONNECTIONS)),
    ],
)
def test_a_server_raises_its_file_limit_to_what_it_needs_and_no_further(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    program = (
        "import resource; from gateway.edge.connections import connection_limit as most;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, {before});"
        "print(most(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(after[1]), str(after[0])]
