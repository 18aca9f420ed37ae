"""A transport of asyncio that sends nothing."""

import asyncio


class NotedTransport(asyncio.Transport):
    """Notes what is written to it, and that it is closed; `closing` is what `is_closing` returns."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.seen: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.seen.append(bytes(data))

    def close(self) -> None:
        self.seen.append("closed")

    def abort(self) -> None:
        self.seen.append("aborted")

    def is_closing(self) -> bool:
        return self.closing
