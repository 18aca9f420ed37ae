"""What is measured side by side. A subject is started for each of its turns, and nothing else runs meanwhile."""

import base64
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from benchmarks.people import RECORD, VERDICT, adapter_header, json_body, soap_body, soap_headers
from benchmarks.processes import find_free_port, running
from benchmarks.wrk import Call
from tests.kit.programs import Served, control_headers, find_account
from tests.kit.scene import AGENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A running subject: its calls by kind, and the process trees whose work is counted, by part.

    The parts are `server`, `database` and `upstream`; the cost of a request is that of the first two.
    """

    calls: Mapping[str, Call]
    trees: Mapping[str, int]
    start_s: float | None = None
    idle_mib: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A program to measure, by the kinds of its calls."""

    name: str
    kinds: tuple[str, ...]
    open: Callable[[], AbstractContextManager[Turn]] = field(repr=False)


FORM = "application/x-www-form-urlencoded"
JSON = {"Content-Type": "application/json"}


@contextmanager
def hello(body: str, claims: Path, *, workers: int = 1) -> Iterator[Turn]:
    """FastAPI with a pydantic body, in so many processes of uvicorn."""
    port = find_free_port()
    command = [sys.executable, "-m", "benchmarks.hello", str(port), "--workers", str(workers)]
    with running(command, port) as process:
        call = Call(
            authority=f"127.0.0.1:{port}",
            path="/verifications",
            headers=JSON,
            body=body,
            lines=claims,
            accept='"confirmed"',
        )
        yield Turn(calls={"request": call}, trees={"server": process.pid})


@contextmanager
def naive(mock: Served, body: str, claims: Path, folder: Path, *, shared: bool) -> Iterator[Turn]:
    """The naive gateway: a question for each request, with an HTTP client of its own or one for all."""
    port, key = find_free_port(), secrets.token_hex(32)
    account = find_account(mock, "dvctt-hanoi")
    database = folder / f"naive-{'shared' if shared else 'own'}.db"
    arguments = [
        mock.test,
        account["user"],
        AGENCY,
        str(database),
        str(port),
        *(["--shared"] if shared else []),
    ]
    command = [sys.executable, "-m", "benchmarks.naive", *arguments]
    with running(command, port, stdin=f"{account['secret']}\n{key}\n") as process:
        token = jwt.encode({"alg": "HS256"}, {"sub": "bench"}, OctKey.import_key(key))
        call = Call(
            authority=f"127.0.0.1:{port}",
            path="/verifications",
            headers={**JSON, "Authorization": f"Bearer {token}"},
            body=body,
            lines=claims,
            accept='"verdict":"confirmed"',
        )
        yield Turn(calls={"asked": call}, trees={"server": process.pid, "upstream": mock.process.pid})


_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream mock {{ server {mock}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host {mock};
    }}
  }}
}}
"""


@contextmanager
def nginx(program: str, mock: Served, lines: Path, folder: Path) -> Iterator[Turn]:
    """Nginx as a proxy before the mock: what one hop costs, without any work of a gateway."""
    port, authority = find_free_port(), mock.test.removeprefix("http://")
    where = folder / "nginx"
    where.mkdir(exist_ok=True)
    settings = where / "nginx.conf"
    settings.write_text(_NGINX.format(folder=where, mock=authority, port=port), encoding="utf-8")
    with running(
        [program, "-p", str(where), "-c", str(settings), "-e", str(where / "error.log")], port
    ) as process:
        call = _soap(mock, VERDICT, lines, authority=f"127.0.0.1:{port}")
        yield Turn(calls={"asked": call}, trees={"server": process.pid, "upstream": mock.process.pid})


def _soap(mock: Served, operation: str, lines: Path, *, authority: str | None = None) -> Call:
    """Return the calls of one operation; through a proxy if another authority is given."""
    own, path = mock.test.removeprefix("http://"), f"/{operation}"
    return Call(
        authority=authority or own,
        path=path,
        headers=soap_headers(own, path, find_account(mock, "dvctt-hanoi")),
        body=soap_body(operation),
        lines=lines,
        accept="<SoLuongCongDan>1<" if operation == VERDICT else "<ThuongTru>",
    )


@contextmanager
def mock_registry(mock: Served, soap: Path, json: Path) -> Iterator[Turn]:
    """Our mock, with login, licence, journal and recording; every call is about another person."""
    authority, account = mock.test.removeprefix("http://"), find_account(mock, "dvctt-lgsp-camel")
    adapter = {"lgspaccesstoken": adapter_header(account)}
    key = base64.b64encode(f"{account['ngsp_key']}:{account['ngsp_secret']}".encode()).decode()
    token = Call(
        authority=authority,
        path="/token",
        headers={"Authorization": f"Basic {key}", "Content-Type": FORM, **adapter},
        body="grant_type=client_credentials",
        accept='"access_token"',
    )
    answer = httpx.post(
        f"{mock.test}/token", content=token.body, headers=dict(token.headers), trust_env=False
    )
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}", **adapter}
    calls = {
        "003": _soap(mock, VERDICT, soap),
        "037": _soap(mock, RECORD, soap),
        "003 JSON": platform_call(authority, VERDICT, json, bearer, accept='"data": true'),
        "037 JSON": platform_call(authority, RECORD, json, bearer, accept='"ThuongTru"'),
        "token": token,
    }
    yield Turn(calls=calls, trees={"server": mock.process.pid})


def platform_call(
    authority: str, operation: str, lines: Path, headers: Mapping[str, str], *, accept: str
) -> Call:
    """Return the calls of one operation in a platform's JSON (`lgsp-camel`)."""
    path = f"/lgsp/{operation[0].lower()}{operation[1:]}"
    return Call(
        authority=authority,
        path=path,
        headers={**JSON, **headers},
        body=json_body(operation),
        lines=lines,
        accept=accept,
    )


def empty_journal(mock: Served) -> None:
    """Delete the mock's record of its calls, so that every turn begins with an empty one."""
    httpx.delete(f"{mock.control}/runs/default", headers=control_headers(mock), timeout=60).raise_for_status()
