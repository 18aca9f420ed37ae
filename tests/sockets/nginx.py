"""A real nginx with the configuration that we ship, in front of a gateway; ended with the block."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SHIPPED = Path(__file__).resolve().parent.parent.parent / "deploy" / "nginx.conf"
NAME = "api.dvctt.example"
_AROUND = """
daemon off;
worker_processes 1;
error_log {folder}/error.log notice;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/of-all.log; # as a distribution has it, for whoever says nothing else
    include {folder}/dancu-gateway.conf;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running nginx: its port, and the folder of its logs."""

    port: int
    folder: Path

    def log(self) -> str:
        """Return what it logged of the requests."""
        return (self.folder / "dancu-gateway.log").read_text(encoding="utf-8")


def find_nginx() -> str:
    """Return nginx's path; without one the test is skipped, and fails in CI."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])  # noqa: TID251 - where servers are
    found = shutil.which("nginx", path=path)
    if found is None:
        reason = "nginx is not installed: apt-get install nginx"
        if os.environ.get("CI"):  # noqa: TID251 - CI must not pass without it
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def running_nginx(
    folder: Path, *, port: int, certificate: Path, upstream: str, changes: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Run nginx with the shipped file, its four places filled in; `changes` replace further words of it."""
    words = {
        "443": str(port),
        "/etc/nginx/tls/gateway.pem": str(certificate),
        "/etc/nginx/tls/gateway.key": str(certificate),
        "127.0.0.1:8000": upstream,
        "/var/log/nginx": str(folder),
        **(changes or {}),
    }
    text = SHIPPED.read_text(encoding="utf-8")
    for word, other in words.items():
        assert word in text
        text = text.replace(word, other)
    (folder / "dancu-gateway.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder), encoding="utf-8")
    command = [
        find_nginx(),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield Proxy(port=port, folder=folder)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=30)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx did not start")
