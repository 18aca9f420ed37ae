"""`record` and `replay` as programs on real sockets: one mock records, another, without its seed, replays."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import EPHEMERAL, MOCK_BARE, MOCK_COMMAND, run_mock, run_mock_here, serving_mock

pytestmark = pytest.mark.sockets
CALLS = (b"", b"not xml", b"<a/>", b"not xml")


def bits(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("x-mock-fault")


def send_all(base: str) -> list[tuple[int, bytes, str | None]]:
    url = f"{base}/r/mine/XacThucThongTinCongDan"
    return [bits(httpx.post(url, content=body)) for body in CALLS]


def test_a_run_recorded_by_one_program_is_replayed_by_another(tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    with serving_mock() as served:
        headers = {"Authorization": f"Bearer {served.token}"}
        httpx.post(f"{served.control}/runs", json={"name": "mine"}, headers=headers)
        fault = {"kind": "throttle", "nth": 2}
        httpx.post(f"{served.control}/runs/mine/faults", json=fault, headers=headers)
        answered = send_all(served.test)
        arguments = ("record", "--run", "mine", "--control", served.control, "--out", str(out))
        recorded = run_mock_here(*arguments, MOCK_C06_CONTROL_TOKEN=served.token)
        as_json = run_mock_here(*arguments, "--json", MOCK_C06_CONTROL_TOKEN=served.token)
        wrong = run_mock_here(*arguments, MOCK_C06_CONTROL_TOKEN="wrong")
        nameless = run_mock_here(*arguments[:2], "none", *arguments[3:], MOCK_C06_CONTROL_TOKEN=served.token)
    assert recorded.returncode == 0, recorded.stderr
    assert b"4 calls" in recorded.stdout
    told = json.loads(as_json.stdout)
    assert (told["run"], told["calls"], told["out"]) == ("mine", 4, str(out))
    assert told["sha256"] == json.loads(out.read_bytes())["sha256"]
    assert (wrong.returncode, b"refuses the token" in wrong.stderr) == (1, True)
    assert (nameless.returncode, b"no such run" in nameless.stderr) == (1, True)
    process = subprocess.Popen(
        [*MOCK_COMMAND, "replay", str(out), *EPHEMERAL], stdout=subprocess.PIPE, text=True, env=MOCK_BARE
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        base = lines[1].removeprefix("test: ")
        again = send_all(base)
        unknown = httpx.post(f"{base}/r/mine/XacThucThongTinCongDan", content=b"other")
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
    assert "TEST DATA" in lines[0]
    assert again == answered
    assert unknown.status_code == 501
    assert {status for status, _, _ in answered} > {429}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("record", "--run", "x", "--out", "y"), b"set MOCK_C06_CONTROL_TOKEN"),
        (("replay", "nothere.json"), b"can't read nothere.json"),
        (("replay", "pyproject.toml"), b"pyproject.toml: not a recording of mock-c06: name a file that"),
    ],
)
def test_what_cannot_be_recorded_or_replayed_is_one_line_and_exit_one(
    arguments: tuple[str, ...], reason: bytes
) -> None:
    refused = run_mock_here(*arguments)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert refused.stderr.count(b"\n") == 1


def test_a_control_face_that_is_not_there_is_one_line() -> None:
    arguments = ("record", "--run", "x", "--out", "y", "--control", "http://127.0.0.1:9")
    refused = run_mock_here(*arguments, MOCK_C06_CONTROL_TOKEN="t")
    assert refused.stderr.decode() == (
        "mock-c06: no control face answers at http://127.0.0.1:9: start mock-c06 serve, or name with --control the "
        "address that it printed, such as http://127.0.0.1:8101\n"
    )


@pytest.mark.parametrize("command", ["record", "replay"])
def test_the_help_of_each_command_shows_examples(command: str) -> None:
    shown = run_mock(command, "--help")
    assert shown.returncode == 0
    assert f"mock-c06 {command} ".encode() in shown.stdout
