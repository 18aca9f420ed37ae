"""The answers of a run as bytes, for a replay elsewhere. Bodies may be kept because all data are synthetic.

A run with more calls or bytes than the limits cannot be recorded, and its calls are dropped.
"""

import zlib
from dataclasses import dataclass, field

from mock_c06.journal.journal import Entry
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.reply import Cut

MAX_CALLS = 20_000
MAX_BYTES = 64 * 1024 * 1024
_SMALL = 64 * 1024
_PLAIN, _DEFLATED = b"p", b"z"


@unfrozen
class RecordedCall:
    """One answered call: the digest of the request, and the answer with its delays. `packed` is the answer's body
    (see `pack`), `request` the request's in the same form; `caller` the scheme and the user or token."""

    key: str
    environment: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    packed: bytes = field(repr=False)
    caller: str = ""
    request: bytes = field(default=b"", repr=False)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    cut: Cut | None = None
    entry: Entry


@dataclass(slots=True)
class Recording:
    """The calls of a run in their order; `is_whole` is false once a limit was passed."""

    calls: list[RecordedCall] = field(default_factory=list)
    is_whole: bool = True
    _bytes: int = 0

    def keep(self, call: RecordedCall) -> None:
        """Keep a call, or drop all calls if there are too many."""
        if not self.is_whole:
            return
        self._bytes += len(call.packed) + len(call.request)
        if len(self.calls) >= MAX_CALLS or self._bytes > MAX_BYTES:
            self.calls.clear()
            self.is_whole = False
            return
        self.calls.append(call)

    def clear(self) -> None:
        """Drop all calls and start again."""
        self.calls.clear()
        self.is_whole, self._bytes = True, 0


def pack(body: bytes) -> bytes:
    """Return the body with a mark before it; a large one is compressed (small ones are not, for speed)."""
    return _DEFLATED + zlib.compress(body, 1) if len(body) > _SMALL else _PLAIN + body


def unpack(packed: bytes) -> bytes:
    """Return the original body; raises `zlib.error`, also for one of more than `MAX_BYTES`, which a small file can hold."""
    if packed[:1] != _DEFLATED:
        return packed[1:]
    reader = zlib.decompressobj()
    body = reader.decompress(packed[1:], MAX_BYTES)
    if not reader.eof:
        raise zlib.error
    return body
