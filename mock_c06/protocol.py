"""The server's HTTP protocol as a mock needs it: an answer leaves in one piece, and a request can cut its connection.

uvicorn writes head and body one after the other, and a write to a socket costs more than all it does besides; what one
turn of the event loop writes is joined here. A turn ends wherever an answer waits, so a planned pace stays as it is.
A request's headers are those of its head: a trailer's are dropped, and heads that two readers may take for two requests
are refused (RFC 9112 §3.2, §6.1).
"""

import asyncio
import re
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mock_c06.wire.marking import MARK
from mock_c06.wire.sending import ABORT

MOST_BESIDE_BODY = 64 * 1024
"""Bytes of one request that are no body: head, framing of chunks, trailers."""

_ONCE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-encoding", b"timestamp", b"lgspaccesstoken"}
)
"""Headers that decide, and may be there once: of two, the first would decide here and the last elsewhere."""

_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]*")
"""A name or an address, with or without a port: no user, path or list that another reader would see a name in."""

_CUT = struct.pack("ii", 1, 0)


class JoinedWrites:
    """A transport that writes once a turn; all else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close once all is written."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held never leaves."""
        self._held.clear()
        self._transport.abort()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            self._transport.write(b"".join(held))


class MockProtocol(HttpToolsProtocol):
    """The server's protocol, whose requests can cut their own connection, and whose heads have an end."""

    _beside_body = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Take the connection."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Take what came, unless all that is no body has grown too long: uvicorn would keep it, however much."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MOST_BESIDE_BODY and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Offer the cut to the app."""
        self._in_head = True
        super().on_message_begin()
        self.scope["state"][ABORT] = self._cut

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; drop a trailer's: uvicorn would add it while the app reads the body."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Freeze the head. What is refused here is answered as no HTTP."""
        self._in_head = False
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in {"1.0", "1.1"}:
            raise ValueError("HTTP/1.0 or HTTP/1.1")
        if version == "1.1" and b"host" not in names:
            raise ValueError("a Host")
        if any(not _HOST.fullmatch(value) for name, value in self.headers if name == b"host"):
            raise ValueError("a host's name")
        if self.parser.should_upgrade() and (
            codings or dict(self.headers).get(b"content-length", b"0") != b"0"
        ):
            raise ValueError("no body: the parser would take it for a further request")
        if any(names.count(name) > 1 for name in _ONCE):
            raise ValueError("one header of each name that decides")
        if codings and (version == "1.0" or codings != [b"chunked"]):
            raise ValueError("no coding but chunked, and none in HTTP/1.0")
        at_path = self.url.startswith(b"/") or (self.url, self.parser.get_method()) == (b"*", b"OPTIONS")
        if b"#" in self.url or not at_path:
            raise ValueError("a path: an absolute target would name a second host")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the request as whole."""
        self._beside_body = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Refuse what is no HTTP."""
        self._refuse(b"400 Bad Request")

    def _refuse(self, status: bytes) -> None:
        """Refuse before any app has seen a request: this answer says that it is test data, too."""
        cycle: RequestResponseCycle | None = self.cycle
        owed = cycle is not None and not cycle.response_complete
        if cycle is not None and owed and (self.pipeline or cycle.response_started or not cycle.more_body):
            self.transport.abort()  # it would be taken for the answer that an earlier request waits for
            return
        self.transport.write(
            b"HTTP/1.1 %s\r\n%s: %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (status, *MARK, len(status), status)
        )
        self.transport.close()

    def _cut(self) -> None:
        """Send RST, not FIN: no time to linger."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT)
        self.transport.abort()
