"""Threat 36 at the door: connections that never become a request, or take more than one may, on real sockets."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.edge.connections import MAX_OUTSIDE_BODY, ConnectionLimiter, LimitedServer
from tests.kit.edge import edge_around
from tests.kit.scene import BASE

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENT = 60.0


async def say_ok(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body that came."""
    length = str(len((await receive())["body"])).encode()
    headers = [(b"content-length", str(len(length)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": length})


class _ServerOfATest(LimitedServer):
    """A server that leaves the process' signals alone, and says when it listens."""

    def __init__(self, app: ASGIApp, limiter: ConnectionLimiter) -> None:
        super().__init__(app, limiter=limiter, keep_alive_s=30, shutdown_s=1)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENT)).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split()[1]), headers, body

    async def read_problem(self) -> tuple[int, dict[str, Any]]:
        """Return an answer that is a problem."""
        status, headers, body = await self.read_answer()
        assert headers["content-type"] == "application/problem+json"
        assert headers["connection"] == "close"
        problem = json.loads(body)
        assert problem["request_id"] == headers["x-request-id"]
        assert problem["type"] == f"{BASE}/problems/{problem['code']}"
        return status, problem

    async def is_ended(self) -> bool:
        """Wait until the other side ends it; False where it says something instead."""
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENT) == b""
        except ConnectionError:
            return True


@dataclass
class House:
    """A running server and who calls it."""

    port: int
    ended: Counter[str]
    any_ended: asyncio.Event
    _callers: list[Caller] = field(default_factory=list)

    async def call(self, *, limit: int = 2**16) -> Caller:
        """Open a connection, and wait until the server has taken it."""
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.port, limit=limit))
        self._callers.append(caller)
        await asyncio.sleep(0.02)
        return caller

    def leave(self) -> None:
        for caller in self._callers:
            caller.writer.close()


@asynccontextmanager
async def serving(app: ASGIApp, **bounds: Any) -> AsyncIterator[House]:
    """Serve `app` behind the edge on a free port."""
    ended: Counter[str] = Counter()
    any_ended = asyncio.Event()

    def note(reason: str) -> None:
        ended[reason] += 1
        any_ended.set()

    limiter = ConnectionLimiter(base=BASE, note=note, **bounds)
    server = _ServerOfATest(edge_around(app), limiter)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        house = House(listener.getsockname()[1], ended, any_ended)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await server.listening.wait()
        try:
            yield house
        finally:
            house.leave()
            server.should_exit = True
            await running


async def test_calls_of_one_connection_are_answered_in_turn_also_when_sent_at_once() -> None:
    async with serving(say_ok) as house:
        caller = await house.call()
        for _ in range(3):
            await caller.send(GET)
            assert (await caller.read_answer())[0] == 200
        await caller.send(GET * 5)
        assert [(await caller.read_answer())[0] for _ in range(5)] == [200] * 5
    assert house.ended == {}


async def test_a_body_of_64_kib_in_small_chunks_is_taken() -> None:
    async with serving(say_ok) as house:
        caller = await house.call()
        chunks = b"".join(b"200\r\n" + b"x" * 512 + b"\r\n" for _ in range(128))
        await caller.send(CHUNKED + chunks + b"0\r\n\r\n" + GET)
        assert [(await caller.read_answer())[2] for _ in range(2)] == [b"65536", b"0"]


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX: ", id="one header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 2000, id="headers"),
        pytest.param(b"GET /", id="target"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX: ", id="trailer"),
        pytest.param(CHUNKED + b"1;x=", id="extension of a chunk"),
    ],
)
async def test_threat_36_too_many_bytes_beside_the_body_are_refused(begun: bytes) -> None:
    async with serving(say_ok) as house:
        caller = await house.call()
        # What was taken before counts for nothing.
        await caller.send(GET)
        assert (await caller.read_answer())[0] == 200
        await caller.send(begun + b"x" * (MAX_OUTSIDE_BODY - len(begun) + 2))
        status, problem = await caller.read_problem()
        assert await caller.is_ended()
    assert (status, problem["code"]) == (431, "headers_too_large")
    assert house.ended == {"headers_too_large": 1}


async def test_what_is_no_http_is_a_problem_like_any_other() -> None:
    async with serving(say_ok) as house:
        caller = await house.call()
        await caller.send(b"\x16\x03\x01 hello\r\n\r\n")
        status, problem = await caller.read_problem()
        assert await caller.is_ended()
    assert (status, problem["code"]) == (400, "http_invalid")


@pytest.mark.parametrize(
    "announced",
    [
        pytest.param(b"Content-Length: %d\r\n" % len(GET), id="length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", id="chunks"),
    ],
)
async def test_threat_36_a_body_beside_an_upgrade_is_never_taken_for_a_request(announced: bytes) -> None:
    """What a proxy sends as one caller's body must not be read as the next caller's request."""
    async with serving(say_ok) as house:
        caller = await house.call()
        await caller.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + announced + b"\r\n"
        )
        status, problem = await caller.read_problem()
        assert await caller.is_ended()
    assert (status, problem["code"]) == (400, "http_invalid")
    # Java's own client offers an upgrade with its first request over plain HTTP.
    assert "HttpClient.Version.HTTP_1_1" in problem["detail"]
    assert "HttpClient.Version.HTTP_1_1" in problem["detail_vi"]
    assert house.ended == {"http_invalid": 1}


async def test_an_offer_to_upgrade_without_a_body_is_ignored() -> None:
    async with serving(say_ok) as house:
        caller = await house.call()
        offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
        for length in (b"", b"Content-Length: 0\r\n"):
            await caller.send(GET.removesuffix(b"\r\n") + offer + length + b"\r\n")
            assert (await caller.read_answer())[0] == 200


async def test_a_refusal_is_never_sent_where_an_earlier_answer_is_due() -> None:
    busy = asyncio.Event()

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        busy.set()
        await asyncio.sleep(PATIENT)

    async with serving(never) as house:
        caller = await house.call()
        await caller.send(GET)
        await busy.wait()
        await caller.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert await caller.is_ended()
    assert house.ended == {"http_invalid": 1}


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HTT", CHUNKED + b"5\r\nhe"])
async def test_threat_36_a_request_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with serving(say_ok, wait_seconds=0.2) as house:
        stranger, known = await house.call(), await house.call()
        await known.send(GET)
        await known.read_answer()
        await stranger.send(sent)
        await known.send(sent)
        assert await stranger.is_ended()
        assert await known.is_ended()
    assert house.ended == {"request_slow": 2}


async def test_threat_36_a_full_server_closes_an_idle_connection_for_a_new_one() -> None:
    async with serving(say_ok, most=3) as house:
        idle = [await house.call() for _ in range(3)]
        late = await house.call()
        await late.send(GET)
        assert (await late.read_answer())[0] == 200
        assert await idle[0].is_ended()
        await idle[1].send(GET)
        assert (await idle[1].read_answer())[0] == 200
    assert house.ended == {"evicted": 1}


async def test_threat_36_connections_without_an_answer_are_closed_before_answered_ones() -> None:
    async with serving(say_ok, most=3) as house:
        known = await house.call()
        await known.send(GET)
        await known.read_answer()
        strangers = [await house.call() for _ in range(9)]
        assert all([await stranger.is_ended() for stranger in strangers[:7]])
        await known.send(GET)
        assert (await known.read_answer())[0] == 200


async def test_threat_36_a_new_connection_is_refused_while_all_others_are_busy() -> None:
    may_answer, busy = asyncio.Event(), asyncio.Semaphore(0)

    async def when_told(scope: Scope, receive: Receive, send: Send) -> None:
        busy.release()
        await may_answer.wait()
        await say_ok(scope, receive, send)

    async with serving(when_told, most=2) as house:
        working = [await house.call() for _ in range(2)]
        for caller in working:
            await caller.send(GET)
            await busy.acquire()
        late = await house.call()
        status, problem = await late.read_problem()
        may_answer.set()
        assert [(await caller.read_answer())[0] for caller in working] == [200, 200]
    assert (status, problem["code"]) == (503, "overloaded")


async def test_threat_36_requests_sent_at_once_before_any_answer_are_bounded() -> None:
    """Each would be kept until its turn: 87 bytes of memory for each byte sent."""
    async with serving(say_ok) as house:
        caller = await house.call()
        await caller.send(GET * 1_000)
        assert await caller.is_ended()
    assert house.ended == {"http_invalid": 1}


@pytest.mark.parametrize("early", [b"G", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"])
async def test_bytes_of_a_further_request_never_end_the_one_that_is_being_answered(early: bytes) -> None:
    may_answer, busy = asyncio.Event(), asyncio.Event()

    async def when_told(scope: Scope, receive: Receive, send: Send) -> None:
        busy.set()
        await may_answer.wait()
        await say_ok(scope, receive, send)

    async with serving(when_told, wait_seconds=0.2) as house:
        known, other = await house.call(), await house.call()
        may_answer.set()
        await known.send(GET)
        await known.read_answer()
        may_answer.clear()
        busy.clear()
        await known.send(GET)
        await busy.wait()
        await known.send(early)
        await other.send(b"G")  # what no request answers for is closed, and so the limit has passed
        assert await other.is_ended()
        may_answer.set()
        assert (await known.read_answer())[0] == 200


async def test_threat_36_a_request_that_was_begun_before_an_answer_is_not_waited_for_either() -> None:
    async with serving(say_ok, wait_seconds=0.2) as house:
        stranger = await house.call()
        await stranger.send(GET + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert (await stranger.read_answer())[0] == 200
        assert await stranger.is_ended()
    assert house.ended == {"request_slow": 1}


async def test_threat_36_an_answer_that_nobody_reads_is_not_kept() -> None:
    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 32 * 1024 * 1024})

    async with serving(long, unread_seconds=0.2) as house:
        caller = await house.call()
        await caller.send(GET)
        await house.any_ended.wait()
    assert house.ended == {"answer_unread": 1}
