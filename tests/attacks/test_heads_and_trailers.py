"""Threat 52: only the head decides about a request; each deciding header occurs once and has one interpretation."""

import base64
import json
import socket
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.attacks.raw import ask, ask_all, listening
from tests.kit.edge import Echo
from tests.kit.programs import Served, serving_mock
from tests.kit.scene import Portal, Scene

CHUNK = b"2\r\n{}\r\n0\r\n"
MALFORMED = [
    pytest.param(b"GET /livez\r\n\r\n", id="HTTP/0.9"),
    pytest.param(b"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n", id="HTTP/0.9 by name"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 preface"),
    pytest.param(b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", id="HTTP/2.0 by name"),
    pytest.param(b"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n", id="HTTP/1.2"),
    pytest.param(b"GET /livez HTTP/1.1\r\n\r\n", id="no Host"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", id="two Hosts"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", id="one Host twice"),
    pytest.param(b"GET /livez HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", id="two Hosts in HTTP/1.0"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n", id="a user in Host"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n", id="a path in Host"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n", id="a list in Host"),
    pytest.param(
        b"POST /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\nContent-Length: 2\r\n\r\n{}",
        id="body beside Upgrade",
    ),
    pytest.param(
        b"POST /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + b"\r\n",
        id="chunks beside Upgrade",
    ),
    pytest.param(b"GET http://y/livez HTTP/1.1\r\nHost: x\r\n\r\n", id="absolute target"),
    pytest.param(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", id="asterisk of a GET"),
    pytest.param(b"GET /livez#x HTTP/1.1\r\nHost: x\r\n\r\n", id="fragment"),
    pytest.param(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", id="CONNECT"),
    pytest.param(
        b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
        id="length and chunks",
    ),
    pytest.param(
        b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        id="two lengths",
    ),
    pytest.param(
        b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK, id="coding"
    ),
    pytest.param(
        b"POST /livez HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
        id="chunks in HTTP/1.0",
    ),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", id="folded line"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", id="NUL"),
    pytest.param(b"GET /livez HTTP/1.1\nHost: x\n\n", id="bare LF"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", id="bare CR"),
    pytest.param(b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", id="space before the colon"),
]
DECIDING = ["Authorization", "Content-Type", "Host", "Idempotency-Key", "DPoP", "X-Forwarded-For"]


def head_of(target: str, *headers: str) -> bytes:
    """Return the head of a chunked POST."""
    lines = [f"POST {target} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("sent", MALFORMED)
async def test_threat_52_a_head_with_two_possible_interpretations_is_refused(sent: bytes) -> None:
    async with listening(Echo()) as port:
        status, problem = await ask(port, sent)
    assert (status, problem["code"]) == (400, "http_invalid")


async def test_threat_52_a_token_in_a_trailer_does_not_identify_the_caller(
    scene: Scene, portal: Portal
) -> None:
    trailer = f"Authorization: Bearer {portal.access_token}\r\n\r\n".encode()
    target = "/sandbox/v1/ledger"
    async with listening(scene.app) as port:
        status, problem = await ask(port, head_of(target, "Content-Type: application/json") + CHUNK + trailer)
        as_header = head_of(target, "Content-Type: application/json", trailer.decode().strip())
        proven, refused = await ask(port, as_header + CHUNK + b"\r\n")
    assert (status, problem["code"]) == (401, "token_missing")
    assert (proven, refused["code"]) == (422, "request_invalid")


async def test_threat_52_a_client_secret_in_a_trailer_does_not_authenticate_the_client(
    scene: Scene, portal: Portal
) -> None:
    form = b"grant_type=client_credentials"
    basic = base64.b64encode(f"{portal.client_id}:{portal.secret}".encode()).decode()
    body = b"%x\r\n%s\r\n0\r\nAuthorization: Basic %s\r\n\r\n" % (len(form), form, basic.encode())
    async with listening(scene.app) as port:
        head = head_of("/sandbox/oauth2/token", "Content-Type: application/x-www-form-urlencoded")
        status, refused = await ask(port, head + body)
    assert (status, refused["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("name", DECIDING)
async def test_threat_52_a_field_of_a_trailer_does_not_join_the_headers_of_its_request(name: str) -> None:
    async def echo_names(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        names = [header.decode() for header, _ in scope["headers"]]
        body = json.dumps({"names": names}).encode()
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    async with listening(echo_names) as port:
        _, seen = await ask(port, head_of("/") + CHUNK + f"{name}: x\r\n\r\n".encode())
    assert seen["names"] == ["host", "transfer-encoding"]


async def test_threat_52_the_head_of_the_next_request_is_read_after_a_trailer(
    scene: Scene, portal: Portal
) -> None:
    first = head_of("/livez") + CHUNK + b"X: y\r\n\r\n"
    second = f"GET /sandbox/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {portal.access_token}\r\n\r\n"
    async with listening(scene.app) as port:
        answers = await ask_all(port, first + second.encode() + first, answers=3)
    assert [status for status, _ in answers] == [405, 200, 405]


@pytest.mark.parametrize(
    ("twice", "status", "code"),
    [
        ("Authorization: Bearer {token}", 401, "token_invalid"),
        ("Content-Type: application/json", 415, "media_type_unsupported"),
    ],
)
async def test_threat_52_a_request_that_repeats_a_deciding_header_is_refused(
    scene: Scene, portal: Portal, twice: str, status: int, code: str
) -> None:
    headers = [f"Authorization: Bearer {portal.access_token}", "Content-Type: application/json"]
    again = twice.format(token=portal.access_token)
    async with listening(scene.app) as port:
        answer = await ask(port, head_of("/sandbox/v1/ledger", *headers, again) + CHUNK + b"\r\n")
    assert (answer[0], answer[1]["code"]) == (status, code)


async def test_threat_52_a_token_request_with_two_media_types_is_refused(
    scene: Scene, portal: Portal
) -> None:
    types = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "application/json")]
    answer = await scene.http.post(
        f"{portal.issuer}/oauth2/token",
        content=b"grant_type=client_credentials",
        headers=types,
        auth=(portal.client_id, str(portal.secret)),
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


def send_raw(face: str, sent: bytes) -> bytes:
    """Send bytes to a face of the mock; return the first line of the answer."""
    with socket.create_connection((httpx.URL(face).host, httpx.URL(face).port or 0), timeout=30) as wire:
        wire.sendall(sent)
        came = b""
        while b"\r\n" not in came:
            came += wire.recv(4096)
    return came.split(b"\r\n")[0]


@pytest.mark.sockets
@pytest.mark.parametrize("sent", MALFORMED)
def test_threat_52_the_mocks_server_refuses_the_same_heads(served: Served, sent: bytes) -> None:
    for face in (served.test, served.official, served.control):
        assert send_raw(face, sent) == b"HTTP/1.1 400 Bad Request"


@pytest.mark.sockets
def test_threat_52_the_mocks_refusal_is_not_taken_for_the_answer_to_an_earlier_request(
    served: Served,
) -> None:
    sound, two_hosts = (
        f"GET /livez HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode() for more in ("", "Host: y\r\n")
    )
    for face in (served.test, served.official, served.control):
        with socket.create_connection((httpx.URL(face).host, httpx.URL(face).port or 0), timeout=30) as wire:
            wire.sendall(sound + two_hosts)
            assert wire.recv(4096) == b""


@pytest.mark.sockets
def test_threat_52_a_control_token_in_a_trailer_does_not_open_the_control_face(served: Served) -> None:
    token = f"Authorization: Bearer {served.token}"
    body = json.dumps({"name": "trailing"}).encode()
    chunks = b"%x\r\n%s\r\n0\r\n" % (len(body), body)
    kind = "Content-Type: application/json"
    trailing = head_of("/runs", kind) + chunks + f"{token}\r\n\r\n".encode()
    assert send_raw(served.control, trailing).startswith(b"HTTP/1.1 401")
    assert send_raw(served.control, head_of("/runs", kind, token, token) + chunks + b"\r\n").startswith(
        b"HTTP/1.1 400"
    )
    assert send_raw(served.control, head_of("/runs", kind, token) + chunks + b"\r\n").startswith(
        b"HTTP/1.1 201"
    )
