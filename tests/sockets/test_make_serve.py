"""`make serve`: one in a folder, on free ports only, with accounts that stay, a line to paste, and the caller's settings."""

import os
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

from demo.office import ADMIN
from demo.processes import Programs, StartFailed
from demo.scene import AGENCY
from demo.serving import Ports, keep_accounts
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
    """Run `make serve` in a folder; yield what it printed on standard output."""
    log, stages = (folder.with_name(f"{folder.name}.{ending}") for ending in ("out", "err"))
    with log.open("wb") as output, stages.open("wb") as errors:
        process = subprocess.Popen(
            command(folder, options),
            cwd=ROOT,
            env={"PATH": SEARCH_PATH} | settings,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while "Ctrl-C ends all." not in (printed := log.read_text(encoding="utf-8")):
            assert process.poll() is None, stages.read_text(encoding="utf-8")
            assert time.monotonic() < until, stages.read_text(encoding="utf-8")
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
    own = {"GATEWAY_SANDBOX_REUSE_SECONDS": "77", "PORTAL_STORE_KEY_FILE": str(home.with_name("own.key"))}
    with served(home, options, **own) as printed:
        yield printed


def test_threat_56_a_second_start_in_the_folder_is_refused_and_leaves_the_first_one_working(
    running: str, home: Path
) -> None:
    reason = refused(home, free_ports())

    assert f"make serve already runs in {home}: process " in reason
    assert "gateway " + found(r"^gateway +(\S+)", running) in reason
    assert me(running)["state"] == "active"


def test_a_setting_of_the_test_portal_reaches_it(running: str, home: Path) -> None:
    assert home.with_name("own.key").exists(), running


def test_a_start_on_used_ports_is_refused_before_it_writes_anything(
    running: str, home: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    reason = refused(tmp_path / "other", options)

    assert reason.startswith(f"error: in use by another program: port {options[1]} (gateway)")
    assert f" in {home} (" in reason
    assert not (tmp_path / "other").exists()
    assert me(running)["state"] == "active"


def test_the_first_line_is_the_portal_and_each_stage_is_a_line_of_standard_error(
    running: str, home: Path
) -> None:
    stages = home.with_name("serve.err").read_text(encoding="utf-8").splitlines()

    assert running.startswith("test portal      http://127.0.0.1:")
    assert len(stages) == 4
    assert (stages[0].split()[0], stages[-1]) == ("starting", "starting the test portal …")


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
    named = os.path.relpath(folder / "var" / "gateway.db", ROOT)  # a relative path of the caller
    with served(folder, ports, GATEWAY_DATABASE_URL=f"sqlite:///{named}") as second:
        assert me(second)["state"] == "active"
    assert sorted(folder.rglob("gateway.db")) == [folder / "var" / "gateway.db"]

    accounts = [re.findall(r"^\w+ account +.*$", printed, re.MULTILINE) for printed in (first, second)]
    assert accounts[0] == accounts[1]
    assert len(accounts[0]) == 2
    assert "keeps a store whose registry is on the ports" in refused(folder, free_ports())


def test_lost_accounts_of_a_store_with_operators_are_refused_with_the_remedy(tmp_path: Path) -> None:
    ports = Ports(mock=1, official=2, control=3, login=4, gateway=5, portal=6)
    with Programs(tmp_path) as programs:
        programs.settle({})
        programs.gateway_says("migrate")
        programs.gateway_says("organisations", "add", AGENCY, "UBND thành phố Hà Nội")
        made = programs.gateway("operators", "create", ADMIN, "--role", "admin", "--bootstrap")
        said = f"{made['one_time_code']}\nmat-khau-thu-nghiem-1\n"
        programs.gateway_says("operators", "enrol", ADMIN, said=said)

        with pytest.raises(StartFailed) as refused:
            keep_accounts(programs, tmp_path, ports, "a store")
        assert programs.gateway("accounts", "list") == []

    assert str(refused.value).startswith(f"{tmp_path / 'accounts.json'} names no official account")
    remedy = f"put that file back, or begin anew: remove {tmp_path}, and on PostgreSQL use an empty database"
    assert str(refused.value).endswith(remedy)
