"""Limits of connections whose request is not complete: their number, time and bytes (threat 36).

uvicorn limits none of the three: a head may take any time and have any size, and idle connections may use up all file
descriptors. `middleware.py` limits complete requests.

Fields of a trailer are dropped (RFC 9110 §6.5.1): uvicorn would add them to the headers while the application reads the
body. Heads that two parsers may read differently are refused (threat 52; RFC 9112 §3.2, §6.1). The servers send no
`Server` header, write no log of uvicorn and ignore the headers of proxies.
"""

import asyncio
import logging
import re
import resource
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.edge.logs import UVICORN_LOG
from gateway.edge.problem_answers import problem_response
from gateway.errors import GatewayError
from gateway.errors.requests import HeadersTooLarge, HttpInvalid, Overloaded
from gateway.identifiers import new_identifier

MAX_CONNECTIONS = 4096
"""Limit of the connections of one server."""

WAIT_SECONDS = 20.0
"""How long the head of a request may take to arrive; the body then has 15 seconds (`middleware.py`)."""

UNREAD_SECONDS = 30.0
"""How long a caller may leave an answer unread."""

MAX_OUTSIDE_BODY = 64 * 1024
"""Limit of one request's bytes outside the body: head, chunk framing, trailers. `middleware.py` limits a head to 32 KiB."""

MAX_PIPELINED = 16
"""Limit of the requests that a caller may send on one connection before their answers; each is kept until its turn."""

MAX_HELD = 64 * 1024
"""Bytes of answers that wait for the end of a turn of the event loop; a long answer may have no such end between its pieces."""

_RESERVED_FILES = 256
"""File descriptors reserved for the store, the registry and the log."""

_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]*")
"""A name or an address, with or without a port; no user, path or list, which another parser may take for a name."""

log = structlog.get_logger("gateway.edge")


class ConnectionLimiter:
    """The connections of one server, and since when each waits for a complete request.

    A full server closes the connection that has waited longest, preferably one that had no answer yet. `note` is called
    with the reason of each closed connection: a problem's code, `evicted`, `request_slow` or `answer_unread`.
    """

    def __init__(
        self,
        *,
        base: str,
        note: Callable[[str], None],
        most: int = MAX_CONNECTIONS,
        wait_seconds: float = WAIT_SECONDS,
        unread_seconds: float = UNREAD_SECONDS,
    ) -> None:
        self.base = base
        self.most = most
        self._note = note
        self._closed: Counter[str] = Counter()
        self._wait_seconds = wait_seconds
        self._unread_seconds = unread_seconds
        self._all: set[BoundedProtocol] = set()
        # When each connection began to wait, the longest first.
        self._unanswered: dict[BoundedProtocol, float] = {}
        self._answered: dict[BoundedProtocol, float] = {}

    def add(self, connection: "BoundedProtocol", *, now: float) -> bool:
        """Add a connection; a full server first closes a waiting one. Return False if none waits."""
        if len(self._all) >= self.most:
            longest = next(chain(self._unanswered, self._answered), None)
            if longest is None:
                return False
            longest.abort("evicted")
        self._all.add(connection)
        self.start_waiting(connection, now=now)
        return True

    def start_waiting(self, connection: "BoundedProtocol", *, now: float) -> None:
        """Start the waiting time of a connection."""
        self._unanswered.pop(connection, None)
        self._answered.pop(connection, None)
        (self._answered if connection.was_answered else self._unanswered)[connection] = now

    def stop_waiting(self, connection: "BoundedProtocol") -> None:
        """Stop the waiting time of a connection, whose request is complete."""
        self._unanswered.pop(connection, None)
        self._answered.pop(connection, None)

    def remove(self, connection: "BoundedProtocol") -> None:
        """Remove a closed connection."""
        self._all.discard(connection)
        self.stop_waiting(connection)

    def note(self, reason: str) -> None:
        """Count why a connection was closed."""
        self._closed[reason] += 1
        self._note(reason)

    def close_overdue(self, *, now: float) -> None:
        """Close the connections that have waited too long, and those that don't read their answer."""
        for waiting in (self._unanswered, self._answered):
            for connection, since in list(waiting.items()):
                if now - since < self._wait_seconds:
                    break
                connection.abort("request_slow")
        for connection in list(self._all):
            if now - connection.unread_since(now) > self._unread_seconds:
                connection.abort("answer_unread")
        self.log_closed()

    def log_closed(self) -> None:
        """Log how many connections were closed since the last line, by reason."""
        if self._closed:
            log.warning("connections_ended", **self._closed)
            self._closed.clear()


class JoinedWrites:
    """A transport that sends what is written in one turn of the event loop by one system call; the rest is delegated.

    uvicorn writes the head and the body of an answer one after the other, and uvloop sends each write at once.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send at the end of this turn, or earlier if `MAX_HELD` is reached."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size >= MAX_HELD:
            self._flush()

    def close(self) -> None:
        """Close once all is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, without what is held."""
        self._held.clear()
        self._transport.abort()

    def _flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self.is_closing():
            self._transport.write(b"".join(held))


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol for one connection, under a `ConnectionLimiter`."""

    def __init__(self, *, limiter: ConnectionLimiter, **members: Any) -> None:
        super().__init__(**members)
        self.logger = logging.getLogger(UVICORN_LOG)
        self.was_answered = False
        self._limiter = limiter
        self._outside_body = 0
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Accept the connection if the limit allows it."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        if not self._limiter.add(self, now=self.loop.time()):
            self.refuse(Overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the limiter."""
        self._limiter.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; refuse a request with too many bytes outside its body."""
        if self.was_answered and not self._outside_body and not self._is_answering():
            self._limiter.start_waiting(self, now=self.loop.time())  # the first bytes of a further request
        self._outside_body += len(data)
        super().data_received(data)
        if self._outside_body > MAX_OUTSIDE_BODY:
            self.refuse(HeadersTooLarge())

    def on_headers_complete(self) -> None:
        """Check the head, and start the body's waiting time; a request ahead of its turn is read when its turn comes."""
        if self._is_answering():
            if len(self.pipeline) >= MAX_PIPELINED:
                raise ValueError("too many requests before the first answer")
        else:
            self._limiter.start_waiting(self, now=self.loop.time())
        if self.parser.should_upgrade() and self._announces_body():
            raise ValueError  # answered as malformed HTTP, since the parser would read the body as another request
        check_head(
            self.headers,
            version=self.parser.get_http_version(),
            method=self.parser.get_method(),
            target=self.url,
        )
        super().on_headers_complete()
        self.headers = []  # the request has its own list: fields of a trailer go into this one, which is not read

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        self._outside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the waiting time: the request is complete. `state["is_complete"]` says so to the middleware."""
        self._outside_body = 0
        self._limiter.stop_waiting(self)
        self.cycle.scope["state"]["is_complete"] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start to wait for the next request, unless it is complete or the connection closes."""
        super().on_response_complete()
        self.was_answered = True
        is_incomplete = self.cycle.more_body and not self.pipeline
        if (self.cycle.response_complete or is_incomplete) and not self.transport.is_closing():
            self._limiter.start_waiting(self, now=self.loop.time())

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse malformed HTTP."""
        self.refuse(HttpInvalid())

    def unread_since(self, now: float) -> float:
        """Return since when an answer is unread, `now` if none is; counts from the first call that finds one."""
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
            return now
        self._unread_since = self._unread_since or now
        return self._unread_since

    def abort(self, reason: str) -> None:
        """Close the connection at once, without an answer."""
        self._limiter.remove(self)
        self._limiter.note(reason)
        self.transport.abort()

    def refuse(self, error: GatewayError) -> None:
        """Answer with a problem, without calling the application, and close the connection."""
        if self.transport.is_closing():
            return
        if self._has_pending_answer():
            self.abort(error.code)  # the caller would read the problem as the answer to an earlier request
            return
        request_id = new_identifier("req")
        answer = problem_response(error, base=self._limiter.base, request_id=request_id)
        answer.headers.update(
            {"Connection": "close", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
        )
        lines = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[answer.status_code] + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()
        self._limiter.note(error.code)

    def _announces_body(self) -> bool:
        length = [value for name, value in self.headers if name == b"content-length"]
        return length not in ([], [b"0"]) or any(name == b"transfer-encoding" for name, _ in self.headers)

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is not None and not cycle.response_complete

    def _has_pending_answer(self) -> bool:
        """Return whether the answer to an earlier request is missing or under way."""
        return self._is_answering() and (
            bool(self.pipeline) or self.cycle.response_started or not self.cycle.more_body
        )


def check_head(headers: list[tuple[bytes, bytes]], *, version: str, method: bytes, target: bytes) -> None:
    """Refuse a head that another parser may read differently; names are in lower case.

    The parser itself refuses folded lines, control characters, bare CR or LF, a space before a colon, two lengths, and a
    length beside `Transfer-Encoding`.

    Raises:
        ValueError
    """
    hosts = [value for name, value in headers if name == b"host"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if version not in {"1.0", "1.1"}:
        raise ValueError("HTTP/1.0 or HTTP/1.1")
    if len(hosts) > 1 or (version == "1.1" and not hosts) or not _HOST.fullmatch(b"".join(hosts)):
        raise ValueError("one Host")
    if codings and (version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
        raise ValueError("no coding but chunked, and none in HTTP/1.0")
    if b"#" in target or not (target.startswith(b"/") or (target, method) == (b"*", b"OPTIONS")):
        raise ValueError("a path: an absolute target would name a second host")


class LimitedServer(uvicorn.Server):
    """A server under a `ConnectionLimiter`.

    `keep_alive_s`: how long an idle connection stays open; `shutdown_s`: how long a stop waits for answers.
    """

    def __init__(
        self, app: ASGIApp, *, limiter: ConnectionLimiter, keep_alive_s: int, shutdown_s: int
    ) -> None:
        self._limiter = limiter
        config = uvicorn.Config(
            app,
            http=partial(BoundedProtocol, limiter=limiter),  # type: ignore[arg-type]  # called like the class that it makes
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=keep_alive_s,
            timeout_graceful_shutdown=shutdown_s,
        )
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        """Close overdue connections once a second; uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            self._limiter.close_overdue(now=asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, then log how many connections were closed."""
        await super().shutdown(sockets)
        self._limiter.log_closed()


def connection_limit() -> int:
    """Return how many connections this process may have; raises its limit of open files if the system allows it."""
    wanted = MAX_CONNECTIONS + _RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - _RESERVED_FILES, 1)
