"""`HEAD` wherever `GET` works, and the `RateLimit` headers of a known caller's answers.

A HEAD is served as the GET of its path, without the body (RFC 9110 §9.3.2). `RateLimit` says how many calls the account
may still make at once, and in how many seconds it may make all again (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class RateState:
    """What is left of an account's rate: `left` of `most` calls, all of them again in `full_in` seconds of `window`."""

    left: int
    most: int
    full_in: int
    window: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the two headers."""
        return [
            (b"ratelimit-policy", f'"account";q={self.most};w={self.window}'.encode()),
            (b"ratelimit", f'"account";r={self.left};t={self.full_in}'.encode()),
        ]


class HeadAsGet:
    """Serves HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["sent_method"] = "HEAD"  # what a DPoP proof names

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_head)
        finally:
            if "route" in inner:
                scope["route"] = inner["route"]  # for the log and the metrics
