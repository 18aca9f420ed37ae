"""What a connection writes in one turn of the event loop is sent by one system call."""

import asyncio

from gateway.edge.connections import MAX_HELD, JoinedWrites
from tests.kit.transports import NotedTransport


async def test_head_and_body_of_one_turn_are_sent_as_one_piece() -> None:
    transport = NotedTransport()
    joined = JoinedWrites(transport, asyncio.get_running_loop())
    joined.write(b"head ")
    joined.write(b"body")
    assert transport.seen == []
    await asyncio.sleep(0)
    assert transport.seen == [b"head body"]


async def test_a_close_sends_what_is_held_and_an_abort_drops_it() -> None:
    for end, seen in (("close", [b"a", "closed"]), ("abort", ["aborted"])):
        transport = NotedTransport()
        joined = JoinedWrites(transport, asyncio.get_running_loop())
        joined.write(b"a")
        getattr(joined, end)()
        await asyncio.sleep(0)
        assert transport.seen == seen


async def test_a_long_answer_is_not_held_until_its_end() -> None:
    """Without an end of a turn the flow control of the server would never see a caller that does not read."""
    transport = NotedTransport()
    joined = JoinedWrites(transport, asyncio.get_running_loop())
    for _ in range(10):
        joined.write(b"x" * (MAX_HELD // 4))
    assert list(map(len, transport.seen)) == [MAX_HELD, MAX_HELD]
    await asyncio.sleep(0)
    assert sum(map(len, transport.seen)) == 10 * MAX_HELD // 4


async def test_nothing_is_written_to_a_connection_that_was_lost_meanwhile() -> None:
    transport = NotedTransport()
    joined = JoinedWrites(transport, asyncio.get_running_loop())
    joined.write(b"a")
    transport.closing = True
    await asyncio.sleep(0)
    assert transport.seen == []
