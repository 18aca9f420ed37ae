"""A store on a disk that fills up under a running gateway: what callers, the probe and the log say, and the return."""

import contextlib
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import Served, place_beside, wait_for

_ON_A_SMALL_DISK = (
    "unshare",
    "-rm",
    "sh",
    "-c",
    'mkdir -p var; mount -t tmpfs -o size=4m none var; exec "$@"',
    "sh",
)


@pytest.fixture
def small_disk() -> tuple[str, ...]:
    """The command that gives a program a folder `var` of 4 MiB, which only this program sees."""
    tried = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"],
        check=False,
        capture_output=True,
        timeout=10,
    )
    if tried.returncode:
        pytest.skip("this machine gives a test no file system of its own")
    return _ON_A_SMALL_DISK


def test_threat_35_a_full_disk_is_named_by_the_probe_and_the_log_until_it_has_space(
    mock: Served, tmp_path: Path, small_disk: tuple[str, ...]
) -> None:
    place = place_beside(mock, tmp_path)
    with place.serving(within=small_disk) as running:
        assert httpx.get(f"{running.address}/readyz").status_code == 200
        filler = Path(f"/proc/{running.process.pid}/root{tmp_path}/var/filler")
        _fill(filler)
        time.sleep(1.1)  # the age of a probe
        full = httpx.get(f"{running.address}/readyz")
        token = httpx.post(
            f"{running.address}/sandbox/oauth2/token", data={"grant_type": "client_credentials"}
        )
        filler.unlink()
        wait_for(lambda: httpx.get(f"{running.address}/readyz").status_code == 200)
    assert (full.status_code, full.json()["status"], full.json()["cause"]) == (
        503,
        "store_unavailable",
        "disk_full",
    )
    assert token.status_code in {400, 401, 503}
    (line,) = place.events("store_unavailable")
    assert (line["cause"], line["remedy"]) == ("disk_full", "free space on the store's disk")
    assert line["store"] == f"{tmp_path}/var/gateway.db"
    assert place.events("store_works")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
