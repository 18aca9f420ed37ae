"""The real transport over loopback sockets: every failure of aiohttp becomes an error of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import httpx
import pytest
from pytest_httpx import HTTPXMock
from structlog.testing import capture_logs

from gateway.errors.requests import RegistryAnswerInvalid, RegistryTimeout, RegistryUnavailable
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.egress import open_transport
from tests.kit.registry import CLOCK, connection, question, verdict

pytestmark = pytest.mark.sockets
Speaker = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _served(
    speak: Speaker, host: str = "127.0.0.1", network: str = "127.0.0.0/8"
) -> AsyncIterator[RegistryClient]:
    """A registry that leads over a real socket to a server that speaks as given."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = connection(registry_url=f"http://{host}:{port}", networks=(network,))
    registry = open_registry(made, transport=open_transport(made), clock=CLOCK)
    try:
        yield registry
    finally:
        await registry.aclose()
        server.close()
        await server.wait_closed()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [
        line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    return head + await reader.readexactly(int(length))


def _http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _saying(content: bytes) -> Speaker:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(content)
        await writer.drain()

    return speak


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_two_questions_share_one_connection_and_send_only_the_needed_headers(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    connections: list[list[bytes]] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packets: list[bytes] = []
        connections.append(packets)
        while True:
            packets.append(await _packet(reader))
            writer.write(_http("200 OK", verdict(), "Set-Cookie: session=1"))

    async with _served(speak, host) as registry:
        assert await registry.confirm(question()) is True
        await asyncio.sleep(0.06)  # a connection rests before the next question
        assert await registry.confirm(question()) is True
    ((first, second),) = connections
    assert b"cookie" not in second.lower()
    names = {line.split(b":")[0].lower() for line in first.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
    assert names == {
        *(b"host", b"content-length", b"content-type", b"accept", b"accept-encoding", b"user-agent"),
        *(b"soapaction", b"authorization", b"timestamp"),
    }


async def test_threat_27_an_answer_repeated_a_moment_later_is_not_given_to_the_next_question() -> None:
    """A proxy on the way that repeats each answer: the copy came after the next question was sent, and counted as its answer."""
    asked: list[float] = []
    answered: list[float] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await _packet(reader)
            asked.append(monotonic())
            await asyncio.sleep(0.02)  # the copy of the answer before comes first
            answer = _http("200 OK", verdict("0" if len(asked) == 2 else "1"))
            writer.write(answer)
            answered.append(monotonic())
            asyncio.get_running_loop().call_later(0.004, writer.write, answer)

    for _ in range(20):
        asked.clear()
        answered.clear()
        async with _served(speak) as registry:
            found = [await registry.confirm(question()) for _ in range(3)]
        # Where a busy machine paused between two questions, the connection had rested, and the attempt shows nothing.
        if all(after - before < 0.01 for before, after in zip(answered, asked[1:], strict=False)):
            assert found == [True, False, True]
            return
    raise AssertionError("the machine paused between two questions in each attempt")


async def test_threat_27_a_connection_rests_also_behind_one_that_the_registry_has_closed() -> None:
    """The closed connection has rested; the one after it, to which a copy of its answer is on its way, has not."""
    for _ in range(20):
        found, connections, seconds = await _ask_behind_a_closed_connection()
        # Where a busy machine paused before the last question, the connection had rested, and the attempt shows nothing.
        if seconds < 0.01:
            assert (found, connections) == (False, 4)
            return
    raise AssertionError("the machine paused before the last question in each attempt")


async def _ask_behind_a_closed_connection() -> tuple[bool, int, float]:
    """Return the last answer, the number of connections, and how long after the answer before it the question arrived."""
    connections, answered, asked = 0, 0.0, 0.0
    both_asked = asyncio.Event()
    answers = [asyncio.Event(), asyncio.Event()]

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, answered, asked
        number, connections = connections, connections + 1
        await _packet(reader)
        if number == 0:  # tries the login: other questions wait for its answer
            writer.write(_http("200 OK", verdict(), "Connection: close"))
            return
        if number == 3:
            asked = monotonic()
            writer.write(_http("200 OK", verdict("0")))
            return
        if number == 2:
            both_asked.set()
        await answers[number - 1].wait()
        writer.write(_http("200 OK", verdict()))
        if number == 2:
            answered = monotonic()
            await _packet(reader)  # another person's question
            asked = monotonic()
            writer.write(_http("200 OK", verdict()))  # the copy
            await reader.read()

    async with _served(speak) as registry:
        assert await registry.confirm(question()) is True
        two = [asyncio.create_task(registry.confirm(question())) for _ in range(2)]
        await both_asked.wait()
        answers[0].set()
        await asyncio.wait(two, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.05)  # its connection is closed meanwhile
        answers[1].set()
        assert await asyncio.gather(*two) == [True, True]
        found = await registry.confirm(question())
    return found, connections, asked - answered


@pytest.mark.parametrize("together", [True, False])
async def test_threat_27_an_answer_that_nobody_asked_for_is_logged(together: bool) -> None:
    """A verdict names no person: of two answers, the first may belong to the question before."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        answer = _http("200 OK", verdict())
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" + answer + (answer if together else b""))
        await writer.drain()
        await asked.wait()
        writer.write(answer)
        await reader.read()

    asked = asyncio.Event()
    async with _served(speak) as registry:
        with capture_logs() as lines:
            assert await registry.confirm(question()) is True
            logged = [each["event"] for each in lines]
            asked.set()
            await asyncio.sleep(0.1)
    assert logged == (["registry_answer_unasked"] if together else [])
    assert [each["event"] for each in lines] == ["registry_answer_unasked"]
    assert lines[0]["profile"] == "sandbox"


async def test_an_answer_that_nobody_asked_for_is_not_given_to_the_next_question() -> None:
    connections = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await _packet(reader)
        if connections > 1:
            writer.write(_http("200 OK", verdict("0")))
            return
        writer.write(_http("200 OK", verdict()))
        await writer.drain()
        await asked.wait()
        writer.write(_http("200 OK", verdict()))
        await reader.read()

    asked = asyncio.Event()
    async with _served(speak) as registry:
        assert await registry.confirm(question()) is True
        asked.set()
        await asyncio.sleep(0.1)  # what was sent in vain has arrived
        assert await registry.confirm(question()) is False
    assert connections == 2


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", RegistryUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n<soap", RegistryUnavailable),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", RegistryAnswerInvalid),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", RegistryAnswerInvalid),
        (_http("302 Found", b"", "Location: http://169.254.169.254/"), RegistryAnswerInvalid),
        (_http("503 Service Unavailable", b"<html>"), RegistryUnavailable),
        (_http("200 OK", b"x" * (2 << 20)), RegistryAnswerInvalid),
        (_http("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"), RegistryAnswerInvalid),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", RegistryAnswerInvalid),
    ],
    ids=[
        "closed",
        "cut off",
        "not HTTP",
        "header flood",
        "redirect",
        "down",
        "too large",
        "gzip",
        "bad chunk",
    ],
)
async def test_a_peer_that_misbehaves_on_the_socket_becomes_an_error_of_ours(
    content: bytes, failure: type[Exception]
) -> None:
    async with _served(_saying(content)) as registry:
        with pytest.raises(failure):
            await registry.confirm(question())


INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "repeated"),
    [(b"", INTERIM), (CHUNKED, b"1\r\nx\r\n"), (CHUNKED + b"1;", b"extension")],
    ids=["interim answers", "chunks of one byte", "a chunk's extension"],
)
async def test_threat_46_framing_without_end_is_cut_off_by_its_size_and_not_by_the_deadline(
    begin: bytes, repeated: bytes
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(begin)
        while True:
            writer.write(repeated * 1024)
            await writer.drain()

    async with _served(speak) as registry:
        with pytest.raises(RegistryAnswerInvalid, match="too large"):
            await registry.confirm(question(within=10))


async def test_threat_46_answers_without_end_on_an_idle_connection_close_it() -> None:
    closed = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(_http("200 OK", verdict()))
        await asked.wait()
        try:
            while True:
                writer.write(_http("200 OK", verdict()))
                await writer.drain()
        except ConnectionError:
            closed.set()

    asked = asyncio.Event()
    async with _served(speak) as registry:
        assert await registry.confirm(question()) is True
        asked.set()
        async with asyncio.timeout(3):  # aiohttp closes an idle connection after four seconds
            await closed.wait()


async def test_threat_46_more_interim_answers_than_a_few_are_refused() -> None:
    async with _served(_saying(INTERIM * 20 + _http("200 OK", verdict()))) as registry:
        with pytest.raises(RegistryAnswerInvalid, match="too large"):
            await registry.confirm(question())


async def test_a_few_interim_answers_come_before_the_answer() -> None:
    async with _served(_saying(INTERIM * 3 + _http("200 OK", verdict()))) as registry:
        assert await registry.confirm(question()) is True


async def test_threat_25_a_trickle_on_a_real_socket_ends_at_the_deadline() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        for byte in _http("200 OK", verdict()):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.01)

    async with _served(speak) as registry:
        with pytest.raises(RegistryTimeout):
            await registry.confirm(question(within=0.2))


async def test_threat_32_a_peer_that_never_answers_ends_at_the_deadline() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with _served(speak) as registry:
        with pytest.raises(RegistryTimeout):
            await registry.confirm(question(within=0.1))


async def test_a_peer_that_is_not_there_is_unavailable() -> None:
    made = connection(registry_url="http://127.0.0.1:1", networks=("127.0.0.0/8",))
    registry = open_registry(made, transport=open_transport(made), clock=CLOCK)
    with pytest.raises(RegistryUnavailable):
        await registry.confirm(question())
    await registry.aclose()


async def test_threat_16_a_name_that_resolves_outside_the_networks_is_not_connected_to() -> None:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await _packet(reader))

    async with _served(speak, "localhost", "10.0.0.0/8") as registry:
        with pytest.raises(RegistryUnavailable):
            await registry.confirm(question())
    assert heard == []


async def test_a_question_can_also_be_sent_by_httpx_own_transport(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        method="POST", url="http://registry.test/XacThucThongTinCongDan", content=verdict()
    )
    made = connection()
    registry = open_registry(made, transport=httpx.AsyncHTTPTransport(trust_env=False), clock=CLOCK)
    assert await registry.confirm(question()) is True
    await registry.aclose()
