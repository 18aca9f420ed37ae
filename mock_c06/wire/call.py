"""A call as it came: what the faces need of the HTTP request, read once and bounded."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from starlette.types import Receive, Scope

from mock_c06.desk.accounts import Environment
from mock_c06.desk.basic import Login
from mock_c06.light import light_value
from mock_c06.runs.run import Run
from mock_c06.wire.routes import Route
from mock_c06.wire.soap_in import MAX_BODY


@light_value
class Call:
    """`url` is absolute, as the caller wrote it, without the query: C06's login is computed over it. `login` is what a
    Basic header holds; names of headers are in lower case."""

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


def read_headers(scope: Scope) -> dict[str, str]:
    """Give the headers by their names in lower case; of several with one name, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def called_url(scope: Scope, headers: Mapping[str, str]) -> str:
    """Give the absolute URL as called: the Host received, path and run included, no query."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    # Some servers put the query into raw_path too.
    path = raw_path.partition(b"?")[0].decode("latin-1")
    return f"{scope['scheme']}://{headers.get('host', '')}{path}"


async def read_body(receive: Receive) -> bytes | None:
    """Read the body, but stop soon after the limit: what is over it is refused unread. None: the caller has gone."""
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
    """Give the digest that the journal keeps of a body."""
    return hashlib.sha256(body).hexdigest()
