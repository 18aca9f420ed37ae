"""Threat 36 before the gateway: which requests a real nginx with `deploy/nginx.conf` passes on, and which
it answers itself.

A real nginx with the shipped configuration runs before a gateway during the block.
"""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.authority import Authority
from tests.kit.programs import Place, Served, find_free_ports, place_beside, wait_for
from tests.kit.scene import AGENCY, enquiry

SHIPPED = Path(__file__).resolve().parent.parent.parent / "deploy" / "nginx.conf"
NAME = "api.dvctt.example"
_AROUND = """
daemon off;
worker_processes 1;
error_log {folder}/error.log notice;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/of-all.log; # the default of a distribution
    include {folder}/dancu-gateway.conf;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running nginx: its port, and the folder of its logs."""

    port: int
    folder: Path

    def log(self) -> str:
        """Return the log lines of the requests."""
        return (self.folder / "dancu-gateway.log").read_text(encoding="utf-8")


def find_nginx() -> str:
    """Return nginx's path; without nginx the test is skipped, and fails in CI."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])  # noqa: TID251 - the folders of servers
    found = shutil.which("nginx", path=path)
    if found is None:
        reason = "nginx is not installed: apt-get install nginx"
        if os.environ.get("CI"):  # noqa: TID251 - CI must not pass without it
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def running_nginx(
    folder: Path, *, port: int, certificate: Path, upstream: str, changes: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Run nginx with the shipped file and its four values set; `changes` replaces further text of the file."""
    words = {
        "443": str(port),
        "/etc/nginx/tls/gateway.pem": str(certificate),
        "/etc/nginx/tls/gateway.key": str(certificate),
        "127.0.0.1:8000": upstream,
        "/var/log/nginx": str(folder),
        **(changes or {}),
    }
    text = SHIPPED.read_text(encoding="utf-8")
    for word, other in words.items():
        assert word in text
        text = text.replace(word, other)
    (folder / "dancu-gateway.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder), encoding="utf-8")
    command = [
        find_nginx(),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield Proxy(port=port, folder=folder)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=30)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx did not start")


PROBLEM = {"type", "title", "title_vi", "status", "detail", "detail_vi", "code", "request_id"}
SOON = {
    "client_header_timeout 10s": "client_header_timeout 1s",
    "client_body_timeout 10s": "client_body_timeout 1s",
}


@dataclass(frozen=True, kw_only=True)
class Street:
    """A gateway behind its proxy, as callers outside see it."""

    place: Place
    port: int
    proxy: Proxy
    trust: ssl.SSLContext = field(repr=False)

    def call(self, method: str, path: str, *, source: str | None = None, **members: Any) -> httpx.Response:
        """Call by the proxy's name, from another loopback address if `source` names one."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=source)
        headers = {"Host": NAME, **members.pop("headers", {})}
        with httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{self.proxy.port}") as http:
            return http.request(
                method, path, headers=headers, extensions={"sni_hostname": NAME}, timeout=30, **members
            )

    @contextmanager
    def beside(self, folder: Path, upstream: str, changes: Mapping[str, str]) -> Iterator["Street"]:
        """Run a second proxy for the same gateway."""
        certificate, port = self.proxy.folder / "server.pem", find_free_ports(1)
        with running_nginx(
            folder, port=port, certificate=certificate, upstream=upstream, changes=changes
        ) as proxy:
            yield replace(self, proxy=proxy)

    def connect(self, name: str = NAME) -> ssl.SSLSocket:
        """Open a new connection."""
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
    wait_for(
        lambda: verified.headers["x-request-id"] in street.proxy.log()
    )  # nginx writes it after the answer
    assert token not in street.proxy.log()


def test_a_process_for_each_profile_is_reached_by_the_paths_of_its_profile(
    street: Street, mock: Served, tmp_path: Path
) -> None:
    """The street's gateway serves both; beside it one of sandbox alone, whose answers tell it apart."""
    port = find_free_ports(1)
    own = {"GATEWAY_PUBLIC_URL": f"https://{NAME}", "GATEWAY_SERVE_PROFILE": "sandbox"}
    alone, upstream = place_beside(mock, tmp_path, **own), f"127.0.0.1:{street.port}"
    changes = {f"server {upstream}; # sandbox": f"server 127.0.0.1:{port};"}
    alone.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    with alone.serving(port), street.beside(tmp_path, upstream, changes) as divided:
        wanted = {
            "/sandbox/jwks.json": port,
            "/.well-known/oauth-authorization-server/sandbox": port,
            "/.well-known/oauth-protected-resource/sandbox/v1": port,
            "/official/jwks.json": street.port,
            "/.well-known/oauth-authorization-server/official": street.port,
            "/sandboxes": street.port,
            "/readyz": street.port,
            "/docs": street.port,
            "/.well-known/audit/key": street.port,
        }
        for path in wanted:
            divided.call("GET", path)
        keys = [street.call("GET", "/sandbox/jwks.json"), divided.call("GET", "/sandbox/jwks.json")]
        wait_for(lambda: divided.proxy.log().count("\n") > len(wanted))

    found = [json.loads(line)["upstream"] for line in divided.proxy.log().splitlines()]
    assert found[: len(wanted)] == [f"127.0.0.1:{port}" for port in wanted.values()]
    assert keys[0].json() != keys[1].json()  # each store has keys of its own


def test_threat_46_requests_to_sandbox_use_up_no_share_of_official(street: Street, tmp_path: Path) -> None:
    changes = {"rate=100r/s": "rate=1r/m", "burst=200": "burst=1"}
    with street.beside(tmp_path, f"127.0.0.1:{street.port}", changes) as strict:
        sandbox = [strict.call("GET", "/sandbox/jwks.json").status_code for _ in range(4)]
        official = strict.call("GET", "/official/jwks.json").status_code

    assert (sandbox[0], sandbox[-1], official) == (200, 429, 200)


def test_threat_36_a_caller_with_another_host_name_gets_no_certificate(street: Street) -> None:
    with pytest.raises(ssl.SSLError):
        street.connect("evil.example")


def test_threat_36_a_request_for_another_host_under_our_name_gets_no_answer(street: Street) -> None:
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
def test_threat_36_the_proxy_refuses_what_is_too_large_with_a_problem(
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
def test_threat_36_the_proxy_refuses_what_is_not_http_with_a_problem(street: Street, sent: bytes) -> None:
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
def test_threat_36_a_slow_caller_does_not_reach_the_gateway(street: Street, begun: bytes) -> None:
    before = len(street.place.events("request"))
    with street.connect() as slow:
        slow.sendall(begun)
        slow.settimeout(30)
        answer = slow.recv(65_536)
    assert answer == b"" or b"408" in answer.split(b"\r\n")[0]
    assert len(street.place.events("request")) == before


def test_operators_reach_the_gateway_only_from_allowed_addresses(street: Street) -> None:
    inside, outside = (street.call("GET", "/ops/v1/changes", source=source) for source in (None, "127.0.0.2"))
    assert (inside.status_code, inside.json()["code"]) == (401, "token_missing")
    assert (outside.status_code, outside.json()["code"]) == (404, "not_found")
    _check_problem(outside)
    paths = ("/console/login", "/", "/pages.css")
    assert [street.call("GET", path).status_code for path in paths] == [200, 200, 200]
    assert [street.call("GET", path, source="127.0.0.2").status_code for path in paths] == [404, 200, 200]


def test_threat_36_a_burst_from_one_address_is_refused_with_a_time_to_retry(
    street: Street, tmp_path: Path
) -> None:
    slow = {"rate=100r/s": "rate=1r/m", "burst=200": "burst=2"}
    with street.beside(tmp_path, f"127.0.0.1:{street.port}", slow) as narrow:
        answers = [narrow.call("GET", "/livez") for _ in range(4)]
        other = narrow.call("GET", "/livez", source="127.0.0.3")
    assert [answer.status_code for answer in (*answers, other)] == [200, 200, 200, 429, 200]
    assert answers[-1].headers["retry-after"] == "1"
    _check_problem(answers[-1])


def test_an_unreachable_gateway_is_a_problem_with_a_time_to_retry(street: Street, tmp_path: Path) -> None:
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
