"""`python -m demo run`: eighteen steps, and nothing remains; a wrong world is a failed step."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from demo.processes import Programs
from demo.report import Report
from demo.scene import set_up
from demo.steps import MainJob, StepFailed
from demo.used_store import unused
from portal.gateway_client import GatewayClient
from tests.kit.scene import MASTER_KEY
from tests.kit.source import ROOT
from tests.kit.stores import Server

COMMAND = [sys.executable, "-m", "demo", "run"]
VAR = ROOT / "var"


def leftovers() -> set[str]:
    return {path.name for path in VAR.glob("demo-*")} if VAR.exists() else set()


def children_of(parent: int) -> set[int]:
    """Return the ids of the running child processes of a process."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[1]) == parent and fields[0] != "Z":
                found.add(int(process.name))
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_demo_shows_eighteen_steps_and_leaves_no_process_or_file() -> None:
    before = leftovers()
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, timeout=240, check=False)
    lines = done.stdout.decode("utf-8").splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        f"step {number} ok" for number in range(1, 19)
    ]
    assert lines[-1] == "demo: ok (18 steps)"
    assert b"\x1b" not in done.stdout
    gateway = lines[1].split()[1].rstrip(",")
    with pytest.raises(httpx.ConnectError):
        httpx.get(gateway)
    wait_until(lambda: leftovers() <= before)  # the demo of another test may be running


@pytest.mark.postgresql
def test_the_demo_runs_on_postgresql_and_the_next_run_would_use_a_database_of_its_own(
    postgresql_server: Server,
) -> None:
    url = postgresql_server.make_database(template="template1")  # without any table: the demo migrates it
    own = {"PATH": "/usr/bin:/bin", "GATEWAY_DATABASE_URL": url, "GATEWAY_MASTER_KEY": MASTER_KEY}
    done = subprocess.run(COMMAND, cwd=ROOT, env=own, capture_output=True, timeout=240, check=False)
    assert done.stdout.decode("utf-8").splitlines()[-1] == "demo: ok (18 steps)", done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert [name for name in postgresql_server.list_databases() if "demo" in name] == []
    with unused({"GATEWAY_DATABASE_URL": url}) as store:
        assert "/dancu_demo_" in store["GATEWAY_DATABASE_URL"]


def test_a_demo_that_is_interrupted_ends_its_programs() -> None:
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: len(children_of(process.pid)) == 2)
    children = children_of(process.pid)
    folder = (Path("/proc") / str(min(children)) / "cwd").readlink()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    assert process.stdout is not None
    assert b"ok (18 steps)" not in process.stdout.read()
    process.stdout.close()
    assert not any((Path("/proc") / str(child)).exists() for child in children)
    shutil.rmtree(folder)


def test_a_registry_that_knows_another_person_fails_the_second_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Programs(tmp_path) as programs:
        scene = set_up(programs, {})
        other = {
            "citizen_id": "001090000123",
            "full_name": "Trần Thị Khác",
            "birth_date": "1990-01-31",
            "gender": "female",
        }
        headers = {"Authorization": f"Bearer {scene.mock.control_token}"}
        address = f"{scene.mock.control}/runs/default/world"
        assert httpx.put(address, json={"people": [other]}, headers=headers).status_code < 300

        async def play() -> None:
            async with GatewayClient(scene.sandbox) as sandbox, GatewayClient(scene.official) as official:
                await MainJob(scene, sandbox, official).play(Report())

        with pytest.raises(StepFailed, match=r"^verdict: expected 'confirmed', saw 'not_confirmed'$"):
            asyncio.run(play())
    assert "step 1 ok" in capsys.readouterr().out


def test_an_unusable_store_is_a_failed_step_with_its_reason() -> None:
    environment = {"PATH": "/usr/bin:/bin", "GATEWAY_DATABASE_URL": "mysql://nowhere"}
    done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, timeout=240, check=False)
    lines = done.stdout.decode("utf-8").splitlines()
    assert (done.returncode, done.stderr) == (1, b"")
    assert lines[-1].startswith("step 1 FAILED: gateway migrate: error: GATEWAY_DATABASE_URL")
    shutil.rmtree(lines[-1].rpartition("(logs: ")[2].rstrip(")"))
