"""A call: its route, and the parts of the HTTP request, which are read once and within limits.

Every path may begin with `/r/{run}`; the query is ignored.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from starlette.types import Receive, Scope

from mock_c06.accounts.model import Environment
from mock_c06.clock import Clock
from mock_c06.login.digest import Login
from mock_c06.operations import Operation
from mock_c06.runs.run import DEFAULT_RUN, Run
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.reply import Reply
from mock_c06.wire.soap import MAX_BODY


class Endpoint(Enum):
    """The kinds of endpoint."""

    SOAP = "soap"
    LGSP = "lgsp"
    TOKEN = "token"  # noqa: S105 - a path, not a secret


@unfrozen
class Route:
    """A run, the endpoint in it, and the operation if the path names one."""

    run: str
    endpoint: Endpoint
    operation: Operation | None = None


_ENDPOINTS: dict[str, tuple[Endpoint, Operation | None]] = {
    "/soap": (Endpoint.SOAP, None),
    "/token": (Endpoint.TOKEN, None),
    **{f"/{operation}": (Endpoint.SOAP, operation) for operation in Operation},
    **{f"/lgsp/{operation.camel}": (Endpoint.LGSP, operation) for operation in Operation},
}


def _split(path: str) -> tuple[str, str]:
    """Return the run that a path names, and the path in the run."""
    if not path.startswith("/r/"):
        return DEFAULT_RUN, path
    run, _, rest = path.removeprefix("/r/").partition("/")
    return run, f"/{rest}"


def path_in_run(path: str) -> str:
    """Return a path without `/r/{run}`."""
    return _split(path)[1]


def find_route(path: str) -> Route | None:
    """Return the route, or None for an unknown path."""
    run, inside = _split(path)
    found = _ENDPOINTS.get(inside)
    return Route(run=run, endpoint=found[0], operation=found[1]) if found else None


def find_base(path: str) -> tuple[str, str] | None:
    """Return the run, and `/r/{run}` if the path begins with it, else ""; None for a path that is no endpoint and no root."""
    run, inside = _split(path)
    base = f"/r/{run}" if path.startswith("/r/") else ""
    return (run, base) if inside == "/" or inside in _ENDPOINTS else None


@unfrozen
class Call:
    """One request to the registry face.

    `url` is absolute, as the caller wrote it: C06's login is computed over it without its query. `login` comes from a
    Basic header; names of headers are in lower case. `monotonic` is in seconds.
    """

    environment: Environment
    run: Run
    route: Route
    url: str
    headers: Mapping[str, str]
    login: Login | None
    body: bytes
    body_sha256: str
    wall: datetime
    monotonic: float
    clock: Clock

    def ms_until(self, reply: Reply) -> float:
        """Return the milliseconds from the end of the request until now, and the reply's delay."""
        return round((self.clock.monotonic() - self.monotonic + reply.delay_s) * 1000, 1)


def read_headers(scope: Scope) -> dict[str, str]:
    """Return the headers by their names in lower case; of several with the same name, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def called_url(scope: Scope, headers: Mapping[str, str]) -> str:
    """Return the absolute URL of the call: with the received Host, the run, the path and the query."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    # Some servers put the query into raw_path too.
    path = raw_path.partition(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope['scheme']}://{headers.get('host', '')}{path}{'?' if query else ''}{query}"


async def read_body(receive: Receive) -> bytes | None:
    """Read the body up to the limit and one chunk more. None: the caller has disconnected."""
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def sha256(body: bytes) -> str:
    """Return a body's digest for the journal."""
    return hashlib.sha256(body).hexdigest()


def caller_of(authorization: str, login: Login | None) -> str:
    """Return the scheme, and the user or the token; `login` comes from `authorization`, if that is a Basic one."""
    scheme, _, credential = authorization.partition(" ")
    return f"{scheme.lower()}\n{login.user if login is not None else credential.strip()}"


def request_key(environment: str, path: str, caller: str, body: bytes) -> str:
    """Return the digest by which a replay identifies a request."""
    head = f"{environment}\n{path}\n{caller}"
    return hashlib.sha256(head.encode("utf-8", "surrogatepass") + b"\n\n" + body).hexdigest()
