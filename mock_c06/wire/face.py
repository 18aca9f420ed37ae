"""The registry face as one ASGI app for one environment: routes, reads, sends. It knows no word of tests but runs.

Plain ASGI: no framework's answer may differ from C06's, and it must be fast. Sends at the pace that a fault asks
for and stops when the caller has gone.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from mock_c06.clock import Clock
from mock_c06.desk.accounts import Environment
from mock_c06.desk.basic import find_login
from mock_c06.runs.recording import Kept, pack
from mock_c06.runs.run import Runs
from mock_c06.wire.call import Call, called_url, read_body, read_headers, sha256
from mock_c06.wire.exchange import Exchange
from mock_c06.wire.replay import path_in_run, request_key
from mock_c06.wire.reply import TEXT, XML, Reply
from mock_c06.wire.routes import Door, find_route
from mock_c06.wire.sending import deliver
from mock_c06.wire.soap_in import MAX_BODY
from mock_c06.wire.token_call import TokenDesk
from mock_c06.wire.wsdl import write_wsdl

_NOT_FOUND = Reply(status=404, body=b"404 Not Found", content_type=TEXT)
_TOO_LARGE = Reply(
    status=413, body=b"413 Content Too Large", content_type=TEXT, headers={"Connection": "close"}
)
_NOT_ALLOWED = Reply(status=405, body=b"405 Method Not Allowed", content_type=TEXT, headers={"Allow": "POST"})


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
        reply = await self._reply(scope, receive)
        if reply is not None:
            await deliver(reply, scope, receive, send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        """Give the reply, None where the caller has gone."""
        route = find_route(scope["path"])
        run = self.runs.find(route.run) if route is not None else None
        if route is None or run is None:
            return _NOT_FOUND
        headers = read_headers(scope)
        if scope["method"] == "GET" and route.door is Door.SOAP and _asks_for_wsdl(scope):
            wsdl = write_wsdl(self.wsdl, address=called_url(scope, headers))
            return Reply(status=200, body=wsdl, content_type=XML)
        if scope["method"] != "POST":
            return _NOT_ALLOWED
        body = await read_body(receive)
        if body is None:
            return None
        if route.door is Door.TOKEN and len(body) > MAX_BODY:
            return _TOO_LARGE
        run.clock.tick()
        call = Call(
            environment=self.environment,
            run=run,
            route=route,
            url=called_url(scope, headers),
            headers=headers,
            login=find_login(headers.get("authorization")),
            body=body,
            body_sha256=sha256(body),
            wall=self.clock.now(),
            monotonic=self.clock.monotonic(),
        )
        reply = self.tokens.answer(call) if route.door is Door.TOKEN else self.exchange.answer(call)
        _keep(call, scope["path"], reply)
        return reply


def _keep(call: Call, path: str, reply: Reply) -> None:
    """Keep the answer for who will record the run."""
    if not call.run.recording.is_whole:
        return
    path = path_in_run(path)
    call.run.recording.keep(
        Kept(
            key=request_key(
                call.environment, path, call.headers.get("authorization", ""), call.login, call.body
            ),
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


def _asks_for_wsdl(scope: Scope) -> bool:
    names = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return any(name.lower() == "wsdl" for name, _ in names)
