"""The lines of wrong tries: who waits, who is refused without a wait, and who is left in peace."""

import asyncio

import pytest

from gateway.edge.throttle import (
    FREE_OF_ADDRESS,
    FREE_OF_PAIR,
    WAITING,
    LoginThrottle,
    NotAuthenticated,
    TooManyAttempts,
    network_key,
)
from tests.kit.clocks import CounterClock


class Door:
    """Guesses at a door whose right secret is known to the test. Time passes only as somebody waits."""

    def __init__(self, *, kept: int = 1000) -> None:
        self.clock = CounterClock()
        self.waits: list[float] = []
        self.looked_at = 0
        self.retry_after: set[int] = set()
        self.guesses = LoginThrottle(self.clock, sleep=self._wait, kept=kept)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.counter += seconds
        await asyncio.sleep(0)

    async def try_in(self, *, right: bool = False, client: str = "acc_one", address: str = "10.0.0.1") -> str:
        """Try a secret and say what became of it."""
        try:
            async with self.guesses.attempt("sandbox", client, address):
                await self._look(right=right)
        except NotAuthenticated:
            return "wrong"
        except TooManyAttempts as refused:
            self.retry_after.add(refused.retry_after)
            return "refused"
        return "in"

    async def _look(self, *, right: bool) -> None:
        self.looked_at += 1
        await asyncio.sleep(0)
        if not right:
            raise NotAuthenticated

    async def fail(self, times: int, **where: str) -> None:
        """Try wrong secrets one after the other."""
        for _ in range(times):
            assert await self.try_in(right=False, **where) == "wrong"


@pytest.fixture
def door() -> Door:
    return Door()


async def test_threat_6_free_failures_cost_nothing_and_each_further_try_waits_longer(door: Door) -> None:
    await door.fail(FREE_OF_PAIR)
    assert door.waits == []

    await door.fail(6)

    assert door.waits == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


async def test_threat_6_guesses_sent_at_once_are_mostly_refused_without_a_wait(door: Door) -> None:
    outcomes = await asyncio.gather(*(door.try_in() for _ in range(500)))

    assert outcomes.count("wrong") == FREE_OF_PAIR + WAITING
    assert outcomes.count("refused") == door.guesses.refused == 500 - FREE_OF_PAIR - WAITING
    assert sorted(door.waits) == door.waits
    assert door.retry_after <= set(range(1, 9))


async def test_threat_51_a_right_proof_among_many_wrong_ones_never_waits(door: Door) -> None:
    await door.fail(FREE_OF_PAIR + 3)
    door.waits.clear()

    outcomes = await asyncio.gather(*(door.try_in(right=number % 20 == 0) for number in range(200)))

    assert outcomes.count("in") == 10
    assert {outcomes[number] for number in range(0, 200, 20)} == {"in"}


async def test_right_secrets_sent_at_once_all_pass_without_a_wait(door: Door) -> None:
    assert set(await asyncio.gather(*(door.try_in(right=True) for _ in range(500)))) == {"in"}
    assert door.waits == []


async def test_threat_6_guesses_from_another_address_do_not_slow_the_right_holder(door: Door) -> None:
    await door.fail(40, address="10.9.9.9")
    waits = len(door.waits)

    assert await door.try_in(right=True, address="10.0.0.1") == "in"
    assert len(door.waits) == waits


async def test_threat_51_the_right_holder_at_the_guessers_address_gets_in_at_once(door: Door) -> None:
    await door.fail(40)
    door.waits.clear()

    assert await door.try_in(right=True) == "in"
    assert door.waits == []


async def test_a_success_clears_the_earlier_failures_of_the_pair(door: Door) -> None:
    await door.fail(8)
    await door.try_in(right=True)
    door.waits.clear()

    await door.fail(FREE_OF_PAIR)

    assert door.waits == []


async def test_as_many_failures_are_free_after_a_success_as_before(door: Door) -> None:
    await door.fail(8)
    await door.try_in(right=True)

    outcomes = await asyncio.gather(*(door.try_in() for _ in range(FREE_OF_PAIR)))

    assert outcomes == ["wrong"] * FREE_OF_PAIR


async def test_threat_6_guesses_over_many_client_ids_are_slowed_per_address(door: Door) -> None:
    for number in range(FREE_OF_ADDRESS):
        await door.fail(1, client=f"acc_{number}")
    assert door.waits == []

    await door.fail(3, client="acc_next")

    assert door.waits == [0.25, 0.5, 1.0]


async def test_threat_6_guesses_from_a_shared_address_do_not_slow_a_proven_client(
    door: Door,
) -> None:
    await door.try_in(right=True, client="acc_ours")
    for number in range(FREE_OF_ADDRESS + 5):
        await door.fail(1, client=f"acc_{number}")
    door.waits.clear()

    assert await door.try_in(right=True, client="acc_ours") == "in"
    assert door.waits == []


async def test_one_portal_with_a_stale_secret_does_not_slow_its_neighbours(door: Door) -> None:
    await door.fail(200, client="acc_stale")
    door.waits.clear()

    assert await door.try_in(right=True, client="acc_neighbour") == "in"
    assert door.waits == []


async def test_an_own_success_does_not_clear_the_failures_of_the_address(door: Door) -> None:
    for number in range(FREE_OF_ADDRESS):
        await door.fail(1, client=f"acc_{number}")
        await door.try_in(right=True, client="acc_own")

    await door.fail(1, client="acc_next")

    assert door.waits == [0.25]


async def test_failures_are_forgotten_after_a_quarter_of_an_hour(door: Door) -> None:
    await door.fail(FREE_OF_PAIR)
    door.clock.counter += 901

    await door.fail(1)

    assert door.waits == []


async def test_threat_6_the_memory_of_failures_is_bounded_over_any_ids() -> None:
    door = Door(kept=10)
    for number in range(300):
        await door.try_in(client=f"acc_{number}", address=f"10.0.{number // 200}.{number % 200}")
        await door.try_in(right=True, client=f"acc_{number}", address=f"10.1.{number // 200}.{number % 200}")

    assert len(door.guesses) <= 30


async def test_nothing_is_remembered_of_a_client_refused_by_another_cause(door: Door) -> None:
    with pytest.raises(LookupError):
        async with door.guesses.attempt("sandbox", "acc_one", "10.0.0.1"):
            raise LookupError

    assert len(door.guesses) == 0


async def test_a_caller_who_leaves_while_waiting_lets_another_one_wait(door: Door) -> None:
    held = asyncio.Event()

    async def hold(seconds: float) -> None:
        await held.wait()

    guesses = LoginThrottle(door.clock, sleep=hold)

    async def fail() -> None:
        async with guesses.attempt("sandbox", "acc_one", "10.0.0.1"):
            raise NotAuthenticated

    for _ in range(FREE_OF_PAIR):
        with pytest.raises(NotAuthenticated):
            await fail()
    leaving = [asyncio.create_task(fail()) for _ in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await fail()
    for each in leaving:
        each.cancel()
    await asyncio.wait(leaving)
    held.set()
    with pytest.raises(NotAuthenticated):
        await fail()


async def test_threat_51_only_a_caller_with_the_password_can_slow_the_checks_of_a_name(door: Door) -> None:
    for _ in range(FREE_OF_PAIR):
        await door.guesses.delay_attempt("operators", "lan")
        door.guesses.count_wrong_code("operators", "lan")
    assert door.waits == []

    await door.guesses.delay_attempt("operators", "lan")
    await door.guesses.delay_attempt("operators", "minh")
    assert door.waits == [0.25]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("", "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_an_ipv6_address_counts_as_its_network_of_64_bits(address: str, counted: str) -> None:
    assert network_key(address) == counted
