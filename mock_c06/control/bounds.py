"""The control face's bound on a body: what is larger is refused while it comes, and never held whole.

Before routing and before the token, since the framework reads a body before it asks who sends it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_c06.control.problems import problem

MOST_BYTES = 8 * 1024 * 1024
"""Room for some 20,000 people in one world."""


class _TooLarge(Exception):
    """The body is over its bound."""


class _CallerGone(Exception):
    """The caller left before the body was whole."""


@dataclass(frozen=True, slots=True)
class BoundedBodies:
    """The app, which sees only bodies of at most `MOST_BYTES`."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await _read(scope, receive)
        except _CallerGone:
            return
        except _TooLarge:
            title = f"a body of at most {MOST_BYTES // 1024 // 1024} MiB is expected"
            refusal = problem(413, title, [], {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _read(scope: Scope, receive: Receive) -> bytes:
    told = dict(scope["headers"]).get(b"content-length", b"0")
    if told.isdigit() and (len(told) > 12 or int(told) > MOST_BYTES):
        raise _TooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _CallerGone
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise _TooLarge
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay
