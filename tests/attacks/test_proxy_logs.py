"""Threat 44 at the proxy: nothing that nginx writes repeats what a caller puts into a request line.

The shipped log contained the path, and nginx's error log the whole request line (path and query) of each
413, 403, 429, 502.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.programs import Served, serving_mock, wait_for
from tests.sockets.test_proxy import NAME, Street, street

__all__ = ["street"]

pytestmark = pytest.mark.sockets

NUMBER = "001090000123"
PERSON = "NGUYENVANAN"
IN_PATH = f"/sandbox/v1/verifications/{NUMBER}/{PERSON}"
IN_QUERY = f"/sandbox/v1/verifications?citizen_id={NUMBER}&full_name={PERSON}"
WORDS = (NUMBER, PERSON, "citizen_id", "%30%30%31")


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    """The mock as a program, because the gateway behind this proxy is one."""
    with serving_mock() as running:
        yield running


def written(folder: Path) -> str:
    """Return everything that nginx wrote into its folder, without its own configuration and certificates."""
    kept = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".conf", ".pem", ".key", ".db"}
    ]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in kept)


def lines(street: Street) -> list[dict[str, Any]]:
    return [json.loads(line) for line in street.proxy.log().splitlines()]


def raw(street: Street, request: str) -> bytes:
    with street.connect() as line:
        line.sendall(request.encode())
        return line.recv(65_536)


@pytest.mark.parametrize("target", [IN_PATH, IN_QUERY, f"/{NUMBER}", f"/{PERSON}?{NUMBER}"])
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"content": b"x" * 65_537},
        {"headers": {f"X-{n}": "x" * 7000 for n in range(6)}},
        {"headers": {"Referer": f"https://x/{NUMBER}", "User-Agent": PERSON, "X-Request-Id": f"{NUMBER}-x"}},
    ],
    ids=["as it is", "too large a body", "too many headers", "headers of its own"],
)
def test_threat_44_no_log_of_the_proxy_repeats_a_path_or_query(
    street: Street, target: str, sent: Any
) -> None:
    before = len(lines(street))

    street.call("POST", target, **sent)

    wait_for(lambda: len(lines(street)) > before)
    text = written(street.proxy.folder)
    assert [word for word in WORDS if word in text] == []


@pytest.mark.parametrize(
    "request_line",
    [
        f"{PERSON} /{NUMBER} HTTP/1.1",
        f"GET /{NUMBER}?{PERSON} HTTP/9.9",
        f"GET /{NUMBER} {PERSON} HTTP/1.1",
        f"GET https://{NAME}/{NUMBER}?{PERSON} HTTP/1.1",
        f"GET /%30%30%31090000123/{PERSON}%00 HTTP/1.1",
        f"CONNECT {NUMBER}:443 HTTP/1.1",
        f"POST /{NUMBER} HTTP/1.1\r\nTransfer-Encoding: {PERSON}",
        "GET /" + NUMBER * 800 + " HTTP/1.1",
    ],
    ids=["method", "version", "space", "absolute", "escapes", "CONNECT", "encoding", "too long"],
)
def test_threat_44_no_log_of_the_proxy_repeats_a_malformed_request_line(
    street: Street, request_line: str
) -> None:
    before = len(lines(street))

    raw(street, f"{request_line}\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")

    wait_for(lambda: len(lines(street)) > before)
    text = written(street.proxy.folder)
    assert [word for word in WORDS if word in text] == []


@pytest.mark.parametrize("target", [f"/{NUMBER}?{PERSON}", f"https://{NUMBER}.example/{PERSON}"])
def test_threat_44_a_request_under_another_host_name_is_not_logged(street: Street, target: str) -> None:
    raw(street, f"GET {target} HTTP/1.1\r\nHost: {NUMBER}.example\r\n\r\n")
    after = street.call("GET", "/livez").headers["x-request-id"]

    wait_for(lambda: after in street.proxy.log())
    text = written(street.proxy.folder)
    assert [word for word in WORDS if word in text] == []


def test_threat_44_limits_and_an_unreachable_gateway_are_logged_without_the_request(
    street: Street, tmp_path: Path
) -> None:
    narrow = {"rate=100r/s": "rate=1r/m", "burst=200": "burst=1"}
    with street.beside(tmp_path, "127.0.0.1:1", narrow) as alone:
        statuses = [alone.call("GET", f"{IN_PATH}?{NUMBER}").status_code for _ in range(3)]
        statuses.append(alone.call("GET", f"/ops/v1/{NUMBER}", source="127.0.0.2").status_code)
        wait_for(lambda: len(lines(alone)) == 4)
        logged = [
            (line["status"], line["route"], line["upstream_status"], line["limited"]) for line in lines(alone)
        ]
        text = written(tmp_path)
    assert statuses == [503, 503, 429, 404]
    assert logged[0] == (503, "sandbox/verifications", "502", "PASSED PASSED")
    assert logged[2][:2] == (429, "sandbox/verifications")
    assert logged[2][3].startswith("REJECTED")
    assert logged[3][:2] == (404, "ops")
    assert [word for word in WORDS if word in text] == []


def test_the_proxys_log_still_identifies_a_request_by_its_id_and_class(street: Street) -> None:
    answers = {
        "sandbox/me": street.call("GET", "/sandbox/v1/me"),
        "official/token": street.call("POST", "/official/oauth2/token"),
        "livez": street.call("GET", "/livez"),
        "other": street.call("GET", "/sandbox/v2/me"),
    }
    for route, answer in answers.items():
        found = answer.headers["x-request-id"]
        wait_for(lambda found=found: found in street.proxy.log())  # type: ignore[misc]  # each line differs
        line = next(line for line in lines(street) if line["request_id"] == found)
        assert (line["route"], line["status"]) == (route, answer.status_code)
        assert line["method"] in {"GET", "POST"}


def test_threat_44_the_gateways_log_and_metrics_name_routes_and_never_paths(street: Street) -> None:
    before = len(street.place.events("request"))

    for target in (
        IN_PATH,
        IN_QUERY,
        f"/problems/{NUMBER}",
        f"/{NUMBER}",
        f"/sandbox/v1/procedures/{NUMBER}",
    ):
        for method in ("GET", "DELETE"):
            answer = street.call(method, target)
            assert NUMBER not in answer.text
            assert PERSON not in answer.text

    wait_for(lambda: len(street.place.events("request")) >= before + 10)
    assert [word for word in WORDS if word in street.place.log()] == []
