"""The registry face as one ASGI app for one environment: routes, reads, sends. It knows no word of tests but runs.

Plain ASGI: no framework's answer may differ from C06's, and it must be fast. Sends at the pace that a fault asks
for and stops when the caller has gone.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from mock_c06.clock import Clock
from mock_c06.desk.accounts import Environment
from mock_c06.runs.faults import Cut
from mock_c06.runs.run import Runs
from mock_c06.wire.call import Call, called_url, read_body, sha256
from mock_c06.wire.exchange import Exchange
from mock_c06.wire.reply import TEXT, XML, Reply
from mock_c06.wire.routes import Door, find_route
from mock_c06.wire.token_call import TokenDesk
from mock_c06.wire.wsdl import write_wsdl

ABORT = "mock_c06.abort"
_NOT_FOUND = Reply(status=404, body=b"404 Not Found", content_type=TEXT)
_CHUNK = 64 * 1024
_SECONDS_TO_LEAVE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFace:
    """C06 as seen from outside, in one environment."""

    environment: Environment
    runs: Runs
    exchange: Exchange
    tokens: TokenDesk
    clock: Clock
    wsdl: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection are refused by doing nothing."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            reply = await self._reply(request)
        except ClientDisconnect:
            return
        await _deliver(reply, scope, receive, send)

    async def _reply(self, request: Request) -> Reply:
        route = find_route(request.scope["path"])
        run = self.runs.find(route.run) if route is not None else None
        if route is None or run is None:
            return _NOT_FOUND
        if request.method == "GET" and route.door is Door.SOAP and _asks_for_wsdl(request):
            wsdl = write_wsdl(self.wsdl, address=called_url(request))
            return Reply(status=200, body=wsdl, content_type=XML)
        if request.method != "POST":
            body = b"405 Method Not Allowed"
            return Reply(status=405, body=body, content_type=TEXT, headers={"Allow": "POST"})
        body = await read_body(request)
        call = Call(
            environment=self.environment,
            run=run,
            route=route,
            url=called_url(request),
            headers=request.headers,
            body=body,
            body_sha256=sha256(body),
            wall=self.clock.now(),
            monotonic=self.clock.monotonic(),
        )
        return self.tokens.answer(call) if route.door is Door.TOKEN else self.exchange.answer(call)


def _asks_for_wsdl(request: Request) -> bool:
    return any(name.lower() == "wsdl" for name in request.query_params)


async def _deliver(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    if reply.delay_s and await _is_gone_within(reply.delay_s, receive):
        return
    if reply.cut is Cut.BEFORE:
        await _abort(scope, receive)
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
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
    headers = {
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "X-Test-Data": "true",
        **reply.headers,
    }
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
