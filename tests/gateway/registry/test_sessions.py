"""Logins, tokens and deadlines: threats 30 and 31, and the slow answer of threat 25."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.registry.client import MAX_CONCURRENT, open_registry
from gateway.registry.connection import Dialect, TimestampUnit
from gateway.registry.session import Timestamps
from tests.kit.clocks import StillClock
from tests.kit.registry import (
    CLOCK,
    Double,
    answering,
    connection,
    question,
    registry_of,
    token_answer,
    verdict,
)

CAMEL = Dialect.LGSP_CAMEL


class Slow(httpx.AsyncBaseTransport):
    """A registry that takes its time before each answer, counting packets by path."""

    def __init__(self, inner: Double, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._seconds)
        return self._inner(request)


def _rotating() -> Double:
    """A platform whose tokens are numbered and of which only the newest is good."""
    issued = [0]

    def token(_request: httpx.Request) -> httpx.Response:
        issued[0] += 1
        return token_answer(f"token-{issued[0]}")

    def answer(request: httpx.Request) -> httpx.Response:
        good = request.headers["authorization"] == f"Bearer token-{issued[0]}"
        return httpx.Response(200, json={"data": True}) if good else httpx.Response(401)

    return Double(answer, token)


async def test_threat_30_two_calls_in_one_millisecond_are_no_replay() -> None:
    double = answering(verdict())
    registry = registry_of(double)
    await asyncio.gather(*(registry.confirm(question(code=f"HN-{n}")) for n in range(50)))
    stamps = [int(packet.headers["timestamp"]) for packet in double.packets]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] - stamps[0] < 100


def test_threat_30_timestamps_never_run_far_ahead_of_the_clock() -> None:
    clock = StillClock()
    timestamps = Timestamps(clock, TimestampUnit.MILLISECONDS)
    now = int(clock.now().timestamp() * 1000)
    assert max(int(timestamps.next()) for _ in range(5_000)) <= now + 1_001


def test_threat_37_a_clock_set_back_an_hour_does_not_keep_timestamps_in_the_future() -> None:
    clock = StillClock()
    timestamps = Timestamps(clock, TimestampUnit.MILLISECONDS)
    timestamps.next()
    clock.instant -= timedelta(hours=1)
    assert int(timestamps.next()) == int(clock.now().timestamp() * 1000)


async def test_threat_31_500_waiters_share_one_token_fetch() -> None:
    double = _rotating()
    registry = open_registry(connection(CAMEL), transport=Slow(double, 0.01), clock=CLOCK)
    answers = await asyncio.gather(
        *(registry.confirm(question(code=f"HN-{n}", within=60)) for n in range(500))
    )
    assert all(answers)
    assert (len(double.token_packets), len(double.packets)) == (1, 500)


async def test_threat_31_a_token_that_ends_during_500_questions_is_renewed_once() -> None:
    double = _rotating()
    registry = open_registry(connection(CAMEL), transport=Slow(double, 0.01), clock=CLOCK)
    await registry.confirm(question())
    assert double.token is not None
    double.token(httpx.Request("POST", "http://registry.test/token"))  # someone else's login ends ours
    answers = await asyncio.gather(
        *(registry.confirm(question(code=f"HN-{n}", within=60)) for n in range(500))
    )
    assert all(answers)
    assert len(double.token_packets) == 2
    assert (
        len(double.packets) == 1 + MAX_CONCURRENT + 500
    )  # only those that were on their way had the dead token


async def test_threat_31_a_wrong_platform_password_is_tried_once_for_all_waiters() -> None:
    double = Double(lambda _request: httpx.Response(200), lambda _request: httpx.Response(401))
    registry = open_registry(connection(CAMEL), transport=Slow(double, 0.01), clock=CLOCK)
    results = await asyncio.gather(*(registry.confirm(question()) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {RegistryCredentialsRejected}
    assert (len(double.token_packets), len(double.packets)) == (1, 0)


async def test_threat_31_a_wrong_password_of_c06_is_tried_once() -> None:
    double = answering(httpx.Response(401))
    with pytest.raises(RegistryCredentialsRejected):
        await registry_of(double).confirm(question())
    assert len(double.packets) == 1


async def test_a_token_refused_twice_is_not_tried_a_third_time() -> None:
    double = answering(httpx.Response(401))
    with pytest.raises(RegistryCredentialsRejected):
        await registry_of(double, CAMEL).confirm(question())
    assert (len(double.token_packets), len(double.packets)) == (2, 2)


async def test_a_token_is_renewed_before_its_last_seconds() -> None:
    clock = StillClock()
    double = _rotating()
    registry = open_registry(connection(CAMEL), transport=httpx.MockTransport(double), clock=clock)
    await registry.confirm(question())
    clock.seconds += 3_569
    await registry.confirm(question(within=4_000))
    assert len(double.token_packets) == 1
    clock.seconds += 2
    await registry.confirm(question(within=4_000))
    assert len(double.token_packets) == 2


async def test_a_waiter_whose_deadline_passes_does_not_cancel_the_others_token() -> None:
    double = _rotating()
    registry = open_registry(connection(CAMEL), transport=Slow(double, 0.05), clock=CLOCK)
    hasty = asyncio.create_task(registry.confirm(question(within=0.02)))
    patient = asyncio.create_task(registry.confirm(question()))
    with pytest.raises(RegistryTimeout):
        await hasty
    assert await patient is True
    assert len(double.token_packets) == 1


async def test_a_token_fetch_that_nobody_awaits_ends_by_its_own_deadline() -> None:
    double = _rotating()
    registry = open_registry(connection(CAMEL, deadline_ms=30), transport=Slow(double, 5), clock=CLOCK)
    with pytest.raises(RegistryTimeout):
        await registry.confirm(question(within=0.01))
    await asyncio.sleep(0.05)
    await registry.aclose()
    assert double.token_packets == []


async def test_closing_during_a_token_fetch_makes_the_registry_unavailable_to_waiters() -> None:
    registry = open_registry(connection(CAMEL), transport=Slow(_rotating(), 5), clock=CLOCK)
    waiter = asyncio.create_task(registry.confirm(question()))
    await asyncio.sleep(0.01)
    await registry.aclose()
    with pytest.raises(RegistryUnavailable):
        await waiter


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"access_token": "a b", "expires_in": 60}',
        '{"access_token": "a\\r\\nX-Injected: 1", "expires_in": 60}',
        '{"access_token": "a", "expires_in": "soon"}',
        '{"access_token": "a", "expires_in": -5}',
        '{"access_token": "a", "token_type": "mac"}',
        '{"access_token": "' + "a" * 5_000 + '"}',
        '{"access_token": "a", "access_token": "b"}',
    ],
)
async def test_a_malformed_token_is_refused_and_never_sent(content: str) -> None:
    double = Double(lambda _request: httpx.Response(200), lambda _request: httpx.Response(200, text=content))
    with pytest.raises(RegistryAnswerInvalid):
        await registry_of(double, CAMEL).confirm(question())
    assert double.packets == []


@pytest.mark.parametrize(("status", "failure"), [(400, RegistryCredentialsRejected), (403, RegistryCredentialsRejected), (503, RegistryUnavailable), (302, RegistryAnswerInvalid), (500, RegistryUnavailable)])  # fmt: skip
async def test_a_token_endpoints_status_says_what_failed(status: int, failure: type[Exception]) -> None:
    double = Double(lambda _request: httpx.Response(200), lambda _request: httpx.Response(status))
    with pytest.raises(failure):
        await registry_of(double, CAMEL).confirm(question())


async def test_threat_25_a_trickle_of_one_byte_a_second_ends_at_the_deadline() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for byte in verdict():
            yield bytes([byte])
            await asyncio.sleep(1)

    double = Double(lambda _request: httpx.Response(200, content=trickle()))
    started = asyncio.get_running_loop().time()
    with pytest.raises(RegistryTimeout):
        await registry_of(double).confirm(question(within=0.1))
    assert asyncio.get_running_loop().time() - started < 0.9


async def test_one_deadline_covers_the_token_and_both_attempts() -> None:
    double = answering(httpx.Response(401))
    registry = open_registry(connection(CAMEL), transport=Slow(double, 0.04), clock=CLOCK)
    with pytest.raises(RegistryTimeout):
        await registry.confirm(question(within=0.1))


async def test_a_question_whose_deadline_has_passed_is_not_sent() -> None:
    double = answering(verdict())
    with pytest.raises(RegistryTimeout):
        await registry_of(double).confirm(question(within=0))
    assert double.packets == []


@pytest.mark.parametrize(
    ("dialect", "members"),
    [
        (Dialect.SOAP, {"c06_secret": None}),
        (Dialect.SOAP, {"c06_user": None, "c06_secret": None}),
        (Dialect.SOAP, {"c06_user": "a:b"}),
        (Dialect.SOAP, {"x_road_client": "VN\r\nX-Injected: 1"}),
        (CAMEL, {"ngsp_secret": None}),
        (CAMEL, {"ngsp_key": None, "ngsp_secret": None, "c06_user": "u", "c06_secret": "s"}),
    ],
)
def test_a_connection_that_could_never_log_in_is_not_opened(
    dialect: Dialect, members: dict[str, object]
) -> None:
    with pytest.raises(SettingInvalid):
        registry_of(answering(verdict()), dialect, **members)


async def test_soap_behind_a_platform_is_asked_with_the_platforms_token() -> None:
    double = answering(verdict())
    registry = registry_of(double, c06_user=None, c06_secret=None, ngsp_key="key", ngsp_secret="synthetic")
    assert await registry.confirm(question()) is True
    assert double.packets[0].headers["authorization"] == "Bearer token-1"
    assert "timestamp" not in double.packets[0].headers
