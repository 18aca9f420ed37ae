"""Threat 31: a wrong login is tried once for however many wait, three times in a row, then once a minute."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from gateway.errors.requests import RegistryCredentialsRejected, RegistryUnavailable
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Dialect
from gateway.registry.session import COOLING_S, TRIES
from tests.kit.clocks import StillClock
from tests.kit.registry import Double, Held, answering, connection, question, settled, verdict

CAMEL = Dialect.LGSP_CAMEL
WAVE = 40
REFUSED, YES = httpx.Response(401), httpx.Response(200, content=verdict())

LAYERS: dict[str, tuple[Dialect, Callable[[], Double], int]] = {
    "C06's own login": (Dialect.SOAP, lambda: answering(REFUSED), 1),
    "an account shut out": (Dialect.SOAP, lambda: answering(httpx.Response(403)), 1),
    "the token's endpoint": (CAMEL, lambda: _platform(401), 1),
    "the token's endpoint by RFC 6749": (CAMEL, lambda: _platform(400), 1),
    "every token, so that a fresh one is tried": (CAMEL, lambda: answering(REFUSED), 4),
    "the adapter, behind a good token": (CAMEL, lambda: answering(httpx.Response(403)), 2),
}


def _platform(status: int) -> Double:
    return Double(lambda _request: httpx.Response(200), lambda _request: httpx.Response(status))


def _opened(double: Double, clock: StillClock, dialect: Dialect = Dialect.SOAP) -> RegistryClient:
    transport = Held(double)
    transport.let_go.set()
    return open_registry(connection(dialect), transport=transport, clock=clock)


async def _wave(registry: RegistryClient, clock: StillClock) -> set[type]:
    asked = (registry.confirm(question(clock=clock)) for _ in range(WAVE))
    return {type(result) for result in await asyncio.gather(*asked, return_exceptions=True)}


@pytest.mark.parametrize(("dialect", "make", "packets"), LAYERS.values(), ids=LAYERS.keys())
async def test_threat_31_a_refused_login_is_tried_once_for_all_who_wait_and_three_times_in_all(
    dialect: Dialect, make: Callable[[], Double], packets: int
) -> None:
    clock, double = StillClock(), make()
    registry = _opened(double, clock, dialect)

    def sent() -> int:
        return len(double.packets) + len(double.token_packets)

    counts = []
    for _ in range(TRIES + 2):
        before = sent()
        assert await _wave(registry, clock) == {RegistryCredentialsRejected}
        counts.append(sent() - before)
    # A token that was good once is kept: the next try needn't fetch it again.
    assert [bool(count) for count in counts] == [True] * TRIES + [False] * 2
    assert counts[0] == max(counts) == packets
    clock.seconds += COOLING_S - 0.1
    await _wave(registry, clock)
    assert sent() == sum(counts)
    clock.seconds += 0.1
    for _ in range(3):
        await _wave(registry, clock)
    assert 0 < sent() - sum(counts) <= packets


async def test_threat_31_a_login_that_works_again_ends_the_lockout_and_the_count() -> None:
    clock, double = StillClock(), answering(REFUSED)
    registry = _opened(double, clock)
    for _ in range(TRIES):
        await _wave(registry, clock)
    clock.seconds += COOLING_S
    double.answer = answering(YES).answer
    assert await _wave(registry, clock) == {bool}
    assert len(double.packets) == TRIES + WAVE
    double.answer = answering(REFUSED).answer
    for _ in range(TRIES + 2):
        await registry_refuses(registry, clock)
    assert len(double.packets) == TRIES + WAVE + TRIES


async def registry_refuses(registry: RegistryClient, clock: StillClock) -> None:
    with pytest.raises(RegistryCredentialsRejected):
        await registry.confirm(question(clock=clock))


async def test_threat_31_refusals_of_questions_sent_together_are_one_try() -> None:
    clock, double = StillClock(), answering(YES)
    held = Held(double)
    held.let_go.set()
    registry = open_registry(connection(), transport=held, clock=clock)
    await registry.confirm(question(clock=clock))
    held.let_go.clear()
    flying = [asyncio.create_task(registry.confirm(question(clock=clock))) for _ in range(20)]
    await settled()
    double.answer = answering(REFUSED).answer  # the secret was changed while 20 were on their way
    held.let_go.set()
    results = await asyncio.gather(*flying, return_exceptions=True)
    assert {type(result) for result in results} == {RegistryCredentialsRejected}
    double.answer = answering(YES).answer
    assert await registry.confirm(question(clock=clock)) is True


async def test_threat_31_a_yes_from_before_a_refusal_doesnt_prove_the_login_anew() -> None:
    clock, replies = StillClock(), iter([YES, REFUSED, YES])
    double = Double(lambda _request: answering(next(replies, REFUSED)).answer(_request))
    held = Held(double)
    held.let_go.set()
    registry = open_registry(connection(), transport=held, clock=clock)
    await registry.confirm(question(clock=clock))
    held.let_go.clear()
    flying = [asyncio.create_task(registry.confirm(question(clock=clock))) for _ in range(2)]
    await settled()
    held.let_go.set()
    await asyncio.gather(*flying, return_exceptions=True)
    assert await _wave(registry, clock) == {RegistryCredentialsRejected}
    assert held.taken == 1 + 2 + 1


async def test_an_outage_between_two_refusals_says_nothing_of_the_login() -> None:
    clock, double = StillClock(), answering(REFUSED)
    registry = _opened(double, clock)
    for status in (401, 503, 401, 503, 401):
        double.answer = answering(httpx.Response(status)).answer
        with pytest.raises((RegistryCredentialsRejected, RegistryUnavailable)):
            await registry.confirm(question(clock=clock))
    double.answer = answering(YES).answer
    await registry_refuses(registry, clock)
    assert len(double.packets) == 5


async def test_while_a_login_is_unproven_an_outage_lets_the_next_question_try() -> None:
    clock, double = StillClock(), answering(httpx.Response(503))
    held = Held(double)
    registry = open_registry(connection(), transport=held, clock=clock)
    first = asyncio.create_task(registry.confirm(question(clock=clock)))
    others = [asyncio.create_task(registry.confirm(question(clock=clock))) for _ in range(20)]
    await settled()
    assert held.taken == 1
    first.cancel()
    double.answer = answering(YES).answer
    held.let_go.set()
    assert all(await asyncio.gather(*others))
    assert held.taken == 21
    assert held.most > 1  # once one has shown that the login works, the others go together


@pytest.mark.parametrize(("ahead", "named"), [(600, 600.0), (-600, -600.0), (30, None), (None, None)])
async def test_a_refused_login_names_a_clock_that_is_ten_minutes_wrong(
    ahead: int | None, named: float | None
) -> None:
    clock = StillClock()
    date = (
        {}
        if ahead is None
        else {"date": format_datetime(clock.now() + timedelta(seconds=ahead), usegmt=True)}
    )
    registry = _opened(answering(httpx.Response(401, headers=date)), clock)
    assert isinstance(registry, RegistryClient)
    with pytest.raises(RegistryCredentialsRejected):
        await registry.confirm(question(clock=clock))
    assert registry.login_refused
    assert registry.clock_skew == named
