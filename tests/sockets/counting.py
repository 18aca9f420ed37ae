"""A registry of the test's own that counts: each connection that is made to it, and each packet, and answers nothing."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingRegistry:
    """Where it listens, how often it was connected to, and as whom it was asked for which path."""

    url: str
    connections: list[Any] = field(default_factory=list)
    packets: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def counting_registry() -> Iterator[CountingRegistry]:
    """Keep one up; whoever asks is told that it is out of service."""
    connections: list[Any] = []
    packets: list[tuple[str, str]] = []

    class Door(BaseHTTPRequestHandler):
        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            login = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic "))
            packets.append((self.path, login.decode().partition(":")[0]))
            self.send_error(503)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own word
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            yield CountingRegistry(url=url, connections=connections, packets=packets)
        finally:
            server.shutdown()
            thread.join(10)
