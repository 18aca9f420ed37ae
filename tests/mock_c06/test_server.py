"""What an answer is written in: one piece a turn of the event loop."""

import asyncio

from mock_c06.server import JoinedWrites
from tests.kit.transports import NotedTransport


async def _joined() -> tuple[JoinedWrites, NotedTransport]:
    transport = NotedTransport()
    return JoinedWrites(transport, asyncio.get_running_loop()), transport


async def test_what_one_turn_writes_leaves_as_one() -> None:
    joined, transport = await _joined()
    joined.write(b"head ")
    joined.write(b"body")
    assert transport.seen == []
    await asyncio.sleep(0)
    assert transport.seen == [b"head body"]


async def test_a_wait_between_two_parts_keeps_them_apart() -> None:
    joined, transport = await _joined()
    joined.write(b"a")
    await asyncio.sleep(0)
    joined.write(b"b")
    await asyncio.sleep(0)
    assert transport.seen == [b"a", b"b"]


async def test_closing_comes_after_what_was_written() -> None:
    joined, transport = await _joined()
    joined.write(b"a")
    joined.close()
    await asyncio.sleep(0)
    assert transport.seen == [b"a", "closed"]


async def test_an_abort_drops_what_has_not_left() -> None:
    joined, transport = await _joined()
    joined.write(b"a")
    joined.abort()
    await asyncio.sleep(0)
    assert transport.seen == ["aborted"]


async def test_all_else_is_the_transports_own() -> None:
    joined, _ = await _joined()
    assert joined.get_extra_info("peername") == ("127.0.0.1", 1)
