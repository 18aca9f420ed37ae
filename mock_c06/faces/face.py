"""The registry face of one environment as an ASGI app: route, read, answer, send.

Plain ASGI, because a framework's own answers may differ from C06's, and for speed. `GET` with `?wsdl` gives the WSDL at
every path of a run (wsdl.py).
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from mock_c06.accounts.model import Environment, Switches, flip
from mock_c06.accounts.register import Register
from mock_c06.clock import Clock
from mock_c06.faces.call import (
    Call,
    Endpoint,
    called_url,
    caller_of,
    find_base,
    find_route,
    path_in_run,
    read_body,
    read_headers,
    request_key,
    sha256,
)
from mock_c06.faces.exchange import answer_question
from mock_c06.faces.token_endpoint import answer_token
from mock_c06.faces.wsdl import SCHEMAS, write_schema, write_wsdl
from mock_c06.login.digest import find_login
from mock_c06.runs.run import RecordedCall, Runs, pack
from mock_c06.wire.reply import TEXT, XML, Reply, deliver
from mock_c06.wire.soap import MAX_BODY

_NOT_FOUND = Reply(status=404, body=b"404 Not Found", content_type=TEXT)
_START = (
    "mock-c06: TEST DATA ONLY. The {environment} environment of a mock of the population registry; every person in it "
    "is synthetic.\nClients send POST /soap, which GET /soap?wsdl describes, or POST /lgsp/… with a token of POST /token."
    "\nPeople: mock-c06 personas. Accounts: mock-c06 accounts. Control face: the address that mock-c06 serve printed.\n"
)
_TOO_LARGE = Reply(
    status=413, body=b"413 Content Too Large", content_type=TEXT, headers={"Connection": "close"}
)
_NOT_ALLOWED = Reply(status=405, body=b"405 Method Not Allowed", content_type=TEXT, headers={"Allow": "POST"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFace:
    """C06's HTTP interface in one environment."""

    environment: Environment
    runs: Runs
    register: Register
    clock: Clock
    started_with: Switches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection are ignored."""
        if scope["type"] != "http":
            return
        reply = await self._reply(scope, receive)
        if reply is not None:
            await deliver(reply, scope, receive, send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        """Return the reply, or None if the caller has disconnected."""
        if scope["method"] == "GET" and (asked := _description_asked(scope)) is not None:
            return self._describe(scope, *asked)
        route = find_route(scope["path"])
        run = self.runs.find(route.run) if route is not None else None
        if route is None or run is None:
            return self._start() if (scope["method"], scope["path"]) == ("GET", "/") else _NOT_FOUND
        headers = read_headers(scope)
        if scope["method"] != "POST":
            return _NOT_ALLOWED
        body = await read_body(receive)
        if body is None:
            return None
        if route.endpoint is Endpoint.TOKEN and len(body) > MAX_BODY:
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
            clock=self.clock,
        )
        answer = answer_token if route.endpoint is Endpoint.TOKEN else answer_question
        reply = answer(self.register, call)
        _keep(call, scope["path"], reply)
        return reply

    def _start(self) -> Reply:
        """Return the page of the root, for a developer who opens it."""
        return Reply(
            status=200, body=_START.format(environment=self.environment.value).encode(), content_type=TEXT
        )

    def _describe(self, scope: Scope, kind: str, name: str) -> Reply:
        """Return the WSDL or a schema, in the forms of the run, or of the account that the caller's login names."""
        found = find_base(scope["path"])
        run = self.runs.find(found[0]) if found is not None else None
        if found is None or run is None:
            return _NOT_FOUND
        headers = read_headers(scope)
        switches = flip(self.started_with, run.switches)
        login = find_login(headers.get("authorization"))
        register = run.accounts_of(self.register)
        if login is not None and (account := register.find_by_user(self.environment, login.user)) is not None:
            switches = account.switches
        if kind == "wsdl":
            address = f"{scope['scheme']}://{headers.get('host', '')}{found[1]}/soap"
            return Reply(status=200, body=write_wsdl(switches, address=address), content_type=XML)
        schema = write_schema(switches, name or SCHEMAS[0])
        return Reply(status=200, body=schema, content_type=XML) if schema is not None else _NOT_FOUND


def _keep(call: Call, path: str, reply: Reply) -> None:
    """Keep the answer for a recording of the run."""
    if not call.run.recording.is_whole:
        return
    path = path_in_run(path)
    caller = caller_of(call.headers.get("authorization", ""), call.login)
    call.run.recording.keep(
        RecordedCall(
            key=request_key(call.environment.value, path, caller, call.body),
            environment=call.environment.value,
            path=path,
            status=reply.status,
            headers=(("Content-Type", reply.content_type), *reply.headers.items()),
            packed=pack(reply.body),
            caller=caller,
            request=pack(call.body),
            delay_s=reply.delay_s,
            trickle_s=reply.trickle_s,
            cut=reply.cut,
            entry=call.run.journal.last(),
        )
    )


def _description_asked(scope: Scope) -> tuple[str, str] | None:
    """Return `wsdl` or `xsd` with its value, if the query has one of them; case does not matter."""
    names = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return next(((n.lower(), value) for n, value in names if n.lower() in {"wsdl", "xsd"}), None)
