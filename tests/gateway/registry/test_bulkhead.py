"""Threats 32 and 51: one connection has a bounded number of questions out, accounts take turns for them, and waiting takes
no longer than the deadline."""

import asyncio

from gateway.errors.requests import RegistryTimeout, RegistryUnavailable
from gateway.registry.client import FAILURES, MAX_CONCURRENT, RegistryClient, open_registry
from tests.kit.clocks import StillClock
from tests.kit.registry import Double, Held, answering, connection, question, settled, verdict

Tasks = list[asyncio.Task[bool]]


async def _logged_in(held: Held, clock: StillClock, deadline_ms: int = 10_000) -> RegistryClient:
    """A registry whose login is known to work, so that questions needn't wait for that."""
    registry = open_registry(connection(deadline_ms=deadline_ms), transport=held, clock=clock)
    held.let_go.set()
    await registry.confirm(question(clock=clock))
    held.let_go.clear()
    held.taken = held.most = 0
    return registry


def _ask(
    registry: RegistryClient, clock: StillClock, number: int, within: float = 10, account: str = "acc_one"
) -> Tasks:
    asked = question(clock=clock, within=within, account=account, code=f"HN-{account}")
    return [asyncio.create_task(registry.confirm(asked)) for _ in range(number)]


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


async def test_threat_51_the_waiting_questions_of_one_account_delay_another_accounts_by_one_question() -> (
    None
):
    clock, double = StillClock(), Double(answering(verdict()))
    held = Held(double)
    registry = await _logged_in(held, clock)
    flood = _ask(registry, clock, MAX_CONCURRENT + 300, account="acc_loud")
    await settled()
    one = _ask(registry, clock, 1, account="acc_quiet")
    await settled()
    double.packets.clear()
    held.let_go.set()
    assert all(await asyncio.gather(*flood, *one))
    sent = [b"acc_quiet" in packet.content for packet in double.packets].index(True)
    assert sent <= MAX_CONCURRENT + 1


async def test_accounts_that_all_have_waiting_questions_get_a_slot_in_turn() -> None:
    clock, double = StillClock(), Double(answering(verdict()))
    held = Held(double)
    registry = await _logged_in(held, clock)
    names = ("acc_one", "acc_two", "acc_three")
    flood = _ask(registry, clock, MAX_CONCURRENT)
    await settled()
    for name in names:
        flood += _ask(registry, clock, 20, account=name)
        await settled()
    for task in flood[MAX_CONCURRENT : MAX_CONCURRENT + 10]:
        task.cancel()  # these wait no more, and their account loses no turn by it
    await settled()
    double.packets.clear()
    held.let_go.set()
    await asyncio.gather(*flood, return_exceptions=True)
    after = [packet.content for packet in double.packets][MAX_CONCURRENT : MAX_CONCURRENT + 30]
    assert [sum(name.encode() in content for content in after) for name in names] == [10, 10, 10]
