"""`gateway serve` on real sockets: starts, restarts, signals, and what a command changes during a run."""

import contextlib
import fcntl
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.errors.operators import StateWrong
from gateway.private_files import lock_store
from gateway.server import only_server
from gateway.settings import Settings
from tests.kit.commands import Commands
from tests.kit.disks import largest_file
from tests.kit.programs import Place, Running, Served, log_in, place_beside, plan_fault
from tests.kit.scene import enquiry
from tests.sockets.load import steady_load


@pytest.fixture(scope="module")
def shared(mock: Served, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The place of a gateway that several tests use: a start takes seconds."""
    return place_beside(mock, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def running(shared: Place) -> Iterator[Running]:
    with shared.serving() as found:
        yield found


def test_the_start_prints_its_addresses_and_their_registries(running: Running) -> None:
    assert running.lines == (
        f"gateway: {running.address}",
        f"sandbox: {running.address}/sandbox (connected, test data)",
        f"official: {running.address}/official (no connection configured)",
    )
    assert httpx.URL(running.address).host == "127.0.0.1"
    ready = httpx.get(f"{running.address}/readyz")
    assert ready.json()["profiles"] == {"sandbox": "ready", "official": "unconfigured"}
    assert "server" not in ready.headers


def test_a_first_start_makes_store_and_key_for_the_owner_only(mock: Served, tmp_path: Path) -> None:
    with place_beside(mock, tmp_path).serving():
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()}
    assert modes["gateway.db"] == modes["master.key"] == 0o600
    assert set(modes.values()) == {0o600}


def test_threat_56_a_second_gateway_on_the_store_of_a_running_one_is_refused_and_named(
    running: Running, shared: Place
) -> None:
    """Through a link too: two gateways would count budgets, throttles and rates each for itself."""
    (other := shared.folder / "other").mkdir()
    (other / "var").symlink_to(shared.folder / "var")
    refused = Commands(other).program("serve", "--port", "0", **shared.settings)
    assert f"is served already by process {running.process.pid} at {running.address}" in refused.reason()
    assert httpx.get(f"{running.address}/readyz").status_code == 200


def test_threat_56_a_gateway_that_may_not_serve_a_store_makes_no_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o700)
    lock = tmp_path / "var" / "gateway.db.lock"
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "is served already: end" in Commands(tmp_path).program("serve", "--port", "0").reason()
        file.write(b"7 at http://h\x1b[2Jno such gateway\xff")  # a stranger's; no terminal may obey it
        file.flush()
        assert "is served already: end" in Commands(tmp_path).program("serve", "--port", "0").reason()
    assert list((tmp_path / "var").iterdir()) == [lock]


def test_a_lock_that_a_full_disk_leaves_empty_is_a_lock(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/gateway.db")
    with (
        largest_file(0),
        only_server(settings, "http://127.0.0.1:1"),
        pytest.raises(StateWrong, match=r"is served already: end"),
        only_server(settings, "http://127.0.0.1:2"),
    ):
        pass


def test_threat_56_a_server_that_has_ended_is_not_named_while_a_restore_has_the_lock(tmp_path: Path) -> None:
    store = tmp_path / "gateway.db"
    settings = Settings(database_url=f"sqlite:///{store}")
    with only_server(settings, "http://127.0.0.1:1"):
        pass
    assert store.with_name("gateway.db.lock").read_bytes()
    with (
        lock_store(store.resolve(), refuse=lambda _: ""),
        pytest.raises(StateWrong, match=r"is served already: end"),
        only_server(settings, "http://127.0.0.1:2"),
    ):
        pass


def test_the_output_of_accounts_uses_the_address_of_the_last_serve(place: Place) -> None:
    with place.serving() as first:
        assert place.make_account()["issuer"] == f"{first.address}/sandbox"
    with place.serving() as second:
        assert second.address != first.address
    assert place.make_account()["issuer"] == f"{second.address}/sandbox"


def test_a_second_start_keeps_keys_tokens_and_receipts(place: Place) -> None:
    account = place.make_account()
    with place.serving() as first, log_in(first, account) as portal:
        keys = httpx.get(f"{first.address}/sandbox/jwks.json").json()
        receipt = portal.post("/verifications", json=enquiry()).json()["receipt"]
        token = portal.headers["authorization"]
        port = httpx.URL(first.address).port
        assert first.end() == 0
    assert port is not None
    with place.serving(port) as second:
        assert httpx.get(f"{second.address}/sandbox/jwks.json").json() == keys
        checked = httpx.post(
            f"{second.address}/sandbox/v1/receipts/check",
            json={"receipt": receipt},
            headers={"Authorization": token},
        )
        assert checked.json()["valid"] is True


def test_threat_8_a_suspension_by_command_takes_effect_within_a_second(place: Place) -> None:
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        assert portal.get("/me").status_code == 200
        place.run("accounts", "suspend", account["client_id"])
        time.sleep(1)
        suspended = portal.get("/me")
        assert (suspended.status_code, suspended.json()["code"]) == (403, "account_suspended")
        place.run("accounts", "resume", account["client_id"])
        time.sleep(1)
        assert portal.get("/me").json()["code"] == "token_invalid"
        with log_in(running, account) as again:
            assert again.get("/me").status_code == 200


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_threat_37_a_signal_lets_the_current_request_finish_and_exits_zero(
    place: Place, mock: Served, ending: signal.Signals
) -> None:
    account = place.make_account()
    plan_fault(mock, "latency", delay_ms=1500, times=1)
    answers: list[httpx.Response] = []
    with place.serving() as running, log_in(running, account) as portal:
        caller = threading.Thread(
            target=lambda: answers.append(portal.post("/verifications", json=enquiry()))
        )
        caller.start()
        time.sleep(0.7)
        code = running.end(ending)
        caller.join(30)
    assert code == 0
    assert [answer.status_code for answer in answers] == [201]
    assert place.run("audit", "verify")["ok"] is True


def test_threat_37_stopping_a_sqlite_gateway_under_load_fails_no_request(place: Place) -> None:
    account = place.make_account()
    with place.serving() as running:
        with steady_load(running, account) as load:
            load.wait_for(40)
            assert running.end() == 0
        assert load.failures == []
        assert load.statuses() <= {200, 201}
    assert place.run("audit", "verify")["ok"] is True


def test_threat_37_a_kept_connection_is_answered_and_closed_while_new_ones_are_refused(place: Place) -> None:
    with place.serving() as running, httpx.Client(base_url=running.address) as kept:
        assert kept.get("/livez").headers.get("connection") is None
        running.process.send_signal(signal.SIGTERM)
        while _takes_connections(running.address):
            time.sleep(0.01)
        last = kept.get("/livez")
        assert (last.status_code, last.headers["connection"]) == (200, "close")
        assert running.process.wait(30) == 0


def _takes_connections(address: str) -> bool:
    url = httpx.URL(address)
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection((url.host, url.port or 0)).close()
        return True
    return False


def test_an_oversized_body_is_answered_before_the_connection_is_closed(running: Running) -> None:
    answer = httpx.post(f"{running.address}/sandbox/v1/verifications", content=b"x" * 3_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "request_text",
    [
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://other.example/livez HTTP/1.1\r\nHost: other.example\r\n\r\n",
        "GET /%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GARBAGE\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused_and_the_server_continues(
    shared: Place, running: Running, request_text: str
) -> None:
    address = httpx.URL(running.address)
    with socket.create_connection((address.host, address.port or 0), timeout=10) as line:
        line.sendall(request_text.encode())
        status = line.recv(4096).split(b" ")[1]
    assert status in {b"200", b"400", b"404", b"405"}
    assert httpx.get(f"{running.address}/livez").status_code == 200
    assert "Traceback" not in shared.log()
    assert '"internal"' not in shared.log()


def test_a_start_that_fails_prints_its_reason_in_one_line(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"can't listen on 127.0.0.1 port {port}" in gateway.program("serve", "--port", port).reason()
    assert gateway("serve", "--workers", "2").reason().startswith("--workers 2: SQLite serves one")
    for host in ("0.0.0.0", "::", "0"):
        reason = gateway("serve", "--host", host, "--port", "0").reason()
        assert reason == f"--host {host} listens on all addresses: set GATEWAY_PUBLIC_URL to what callers use"
    assert not (tmp_path / "var").exists()
