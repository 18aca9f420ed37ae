"""An HTTP reply as a value, with its delays; faults change it before it is sent.

Every reply has `X-Test-Data: true`, refusals and failures included. Sending stops when the caller disconnects.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_c06.unfrozen import unfrozen

MARK = (b"x-test-data", b"true")


@dataclass(frozen=True, slots=True)
class MarkedAsTestData:
    """Middleware that adds `X-Test-Data: true` to every answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], MARK]}
            await send(message)

        await self.app(scope, receive, send_marked)


class Cut(Enum):
    """When a reset cuts an answer: before it, in the middle of the body, or after the body."""

    BEFORE = "before"
    MID = "mid"
    AFTER = "after"


XML = "text/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@unfrozen
class Reply:
    """An answer: `deliver` waits `delay_s` before the first byte, and `trickle_s` before each byte of the body.

    `cut` is where the connection ends; None: after the whole answer.
    """

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    cut: Cut | None = None

    @property
    def status_sent(self) -> int | None:
        """The status that the caller gets; None if the connection is cut before it."""
        return None if self.cut is Cut.BEFORE else self.status

    @property
    def bytes_sent(self) -> int:
        """How many bytes of the body are sent to a caller who waits for all of them."""
        match self.cut:
            case Cut.BEFORE:
                return 0
            case Cut.MID:
                return len(self.body) // 2
        return len(self.body)


# Made once; `json.dumps` makes an encoder for each value.
_write_json = json.JSONEncoder(ensure_ascii=False).encode


def json_reply(status: int, value: Mapping[str, object]) -> Reply:
    """Return a reply whose body is this object."""
    return Reply(status=status, body=_write_json(value).encode(), content_type=JSON)


ABORT = "mock_c06.abort"
_CHUNK = 64 * 1024
_SECONDS_TO_LEAVE = 0.05


async def deliver(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the reply, with its delays, up to the cut."""
    if reply.delay_s and await _is_gone_within(reply.delay_s, receive):
        return
    if reply.cut is Cut.BEFORE:
        await _abort(scope, receive)
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    if not reply.trickle_s and reply.cut is None and len(reply.body) <= _CHUNK:
        await send({"type": "http.response.body", "body": reply.body, "more_body": False})
        return
    size = 1 if reply.trickle_s else _CHUNK
    length = reply.bytes_sent
    for start in range(0, length, size):
        if reply.trickle_s and await _is_gone_within(reply.trickle_s, receive):
            return
        await send(
            {
                "type": "http.response.body",
                "body": reply.body[start : min(start + size, length)],
                "more_body": True,
            }
        )
    if reply.cut is not None:
        # The bytes must be sent before the connection is cut.
        await _is_gone_within(_SECONDS_TO_LEAVE, receive)
        await _abort(scope, receive)
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _is_gone_within(seconds: float, receive: Receive) -> bool:
    """Wait; return true as soon as the caller disconnects."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    return False


async def _abort(scope: Scope, receive: Receive) -> None:
    """Cut the connection if the server supports it; without a server, raise `ConnectionResetError`."""
    abort = scope.get("state", {}).get(ABORT)
    if abort is None:
        raise ConnectionResetError("the registry cut the connection")
    abort()
    # Wait for the server to notice: it would otherwise report a missing answer.
    await _is_gone_within(1, receive)


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Write the headers, the test data header included."""
    always = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", b"%d" % len(reply.body)),
        MARK,
    ]
    if not reply.headers:
        return always
    return always + [
        (name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()
    ]
