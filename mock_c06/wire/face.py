"""The registry face as one ASGI app for one environment: routes, reads, sends. It knows no word of tests but runs.

Plain ASGI: no framework's answer may differ from C06's, and it must be fast. Sends at the pace that a fault asks
for and stops when the caller has gone.
"""

from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from mock_c06.clock import Clock
from mock_c06.desk.accounts import Environment
from mock_c06.runs.recording import Kept, pack
from mock_c06.runs.run import Runs
from mock_c06.wire.call import Call, called_url, read_body, sha256
from mock_c06.wire.exchange import Exchange
from mock_c06.wire.replay import path_in_run, request_key
from mock_c06.wire.reply import TEXT, XML, Reply
from mock_c06.wire.routes import Door, find_route
from mock_c06.wire.sending import deliver
from mock_c06.wire.token_call import TokenDesk
from mock_c06.wire.wsdl import write_wsdl

_NOT_FOUND = Reply(status=404, body=b"404 Not Found", content_type=TEXT)


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
        await deliver(reply, scope, receive, send)

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
        run.clock.tick()
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
        reply = self.tokens.answer(call) if route.door is Door.TOKEN else self.exchange.answer(call)
        _keep(call, request.scope["path"], reply)
        return reply


def _keep(call: Call, path: str, reply: Reply) -> None:
    """Keep the answer for who will record the run."""
    if not call.run.recording.is_whole:
        return
    path = path_in_run(path)
    call.run.recording.keep(
        Kept(
            key=request_key(call.environment, path, call.headers, call.body),
            environment=call.environment.value,
            path=path,
            status=reply.status,
            headers=(("Content-Type", reply.content_type), *reply.headers.items()),
            packed=pack(reply.body),
            delay_s=reply.delay_s,
            trickle_s=reply.trickle_s,
            cut=reply.cut,
            entry=call.run.journal.last(),
        )
    )


def _asks_for_wsdl(request: Request) -> bool:
    return any(name.lower() == "wsdl" for name in request.query_params)
