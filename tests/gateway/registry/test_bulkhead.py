"""Threat 32: one connection has so many places and no more, and waiting for one takes no longer than allowed."""

import asyncio

from gateway.errors.registry import RegistryTimeout, RegistryUnavailable
from gateway.registry.breaker import FAILURES
from gateway.registry.client import open_registry
from gateway.registry.model import Registry
from gateway.registry.shelter import PLACES
from tests.gateway.registry.scene import Held, StillClock, answering, connection, question, settled, verdict

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


async def test_threat_32_no_more_questions_are_out_at_once_than_there_are_places() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    asked = _ask(registry, clock, PLACES + 40)
    await settled()
    assert held.taken == PLACES
    held.let_go.set()
    assert all(await asyncio.gather(*asked))
    assert (held.taken, held.most) == (PLACES + 40, PLACES)


async def test_threat_32_who_waits_for_a_place_past_the_deadline_costs_no_packet() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    inside = _ask(registry, clock, PLACES)
    await settled()
    waited = await asyncio.gather(*_ask(registry, clock, FAILURES * 2, within=0.05), return_exceptions=True)
    assert {type(result) for result in waited} == {RegistryTimeout}
    assert held.taken == PLACES
    held.let_go.set()
    assert all(await asyncio.gather(*inside))
    assert await registry.confirm(question(clock=clock)) is True


async def test_a_question_that_is_withdrawn_gives_its_place_back() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    asked = _ask(registry, clock, PLACES * 2)
    await settled()
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    again = _ask(registry, clock, PLACES)
    await settled()
    held.let_go.set()
    assert all(await asyncio.gather(*again))
    assert held.taken == PLACES * 2


async def test_threat_32_who_waited_while_the_breaker_opened_is_refused_without_a_packet() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock, deadline_ms=100)
    inside = _ask(registry, clock, PLACES, within=0.1)
    await settled()
    waiting = _ask(registry, clock, 40, within=1)
    ended = await asyncio.gather(*inside, return_exceptions=True)
    assert {type(result) for result in ended} == {RegistryTimeout}
    refused = await asyncio.gather(*waiting, return_exceptions=True)
    # The first few places come free before the breaker has seen failures enough: those questions did leave.
    assert sum(isinstance(result, RegistryUnavailable) for result in refused) >= 40 - FAILURES
    assert held.taken <= PLACES + FAILURES


async def test_a_question_that_came_to_its_turn_too_late_says_nothing_of_the_registry() -> None:
    clock, held = StillClock(), Held(answering(verdict()))
    registry = await _logged_in(held, clock)
    late = await asyncio.gather(*_ask(registry, clock, FAILURES * 2, within=0.05), return_exceptions=True)
    assert {type(result) for result in late} == {RegistryTimeout}
    assert held.taken == FAILURES * 2
    held.let_go.set()
    assert await registry.confirm(question(clock=clock)) is True
