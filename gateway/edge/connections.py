"""What a connection may take before its request is whole: time, bytes, and a place among the others (threat 36).

uvicorn bounds none of the three: a head may come for ever, be as long as memory, and idle connections may use up
every file descriptor. Who stays is `room.py`'s, what a whole request may take `context.py`'s.

A request's headers are those of its head: fields of a trailer are dropped (RFC 9110 §6.5.1), since uvicorn would add
them to the headers while the application reads the body. Heads that two parsers may read in two ways are refused
(threat 52; RFC 9112 §3.2, §6.1).
"""

import asyncio
import logging
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.edge.logs import UVICORN_LOG
from gateway.edge.problem_response import problem_response
from gateway.edge.problems import find_problem
from gateway.edge.room import Room
from gateway.errors import GatewayError
from gateway.errors.places import Overloaded
from gateway.errors.requests import HeadersTooLarge, HttpInvalid
from gateway.identifiers import new_identifier

MOST_BESIDE_BODY = 64 * 1024
"""Bytes of one request that are no body: head, framing of chunks, trailers. A head over 32 KiB is refused later."""

_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]*")
"""A name or an address, with or without a port: no user, path or list that another reader would see a name in."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol for one connection, in a `Room`."""

    def __init__(self, *, room: Room, **members: Any) -> None:
        super().__init__(**members)
        self.logger = logging.getLogger(UVICORN_LOG)
        self.was_answered = False
        self._room = room
        self._beside_body = 0
        self._in_head = True
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Take the connection where there is room, or room can be made."""
        super().connection_made(transport)
        if not self._room.enter(self, now=self.loop.time()):
            self.refuse(Overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place."""
        self._room.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless all that is no body has grown too long."""
        if self.was_answered and not self._beside_body:
            self._room.wait(self, now=self.loop.time())  # the first of a further request
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MOST_BESIDE_BODY:
            self.refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; drop a trailer's, which may not change what the request is."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Freeze the head, and count anew: the body has its own time."""
        self._in_head = False
        self._room.wait(self, now=self.loop.time())
        if self.parser.should_upgrade() and self._announces_body():
            raise ValueError  # answered as no HTTP: the parser would take the body for a further request
        check_head(
            self.headers,
            version=self.parser.get_http_version(),
            method=self.parser.get_method(),
            target=self.url,
        )
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait no longer: the request is whole."""
        self._beside_body = 0
        self._room.be_busy(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for a further request, unless it is there already or none is to come."""
        super().on_response_complete()
        self.was_answered = True
        if self.cycle.response_complete and not self.transport.is_closing():
            self._room.wait(self, now=self.loop.time())

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Refuse what is no HTTP."""
        self.refuse(HttpInvalid())

    def unread_since(self, now: float) -> float:
        """Say since when an answer has lain unread; `now` where none does. Looked at again and again."""
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
            return now
        self._unread_since = self._unread_since or now
        return self._unread_since

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self._room.leave(self)
        self._room.note(reason)
        self.transport.abort()

    def refuse(self, error: GatewayError) -> None:
        """Answer before any application has seen a request, and end the connection."""
        if self.transport.is_closing():
            return
        problem, request_id = find_problem(error), new_identifier("req")
        if self._owes_another():
            self.cut(problem.code)  # ours would be taken for that answer
            return
        answer = problem_response(error, base=self._room.base, request_id=request_id)
        answer.headers.update(
            {"Connection": "close", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
        )
        lines = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()
        self._room.note(problem.code)

    def _announces_body(self) -> bool:
        length = [value for name, value in self.headers if name == b"content-length"]
        return length not in ([], [b"0"]) or any(name == b"transfer-encoding" for name, _ in self.headers)

    def _owes_another(self) -> bool:
        """Say whether an answer is due to an earlier request, or under way."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or cycle.response_started or not cycle.more_body


def check_head(headers: list[tuple[bytes, bytes]], *, version: str, method: bytes, target: bytes) -> None:
    """Refuse a head that another reader may take for another request; names are in lower case.

    The parser has refused folded lines, control characters, bare CR or LF, a space before a colon, two lengths, and a
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
