"""The limit on a body's size at the control face and at the login: a larger one is refused while it arrives, and never kept
whole.

It comes before routing and before the token, because the framework reads the body first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_c06.control.problems import problem

MAX_BYTES = 8 * 1024 * 1024
"""Enough for some 20,000 people in one world."""

FORM_TYPE = "application/x-www-form-urlencoded"


class _TooLarge(Exception):
    """The body is larger than the limit."""


class _CallerGone(Exception):
    """The caller disconnected before the end of the body."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Middleware that passes bodies of at most `most` bytes to the app, with `forms_only` those of a plain form.

    Of `multipart/form-data` the sender names the encoding, and Python decodes some in quadratic time.
    """

    app: ASGIApp
    most: int = MAX_BYTES
    forms_only: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)  # of two with one name the first counts, as where the form is read
        media_type = headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
        if self.forms_only and media_type != FORM_TYPE:
            refusal = problem(415, f"a form is expected: {FORM_TYPE}", [], {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        try:
            body = await _read(headers, receive, self.most)
        except _CallerGone:
            return
        except _TooLarge:
            title = f"a body of at most {self.most // 1024:,} KiB is expected"
            refusal = problem(413, title, [], {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _read(headers: Headers, receive: Receive, most: int) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 12 or int(length) > most):
        raise _TooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _CallerGone
        body += message.get("body", b"")
        if len(body) > most:
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
