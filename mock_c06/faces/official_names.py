"""The mock neither listens nor answers under a host name that looks like one of the state's.

A proxy or a hosts file that routes a real name to the mock is noticed at the first call.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06.wire.reply import TEXT, Reply, deliver

_OFFICIAL = (".gov.vn", ".bca")
_PORT = re.compile(r":[0-9]*$")
_MISDIRECTED = Reply(
    status=421,
    body=b"421 Misdirected Request: a mock with synthetic people does not answer under an official name",
    content_type=TEXT,
)


@lru_cache(maxsize=64)
def looks_official(host: str) -> bool:
    """Return whether a host, with or without a port, has a name of the state's."""
    name = (_PORT.sub("", host) if ":" in host else host).rstrip(".").lower()
    return f".{name}".endswith(_OFFICIAL)


@dataclass(frozen=True, slots=True)
class OfficialHostRefusal:
    """Middleware that answers 421 if the `Host` looks official."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and looks_official(value.decode("latin-1")):
                    await deliver(_MISDIRECTED, scope, receive, send)
                    return
        await self.app(scope, receive, send)
