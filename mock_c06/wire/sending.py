"""Send a reply at the pace that a fault asks for, and stop when the caller has gone."""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from mock_c06.runs.faults import Cut
from mock_c06.wire.marking import MARK
from mock_c06.wire.reply import Reply

ABORT = "mock_c06.abort"
_CHUNK = 64 * 1024
_SECONDS_TO_LEAVE = 0.05


async def deliver(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the reply, or as much of it as is meant to arrive."""
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
    length = len(reply.body) // 2 if reply.cut is Cut.MID else len(reply.body)
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
        # The bytes must have left before the connection is cut under them.
        await _is_gone_within(_SECONDS_TO_LEAVE, receive)
        await _abort(scope, receive)
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _is_gone_within(seconds: float, receive: Receive) -> bool:
    """Wait, but no longer than the caller does."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    return False


async def _abort(scope: Scope, receive: Receive) -> None:
    """Cut the connection where the server lets us; in a test without a server, fail as a cut one does."""
    abort = scope.get("state", {}).get(ABORT)
    if abort is None:
        raise ConnectionResetError("the registry cut the connection")
    abort()
    # Until the server has noticed: before, it would take a missing answer for our mistake.
    await _is_gone_within(1, receive)


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Write the headers; every answer says that it is test data."""
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
