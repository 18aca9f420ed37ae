"""The open addresses of a log: its checkpoint, its keys, and the tiles from which the roots of subtrees are computed.

Each answer is read up to the size that it may have. What a tile says is proved only by the root that it leads to.
Source: C2SP tlog-tiles.
"""

import asyncio

import httpx

from witness.errors import LogUnreachable
from witness.notes import HASH_BYTES, MOST_NOTE
from witness.tree import perfect_root

TIMEOUT_S = 10.0
"""Limit of one answer."""

_PLAIN = {"accept-encoding": "identity"}  # a compressed answer could grow without limit
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_TILE_HEIGHT = 8
_TILE_WIDTH = 1 << _TILE_HEIGHT


class LogClient:
    """Reads one log; `base` is the gateway's address. `is_authentic`: nobody on the way can change its answers."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client = client
        self._prefix = f"{base.rstrip('/')}/.well-known/audit"
        address = httpx.URL(base)
        self.is_authentic = address.scheme == "https" or address.host in _THIS_MACHINE

    async def fetch_checkpoint(self) -> str:
        """Return the note with the last checkpoint. Raises `LogUnreachable`."""
        return await self._fetch_text("checkpoint")

    async def fetch_keys(self) -> str:
        """Return the log's public keys, one a line. Raises `LogUnreachable`."""
        return await self._fetch_text("key")

    async def fetch_subtree(self, level: int, index: int, *, size: int) -> bytes:
        """Return the root of a perfect subtree of 2^level leaves, in the tree of `size` leaves. Raises `LogUnreachable`."""
        tile_level, above = divmod(level, _TILE_HEIGHT)
        begin, count = index << above, 1 << above
        tile = begin // _TILE_WIDTH
        width = min(_TILE_WIDTH, (size >> (_TILE_HEIGHT * tile_level)) - tile * _TILE_WIDTH)
        hashes = await self._fetch_tile(tile_level, tile, width)
        first = begin % _TILE_WIDTH
        return perfect_root(hashes[first : first + count])

    async def _fetch_tile(self, level: int, index: int, width: int) -> list[bytes]:
        """Return the first `width` hashes of a tile; of one that has grown meanwhile the log may have the full one alone."""
        path = f"tile/{level}/{_write_index(index)}"
        content = None
        if width < _TILE_WIDTH:
            content = await self._fetch(f"{path}.p/{width}", most=width * HASH_BYTES)
        if content is None:
            content = await self._fetch(path, most=_TILE_WIDTH * HASH_BYTES)
        if content is None or len(content) not in {width * HASH_BYTES, _TILE_WIDTH * HASH_BYTES}:
            raise LogUnreachable(f"{path}: no tile of {width} hashes")
        return [content[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]

    async def _fetch_text(self, path: str) -> str:
        content = await self._fetch(path, most=MOST_NOTE)
        if content is None:
            raise LogUnreachable(f"{path}: not found; the log has no rows yet, or this is no gateway")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise LogUnreachable(f"{path}: not UTF-8") from None

    async def _fetch(self, path: str, *, most: int) -> bytes | None:
        """Return an answer's body, None if there is no such thing. Raises `LogUnreachable`."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._client.stream("GET", f"{self._prefix}/{path}", headers=_PLAIN) as answer,
            ):
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise LogUnreachable(f"{path}: status {answer.status_code}")
                assert isinstance(answer.stream, httpx.AsyncByteStream)  # of an asynchronous client
                content = bytearray()
                async for part in answer.stream:  # as sent: what is compressed is no tile and no note
                    content += part
                    if len(content) > most:
                        raise LogUnreachable(f"{path}: over {most} bytes")
                return bytes(content)
        except (httpx.HTTPError, TimeoutError) as error:
            raise LogUnreachable(f"{path}: {type(error).__name__}") from error


def _write_index(index: int) -> str:
    """Return a tile's index in groups of three digits, each but the last with an x before."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)
