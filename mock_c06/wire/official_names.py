"""The mock is never served under a name that looks like the state's: neither told to listen there nor asked by it.

So that a proxy or a hosts file which leads a real name here is noticed at the first call, and not after months.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06.wire.reply import TEXT, Reply
from mock_c06.wire.sending import deliver

_OFFICIAL = (".gov.vn", ".bca")
_PORT = re.compile(r":[0-9]*$")
_MISDIRECTED = Reply(
    status=421,
    body=b"421 Misdirected Request: a mock with synthetic people does not answer under an official name",
    content_type=TEXT,
)


@lru_cache(maxsize=64)
def looks_official(host: str) -> bool:
    """Say whether a host, with or without its port, has a name of the state's."""
    name = (_PORT.sub("", host) if ":" in host else host).rstrip(".").lower()
    return f".{name}".endswith(_OFFICIAL)


@dataclass(frozen=True, slots=True)
class UnderNoOfficialName:
    """Answers 421 where the `Host` looks official, else lets the app answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and looks_official(value.decode("latin-1")):
                    await deliver(_MISDIRECTED, scope, receive, send)
                    return
        await self.app(scope, receive, send)
