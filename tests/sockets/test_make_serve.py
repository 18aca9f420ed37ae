"""`make serve`: one in a folder, on free ports only, with accounts that stay, a line to paste, and the caller's settings."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.kit.source import ROOT
from tests.sockets.scenes import SEARCH_PATH, need_curl, run_here

START_SECONDS = 180


def free_ports() -> tuple[str, ...]:
    """Return options with six ports that are free now."""
    names = (
        "--port", "--mock-port", "--official-port", "--control-port", "--login-port", "--portal-port"
    )  # fmt: skip
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return tuple(word for pair in zip(names, ports, strict=True) for word in pair)


def command(folder: Path, options: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "demo", "serve", "--folder", str(folder), *options]


@contextmanager
def served(folder: Path, options: tuple[str, ...], **settings: str) -> Iterator[str]:
    """Run `make serve` in a folder; yield what it printed."""
    log = folder.with_name(f"{folder.name}.out")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(folder, options),
            cwd=ROOT,
            env={"PATH": SEARCH_PATH} | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while "Ctrl-C ends all." not in (printed := log.read_text(encoding="utf-8")):
            assert process.poll() is None, printed
            assert time.monotonic() < until, printed
            time.sleep(0.2)
        yield printed
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


def refused(folder: Path, options: tuple[str, ...]) -> str:
    """Start another one, which must be refused; return its reason."""
    done = run_here(command(folder, options))
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    return done.stderr


def found(pattern: str, printed: str) -> str:
    match = re.search(pattern, printed, re.MULTILINE)
    assert match is not None, printed
    return match[1]


def me(printed: str) -> dict[str, object]:
    """Return what the API says about the sandbox account that was printed."""
    account = found(r"^sandbox account  (\S+)", printed), found(r"secret (\S+)$", printed)
    gateway = found(r"^gateway +(\S+)", printed)
    with httpx.Client(base_url=f"{gateway}/sandbox", timeout=30, trust_env=False) as http:
        form = {"grant_type": "client_credentials"}
        token = http.post("/oauth2/token", data=form, auth=account).json()["access_token"]
        answer: dict[str, object] = http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
        return answer


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "serve"


@pytest.fixture(scope="module")
def options() -> tuple[str, ...]:
    return free_ports()


@pytest.fixture(scope="module")
def running(home: Path, options: tuple[str, ...]) -> Iterator[str]:
    with served(home, options, GATEWAY_SANDBOX_REUSE_SECONDS="77") as printed:
        yield printed


def test_a_second_start_in_the_folder_is_refused_and_leaves_the_first_one_working(
    running: str, home: Path
) -> None:
    reason = refused(home, free_ports())

    assert f"make serve already runs in {home}: process " in reason
    assert "gateway " + found(r"^gateway +(\S+)", running) in reason
    assert me(running)["state"] == "active"


def test_a_start_on_used_ports_is_refused_before_it_writes_anything(
    running: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    reason = refused(tmp_path / "other", options)

    assert reason.startswith(f"error: in use by another program: port {options[1]} (gateway)")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["serve.lock"]
    assert me(running)["state"] == "active"


def test_the_printed_line_of_curl_works_as_pasted(running: str) -> None:
    need_curl()
    done = run_here(["sh", "-c", found(r"^try: (.*)$", running)])
    assert '"verdict":"confirmed"' in done.stdout, done.stderr


def test_the_account_has_every_service_and_the_callers_settings_count(running: str) -> None:
    answer = me(running)

    assert answer["policy"] == {"reuse": "account", "reuse_seconds": 77}
    assert answer["authorization_details"] == [
        {"type": "citizen_enquiry", "procedures": ["*"], "subject_roles": ["*"], "fields": ["*"]}
    ]


def test_the_official_account_can_be_used_with_its_private_key_file(running: str) -> None:
    key = Path(found(r"^official account \S+  key (\S+)$", running))
    account = found(r"^official account (\S+)", running)
    issuer = found(r"^  official API   (\S+)/v1$", running)

    done = run_here([sys.executable, ROOT / "examples" / "python" / "walk.py", issuer, account, key])

    assert key.stat().st_mode & 0o777 == 0o600
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified: confirmed, origin registry" in done.stdout


def test_the_accounts_stay_from_start_to_start_and_other_registry_ports_are_refused(tmp_path: Path) -> None:
    folder, ports = tmp_path / "serve", free_ports()
    with served(folder, ports) as first:
        pass
    with served(folder, ports) as second:
        assert me(second)["state"] == "active"

    accounts = [re.findall(r"^\w+ account +.*$", printed, re.MULTILINE) for printed in (first, second)]
    assert accounts[0] == accounts[1]
    assert len(accounts[0]) == 2
    assert "keeps a store whose registry is on the ports" in refused(folder, free_ports())
