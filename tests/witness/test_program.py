"""`witness serve` as a program: its key, its record, its exit codes."""

import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

from witness.notes import Cosigner, parse_key
from witness.server import MOST_CONNECTIONS, Server

COMMAND = (sys.executable, "-m", "witness", "serve", "--gateway", "http://127.0.0.1:1", "--port", "0")

pytestmark = pytest.mark.sockets


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """Keep a witness of a log that is not there running; yield its process, address and key."""
    process = subprocess.Popen(
        [*COMMAND, "--key", "witness.key", *options], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address, key = (process.stdout.readline().strip().partition(": ")[2] for _ in range(2))
        yield process, address, key
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@contextmanager
def strangers(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Keep connections to a witness open that have sent half a head."""
    url, opened = httpx.URL(address), list[socket.socket]()
    try:
        for _ in range(count):
            opened.append(socket.create_connection((url.host, url.port or 80), timeout=30))
            opened[-1].sendall(b"GET /key HTTP/1.1\r\nHost: ")
        yield opened
    finally:
        for each in opened:
            each.close()


@pytest.mark.parametrize("program", ["witness", "portal"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script_of_completion(program: str, shell: str) -> None:
    asked = ["env", f"_{program.upper()}_COMPLETE=source_{shell}"]
    done = subprocess.run(
        [*asked, sys.executable, "-m", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"bash": "complete -o", "zsh": "#compdef", "fish": "complete --command"}[shell] in done.stdout
    assert program in done.stdout


def is_closed(connection: socket.socket) -> bool:
    """Wait for the other side, and return whether it has closed the connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def run(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *options], cwd=folder, text=True, capture_output=True, timeout=30, check=False
    )


def test_a_witness_makes_its_key_for_its_owner_alone_and_keeps_it(tmp_path: Path) -> None:
    keys = []
    for name in (("--name", "auditor.example"), ()):
        with serving(tmp_path, *name) as (process, address, key):
            assert parse_key(httpx.get(f"{address}/key").text.strip()) == parse_key(key)
            until = time.monotonic() + 20
            while (state := httpx.get(f"{address}/state")).json()["state"] == "starting":
                assert time.monotonic() < until
            assert (state.status_code, state.json()["state"]) == (503, "unreachable")
            assert httpx.get(f"{address}/checkpoint").status_code == 404
            keys.append(key)
        assert process.returncode == 0
    assert keys[0] == keys[1]
    assert keys[0].startswith("auditor.example+")
    file = tmp_path / "witness.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(Cosigner.parse(file.read_text(encoding="utf-8")).key) == keys[0]


def test_a_second_witness_with_the_same_key_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path):
        done = run(tmp_path, "--key", "witness.key")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: witness.key.record: another witness uses it")


@pytest.mark.parametrize(
    ("options", "content", "reason"),
    [
        (("--key", "file"), "not a key", "error: file: not a witness's key; name a new file to make one"),
        (("--key", "no/such/folder"), "", "error: no/such/folder: can't be made (No such file or directory)"),
        (("--key", "new", "--log-key", "file"), "x", "error: file: not a key; expected name+id+base64, as /key"),
        (("--key", "new", "--log-key", "none"), "", "error: none: can't be read (No such file or directory)"),
        (("--key", "new", "--log-key", "/dev/zero"), "", "error: /dev/zero: can't be read (over 64 KiB)"),
        (("--key", "/dev/zero"), "", "error: /dev/zero: not a witness's key; name a new file to make one"),
        (("--key", "new", "--gateway", "http://[::1"), "", "error: --gateway: expected an address such as https://"),
        (("--key", "new", "--gateway", "gateway.example"), "", "error: --gateway: expected an address such as https://"),
        (("--key", "new", "--gateway", "https://xn--a"), "", "error: --gateway: expected an address such as https://"),
        (("--key", "new", "--gateway", "\udcff"), "", "error: --gateway: expected an address such as https://"),
        (("--key", "new", "--interval", "nan"), "", "error: --interval is a number of seconds"),
        (("--key", "new", "--host", "\u202ex"), "", "error: can't listen on \u202ex port 0: no host name"),
        (("--key", "new", "--name", "a b"), "", "error: 'a b': a name of 1 to 255 characters is expected"),
    ],
)  # fmt: skip
def test_a_start_that_is_not_possible_says_why_in_one_line(
    tmp_path: Path, options: tuple[str, ...], content: str, reason: str
) -> None:
    (tmp_path / "file").write_text(content, encoding="utf-8")
    done = run(tmp_path, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(reason)


@pytest.mark.parametrize("program", ["witness", "portal"])
def test_an_output_that_takes_nothing_is_one_line(program: str) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", sys.executable, "-m", program, "--version"],
        stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    told = "error: the output can't be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_wrong_use_exits_2_and_the_help_has_an_example(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 2
    told = run(tmp_path, "--help")
    assert (told.returncode, "witness serve --gateway https://" in told.stdout) == (0, True)


def test_threat_36_strangers_with_idle_connections_keep_nobody_from_a_witness(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, address, key), strangers(address, 300) as opened:
        assert httpx.get(f"{address}/key").text.strip() == key
        assert is_closed(opened[0])  # it has waited longest


async def test_threat_36_connections_that_come_at_once_are_limited_before_the_server_looks_after_them() -> (
    None
):
    """Its look after them, ten times a second, never comes here: this many would have used up its files."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        server = Server(PlainTextResponse("here"))
        server.config.lifespan = "off"
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listener])
        address = "http://{}:{}".format(*listener.getsockname())
        with strangers(address, MOST_CONNECTIONS + 60):
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(address)).text == "here"
            assert len(server.server_state.connections) == MOST_CONNECTIONS
        await server.shutdown(sockets=[listener])


def test_threat_36_a_head_without_end_is_refused_and_not_kept_in_memory(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, address, key), strangers(address, 1) as (one,):
        with pytest.raises(ConnectionError):
            one.sendall(b"a" * (16 << 20))
        assert httpx.get(f"{address}/key").text.strip() == key
