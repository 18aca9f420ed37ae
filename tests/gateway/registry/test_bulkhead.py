"""Threat 32: one connection has a bounded number of questions out, and waiting takes no longer than the deadline."""

import asyncio

from gateway.errors.registry import RegistryTimeout, RegistryUnavailable
from gateway.registry.client import FAILURES, MAX_CONCURRENT, open_registry
from gateway.registry.model import Registry
from tests.kit.clocks import StillClock
from tests.kit.registry import Held, answering, connection, question, settled, verdict

Tasks = list[asyncio.Task[bool]]


async def _logged_in(held: Held, clock: StillClock, deadline_ms: int = 10_000) -> Registry:
    """A registry whose login is known to work, so that questions needn't wait for that."""
    registry = open_registry(connection(deadline_ms=deadline_ms), transport=held, clock=clock)
    held.let_go.set()
    await registry.confirm(question(clock=clock))
    held.let_go.clear()
    held.taken = held.most = 0
    return registry


def _ask(registry: Registry, clock: StillClock, number: int, within: float = 10) -> Tasks:
    return [
        asyncio.create_task(registry.confirm(question(clock=clock, within=within))) for _ in range(number)
    ]


async def test_threat_32_no_more_questions_are_out_at_once_than_the_bulkhead_allows() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    asked = _ask(registry, clock, MAX_CONCURRENT + 40)
    await settled()
    assert held.taken == MAX_CONCURRENT
    held.let_go.set()
    assert all(await asyncio.gather(*asked))
    assert (held.taken, held.most) == (MAX_CONCURRENT + 40, MAX_CONCURRENT)


async def test_threat_32_a_question_that_waits_past_its_deadline_is_never_sent() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    inside = _ask(registry, clock, MAX_CONCURRENT)
    await settled()
    waited = await asyncio.gather(*_ask(registry, clock, FAILURES * 2, within=0.05), return_exceptions=True)
    assert {type(result) for result in waited} == {RegistryTimeout}
    assert held.taken == MAX_CONCURRENT
    held.let_go.set()
    assert all(await asyncio.gather(*inside))
    assert await registry.confirm(question(clock=clock)) is True


async def test_a_cancelled_question_releases_its_slot_of_the_bulkhead() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    asked = _ask(registry, clock, MAX_CONCURRENT * 2)
    await settled()
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    again = _ask(registry, clock, MAX_CONCURRENT)
    await settled()
    held.let_go.set()
    assert all(await asyncio.gather(*again))
    assert held.taken == MAX_CONCURRENT * 2


async def test_threat_32_a_question_that_waited_while_the_breaker_opened_is_never_sent() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock, deadline_ms=100)
    inside = _ask(registry, clock, MAX_CONCURRENT, within=0.1)
    await settled()
    waiting = _ask(registry, clock, 40, within=1)
    ended = await asyncio.gather(*inside, return_exceptions=True)
    assert {type(result) for result in ended} == {RegistryTimeout}
    refused = await asyncio.gather(*waiting, return_exceptions=True)
    # The first few slots are released before the breaker has counted enough failures: those questions were sent.
    assert sum(isinstance(result, RegistryUnavailable) for result in refused) >= 40 - FAILURES
    assert held.taken <= MAX_CONCURRENT + FAILURES


async def test_a_question_that_waited_most_of_its_time_is_no_failure_of_the_registry() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    late = await asyncio.gather(*_ask(registry, clock, FAILURES * 2, within=0.05), return_exceptions=True)
    assert {type(result) for result in late} == {RegistryTimeout}
    assert held.taken == FAILURES * 2
    held.let_go.set()
    assert await registry.confirm(question(clock=clock)) is True
