"""Threat 36 before the gateway: what `deploy/nginx.conf`, run by a real nginx, lets through, and what it answers itself."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.registry.authority import Authority
from tests.mock_c06.programs import Served
from tests.sockets.nginx import NAME, Proxy, find_nginx, running_nginx
from tests.sockets.ports import find_free_ports
from tests.sockets.programs import AGENCY, Place, enquiry, place_beside
from tests.sockets.rows import wait_for

PROBLEM = {"type", "title", "title_vi", "status", "detail", "code", "request_id"}
SOON = {
    "client_header_timeout 10s": "client_header_timeout 1s",
    "client_body_timeout 10s": "client_body_timeout 1s",
}


@dataclass(frozen=True, kw_only=True)
class Street:
    """A gateway behind its proxy, as callers outside reach it."""

    place: Place
    port: int
    proxy: Proxy
    trust: ssl.SSLContext = field(repr=False)

    def call(self, method: str, path: str, *, source: str | None = None, **members: Any) -> httpx.Response:
        """Call by the proxy's name, from another loopback address if `source` says so."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=source)
        headers = {"Host": NAME, **members.pop("headers", {})}
        with httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{self.proxy.port}") as http:
            return http.request(
                method, path, headers=headers, extensions={"sni_hostname": NAME}, timeout=30, **members
            )

    @contextmanager
    def beside(self, folder: Path, upstream: str, changes: Mapping[str, str]) -> Iterator["Street"]:
        """Put a second proxy beside the first."""
        certificate, port = self.proxy.folder / "server.pem", find_free_ports(1)
        with running_nginx(
            folder, port=port, certificate=certificate, upstream=upstream, changes=changes
        ) as proxy:
            yield replace(self, proxy=proxy)

    def connect(self, name: str = NAME) -> ssl.SSLSocket:
        """Open a connection of one's own."""
        opened = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30)
        return self.trust.wrap_socket(opened, server_hostname=name)


@pytest.fixture(scope="module")
def street(mock: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    find_nginx()
    folder = tmp_path_factory.mktemp("proxy")
    authority = Authority(folder)
    authority.serving(NAME)
    port = find_free_ports(2)
    place = place_beside(mock, folder, GATEWAY_PUBLIC_URL=f"https://{NAME}")
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    with place.serving(port + 1):
        upstream = f"127.0.0.1:{port + 1}"
        with running_nginx(
            folder, port=port, certificate=folder / "server.pem", upstream=upstream, changes=SOON
        ) as proxy:
            trust = ssl.create_default_context(cadata=authority.pem())
            yield Street(place=place, port=port + 1, proxy=proxy, trust=trust)


def test_a_portal_gets_its_token_and_verifies_through_the_proxy(street: Street) -> None:
    account = street.place.make_account()
    assert account["issuer"] == f"https://{NAME}/sandbox"
    proven = httpx.BasicAuth(account["client_id"], account["client_secret"])
    form = {"grant_type": "client_credentials"}
    token = street.call("POST", "/sandbox/oauth2/token", data=form, auth=proven).json()["access_token"]
    verified = street.call(
        "POST", "/sandbox/v1/verifications", json=enquiry(), headers={"Authorization": f"Bearer {token}"}
    )
    assert (verified.status_code, verified.json()["verdict"]) == (201, "confirmed")
    assert verified.headers["strict-transport-security"]
    wait_for(lambda: verified.headers["x-request-id"] in street.proxy.log())  # written after the answer
    assert token not in street.proxy.log()


def test_threat_36_another_name_is_shown_no_certificate(street: Street) -> None:
    with pytest.raises(ssl.SSLError):
        street.connect("evil.example")


def test_threat_36_another_name_under_ours_is_answered_nothing(street: Street) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        street.call("GET", "/livez", headers={"Host": "evil.example"})


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"content": b"x" * 65_537}, 413, "body_too_large"),
        ({"headers": {f"X-{n}": "x" * 7000 for n in range(6)}}, 431, "headers_too_large"),
        ({"headers": {"X": "x" * 9000}}, 431, "headers_too_large"),
    ],
    ids=["body", "headers", "one header"],
)
def test_threat_36_what_is_too_large_ends_at_the_proxy_as_a_problem(
    street: Street, sent: Any, status: int, code: str
) -> None:
    answer = street.call("POST", "/sandbox/v1/verifications", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    _check_problem(answer)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", id="host"),
        pytest.param(b"get / HTTP/1.1\r\nHost: x\r\n\r\n", id="method"),
        pytest.param(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", id="CONNECT"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", id="version"),
        pytest.param(b"\x16\x03\x01 hello\r\n\r\n", id="no HTTP"),
        pytest.param(
            f"POST / HTTP/1.1\r\nHost: {NAME}\r\nTransfer-Encoding: gzip\r\n\r\n".encode(), id="encoding"
        ),
    ],
)
def test_threat_36_what_is_no_http_ends_at_the_proxy_as_a_problem(street: Street, sent: bytes) -> None:
    with street.connect() as odd:
        odd.sendall(sent)
        head, _, body = b"".join(iter(lambda: odd.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(body)["code"] == "http_invalid"


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"POST /livez HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\nContent-Length: 9\r\n\r\nx",
    ],
    ids=["nothing", "head", "body"],
)
def test_threat_36_slow_callers_never_reach_the_gateway(street: Street, begun: bytes) -> None:
    before = len(street.place.events("request"))
    with street.connect() as slow:
        slow.sendall(begun)
        slow.settimeout(30)
        answer = slow.recv(65_536)
    assert answer == b"" or b"408" in answer.split(b"\r\n")[0]
    assert len(street.place.events("request")) == before


def test_operators_come_in_from_where_they_are_allowed_alone(street: Street) -> None:
    inside, outside = (street.call("GET", "/ops/v1/changes", source=source) for source in (None, "127.0.0.2"))
    assert (inside.status_code, inside.json()["code"]) == (401, "token_missing")
    assert (outside.status_code, outside.json()["code"]) == (404, "not_found")
    _check_problem(outside)


def test_threat_36_a_burst_of_one_address_is_told_to_wait(street: Street, tmp_path: Path) -> None:
    slow = {"rate=100r/s": "rate=1r/m", "burst=200": "burst=2"}
    with street.beside(tmp_path, f"127.0.0.1:{street.port}", slow) as narrow:
        answers = [narrow.call("GET", "/livez") for _ in range(4)]
        other = narrow.call("GET", "/livez", source="127.0.0.3")
    assert [answer.status_code for answer in (*answers, other)] == [200, 200, 200, 429, 200]
    assert answers[-1].headers["retry-after"] == "1"
    _check_problem(answers[-1])


def test_a_gateway_that_is_away_is_a_problem_with_a_time_to_come_back(street: Street, tmp_path: Path) -> None:
    with street.beside(tmp_path, "127.0.0.1:1", {}) as alone:
        answer = alone.call("GET", "/livez")
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "5"
    _check_problem(answer)


def _check_problem(answer: httpx.Response) -> None:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == PROBLEM
    assert problem["type"] == f"https://{NAME}/problems/{problem['code']}"
    assert problem["status"] == answer.status_code
