"""What a run has answered, as bytes, so that it can be replayed elsewhere. Synthetic, so bodies may be kept.

Kept up to a bound, beyond which a run is too long to be recorded and what was kept is let go.
"""

import zlib
from dataclasses import dataclass, field

from mock_c06.light import light_value
from mock_c06.runs.faults import Cut
from mock_c06.runs.journal import Entry

MOST_CALLS = 20_000
MOST_BYTES = 64 * 1024 * 1024
_SMALL = 64 * 1024
_PLAIN, _DEFLATED = b"p", b"z"


@light_value
class Kept:
    """One answered call: the digest of the request, and the answer with its pace. `packed` is the body (see `pack`)."""

    key: str
    environment: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    packed: bytes = field(repr=False)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    cut: Cut | None = None
    entry: Entry


@dataclass(slots=True)
class Recording:
    """The calls of a run in their order; `is_whole` until the bound was passed."""

    calls: list[Kept] = field(default_factory=list)
    is_whole: bool = True
    _bytes: int = 0

    def keep(self, call: Kept) -> None:
        """Keep a call, or let all go where there are too many."""
        if not self.is_whole:
            return
        self._bytes += len(call.packed)
        if len(self.calls) >= MOST_CALLS or self._bytes > MOST_BYTES:
            self.calls.clear()
            self.is_whole = False
            return
        self.calls.append(call)

    def clear(self) -> None:
        """Let all calls go, and begin anew."""
        self.calls.clear()
        self.is_whole, self._bytes = True, 0


def pack(body: bytes) -> bytes:
    """Deflate a body, with a mark before it; a small one only gets the mark, since every answer pays for this."""
    return _DEFLATED + zlib.compress(body, 1) if len(body) > _SMALL else _PLAIN + body


def unpack(packed: bytes) -> bytes:
    """Give the body back; raises `zlib.error`."""
    return zlib.decompress(packed[1:]) if packed[:1] == _DEFLATED else packed[1:]
