"""A call as it came: what the faces need of the HTTP request, read once and bounded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from mock_c06.desk.accounts import Environment
from mock_c06.runs.run import Run
from mock_c06.wire.routes import Route
from mock_c06.wire.soap_in import MAX_BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`url` is absolute, as the caller wrote it, without the query: C06's login is computed over it."""

    environment: Environment
    run: Run
    route: Route
    url: str
    headers: Mapping[str, str]
    body: bytes
    body_sha256: str
    wall: datetime
    monotonic: float


def called_url(request: Request) -> str:
    """Give the absolute URL as called: the Host received, path and run included, no query."""
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    # Some servers put the query into raw_path too.
    path = raw_path.partition(b"?")[0].decode("latin-1")
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}{path}"


async def read_body(request: Request) -> bytes:
    """Read the body, but stop soon after the limit: what is over it is refused unread."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return bytes(body)


def sha256(body: bytes) -> str:
    """Give the digest that the journal keeps of a body."""
    return hashlib.sha256(body).hexdigest()
