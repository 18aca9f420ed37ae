"""The program on real sockets: how it starts and ends, and what only a real connection can show."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from mock_c06.server import MAX_OVERHEAD, Face, bind, serve
from tests.kit.programs import EPHEMERAL, Served, run_mock, serving_mock

pytestmark = pytest.mark.sockets


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


@pytest.fixture
def control(served: Served) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=served.control, headers=headers) as client:
        yield client


def test_the_start_says_test_data_and_three_addresses(served: Served) -> None:
    assert "TEST DATA" in served.lines[0]
    assert [line.split(": ")[0] for line in served.lines[1:]] == ["test", "official", "control"]
    assert {httpx.URL(each).host for each in (served.test, served.official, served.control)} == {"127.0.0.1"}


def test_people_from_a_file_are_in_every_run_in_the_place_of_who_had_their_numbers(tmp_path: Path) -> None:
    born = {"birth_date": "1990-05-06"}
    people = [
        {"citizen_id": "001090000990", "full_name": "Phạm Mới", **born},
        {"citizen_id": "001090000123", "full_name": "Phạm Thế", **born},
    ]
    file = tmp_path / "people.json"
    file.write_text(json.dumps({"people": people}), encoding="utf-8")
    with serving_mock("--people", str(file)) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        with httpx.Client(base_url=running.control, headers=headers) as control:
            control.post("/runs", json={"name": "mine"})
            told = [control.post("/runs/mine/explain", json=claim).json()["differs"] for claim in people]
    assert told == [[], []]


def test_every_app_is_told_of_the_start_before_it_is_said_to_listen() -> None:
    told: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        told.append(scope["type"])

    def ready() -> None:
        told.append("ready")
        signal.raise_signal(signal.SIGTERM)

    serve([Face(name="control", app=app, listener=bind("127.0.0.1", 0))], ready=ready)
    assert told == ["lifespan", "ready"]


def test_other_ports_say_that_there_is_no_login_and_another_seed_how_its_secrets_are_listed() -> None:
    with serving_mock("--seed", "7") as running:
        assert running.process.stdout is not None
        without_login, hint = (running.process.stdout.readline() for _ in range(2))
        made = httpx.get(f"{running.control}/accounts", headers={"Authorization": f"Bearer {running.token}"})
    assert without_login == "login: none; --login-port 0 starts one on a free port\n"
    assert hint == "accounts: mock-c06 accounts --seed 7\n"
    assert json.loads(run_mock("accounts", "--json", "--seed", "7").stdout) == made.json()


def test_a_planned_reset_cuts_the_real_connection(served: Served, control: httpx.Client) -> None:
    control.post("/runs", json={"name": "cut"})
    control.post("/runs/cut/faults", json={"kind": "reset"})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        httpx.post(f"{served.test}/r/cut/XacThucThongTinCongDan", content=b"")


def test_threat_43_control_and_environments_are_doors_of_their_own(served: Served) -> None:
    assert httpx.get(f"{served.control}/accounts").status_code == 401
    assert httpx.get(f"{served.test}/accounts").status_code == 404
    assert httpx.post(f"{served.official}/XacThucThongTinCongDan").status_code == 401


@pytest.mark.parametrize("face", ["test", "official"])
@pytest.mark.parametrize("host", ["csdl.tinh.gov.vn", "C06.GOV.VN.:8100", "dancuquocgia.bca"])
def test_threat_43_a_call_under_an_official_looking_name_is_misdirected(
    served: Served, face: str, host: str
) -> None:
    answer = httpx.post(f"{getattr(served, face)}/XacThucThongTinCongDan", headers={"Host": host})
    assert (answer.status_code, answer.headers["x-test-data"]) == (421, "true")


@pytest.mark.parametrize(
    "host", ["localhost:8100", "mock-c06", "gov.vn.example.test", "notgov.vn", "[::1]:8100"]
)
def test_a_call_under_any_other_name_is_answered(served: Served, host: str) -> None:
    assert httpx.post(f"{served.test}/XacThucThongTinCongDan", headers={"Host": host}).status_code == 401


def test_threat_43_every_answer_of_either_face_says_that_it_is_test_data(served: Served) -> None:
    for face in (served.test, served.official):
        answers = [
            httpx.post(f"{face}/XacThucThongTinCongDan"),
            httpx.post(f"{face}/token"),
            httpx.post(f"{face}/lgsp/xacThucThongTinCongDan"),
            httpx.get(f"{face}/nowhere"),
            httpx.get(f"{face}/soap?wsdl"),
            httpx.get(f"{face}/XacThucThongTinCongDan"),
        ]
        assert {answer.headers.get("x-test-data") for answer in answers} == {"true"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\r\n\r\n", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nX: ".ljust(MAX_OVERHEAD + 1, b"x"), b"431 Request Header Fields Too Large"),
    ],
    ids=["no HTTP", "no length", "endless head"],
)
def test_threat_43_what_reaches_no_app_is_told_that_it_met_test_data(
    served: Served, sent: bytes, status: bytes
) -> None:
    for face in (served.test, served.official, served.control):
        came = send_raw(face, sent)
        assert came.startswith(b"HTTP/1.1 " + status + b"\r\n")
        assert b"\r\nx-test-data: true\r\n" in came


def test_a_trailer_without_end_is_refused(served: Served) -> None:
    begun = b"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
    came = send_raw(served.test, begun.ljust(MAX_OVERHEAD + 1, b"x"))
    assert came.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def send_raw(face: str, sent: bytes) -> bytes:
    """Send bytes over a connection of their own, and return all that comes back."""
    came = bytearray()
    with socket.create_connection((httpx.URL(face).host, httpx.URL(face).port or 0)) as wire:
        wire.settimeout(30)
        wire.sendall(sent)
        read_to_the_end(wire, came)
    return bytes(came)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_with_exit_zero(ending: signal.Signals) -> None:
    with serving_mock() as running:
        running.process.send_signal(ending)
        assert running.process.wait(timeout=10) == 0


def test_a_signal_ends_the_program_while_a_call_hangs(capfd: pytest.CaptureFixture[str]) -> None:
    with serving_mock() as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        httpx.post(f"{running.control}/runs/default/faults", json={"kind": "hang"}, headers=headers)
        with socket.create_connection(("127.0.0.1", httpx.URL(running.test).port or 0), timeout=10) as wire:
            wire.sendall(b"POST /XacThucThongTinCongDan HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            _wait_for_a_hit(running, headers)
            running.process.send_signal(signal.SIGTERM)
            came = bytearray()
            with contextlib.suppress(ConnectionResetError):
                read_to_the_end(wire, came)
        assert running.process.wait(timeout=10) == 0
    # Neither the caller nor who stopped it is told of a mistake that nobody made.
    assert (bytes(came), capfd.readouterr().err) == (b"", "")


def _wait_for_a_hit(running: Served, headers: dict[str, str]) -> None:
    while not httpx.get(f"{running.control}/runs/default/faults", headers=headers).json()["faults"][0][
        "hits"
    ]:
        time.sleep(0.02)


def test_a_plan_that_names_no_account_of_the_mock_ends_the_start(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"name": "x", "faults": [{"kind": "hang", "account": "dvctt-hanio"}]}))
    told = run_mock("serve", *EPHEMERAL, "--plan", str(plan))
    assert told.returncode == 1
    assert told.stderr.decode() == (
        f"mock-c06: plan {plan}: faults.0.account: no account of that name: see mock-c06 accounts\n"
    )


def test_a_plan_from_a_file_meets_calls_from_the_start(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    futile = '[[faults]]\nkind = "empty"\noperation = "token"\n'
    plan.write_text(f'name = "down"\n[[faults]]\nkind = "unavailable"\ntimes = 1\n{futile}')
    with serving_mock("--plan", str(plan)) as running:
        statuses = [
            httpx.post(f"{running.test}/XacThucThongTinCongDan", content=b"").status_code for _ in range(2)
        ]
    assert statuses[0] == 503
    assert statuses[1] != 503
    assert capfd.readouterr().err.startswith(f"mock-c06: plan {plan}: faults.1.operation: empty hits ")


def read_to_the_end(wire: socket.socket, came: bytearray) -> None:
    while chunk := wire.recv(65536):
        came += chunk


def send_at_once(base: str, path: str, calls: int) -> list[httpx.Response]:
    """Send calls, twenty at a time: httpx looks through all connections for each that waits, each time that one is free."""

    async def send() -> list[httpx.Response]:
        turns = asyncio.Semaphore(20)
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:

            async def call() -> httpx.Response:
                async with turns:
                    return await client.post(path)

            return await asyncio.gather(*(call() for _ in range(calls)))

    return asyncio.run(send())


@pytest.mark.parametrize(("at", "arrives"), [("before", 0), ("mid", 0.5), ("after", 1)])
def test_a_reset_cuts_where_it_says_on_a_real_connection(
    served: Served, control: httpx.Client, at: str, arrives: float
) -> None:
    control.post("/runs", json={"name": f"cut-{at}"})
    path = f"/r/cut-{at}/XacThucThongTinCongDan"
    whole = httpx.post(served.test + path).content
    control.post(f"/runs/cut-{at}/faults", json={"kind": "reset", "at": at})
    came = bytearray()
    with socket.create_connection((httpx.URL(served.test).host, httpx.URL(served.test).port or 0)) as wire:
        wire.settimeout(5)
        wire.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            read_to_the_end(wire, came)
    body = bytes(came).partition(b"\r\n\r\n")[2]
    assert len(body) == int(len(whole) * arrives)


def test_a_thousand_calls_on_real_sockets_meet_exactly_seven_faults(
    served: Served, control: httpx.Client
) -> None:
    control.post("/runs", json={"name": "thousand"})
    control.post("/runs/thousand/faults", json={"kind": "throttle", "times": 7, "share": 0.1, "seed": 11})
    answers = send_at_once(served.test, "/r/thousand/XacThucThongTinCongDan", 1000)
    claim = {"count": {"fault": "throttle", "equals": 7}}
    judged = control.post("/runs/thousand/journal/assert", json=claim).json()
    assert sum(answer.status_code == 429 for answer in answers) == 7
    assert sum("x-mock-fault" in answer.headers for answer in answers) == 7
    assert judged["passed"], judged


def test_the_control_face_listens_where_it_is_told_and_the_others_stay() -> None:
    with serving_mock("--control-host", "0.0.0.0", "--allow-public") as running:
        port = running.control.rpartition(":")[2]
        assert (running.control, running.test.rpartition(":")[0]) == (
            f"http://0.0.0.0:{port}",
            "http://127.0.0.1",
        )
        assert httpx.get(f"http://127.0.0.2:{port}/livez").json() == {"status": "ok"}
        assert httpx.get(f"http://127.0.0.2:{port}/runs").status_code == 401


@pytest.mark.parametrize(
    ("host", "reason"), [("0.0.0.0", b"add --allow-public"), ("c06.gov.vn", b"looks like an official name")]
)
def test_a_control_face_is_not_opened_to_others_by_accident(host: str, reason: bytes) -> None:
    ended = run_mock("serve", *EPHEMERAL, "--control-host", host)
    assert (ended.returncode, reason in ended.stderr) == (1, True)


def test_people_of_a_csv_file_are_in_every_run(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text("citizen_id,full_name,birth_year\n001090000777,A B,1990\n", encoding="utf-8")
    with serving_mock("--people", str(file)) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        person = httpx.get(f"{running.control}/runs/default/world/people/001090000777", headers=headers)
    assert (person.json()["full_name"], person.json()["birth_year"]) == ("A B", 1990)
    file.write_text("citizen_id,full_name,birth_year\n12,A B,1990\n", encoding="utf-8")
    ended = run_mock("serve", *EPHEMERAL, "--people", str(file))
    assert (ended.returncode, b"people.0.citizen_id: line 2: " in ended.stderr) == (1, True), ended.stderr


@pytest.mark.parametrize("option", ["--people", "--plan", "--certificate"])
def test_threat_46_a_device_or_a_pipe_in_place_of_a_file_ends_the_start(tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (Path("/dev/zero"), tmp_path / "pipe"):
        ended = run_mock("serve", *EPHEMERAL, option, str(file))
        assert ended.returncode == 1
        assert ended.stderr.count(b"\n") == 1
        assert f"{file}: ".encode() in ended.stderr
