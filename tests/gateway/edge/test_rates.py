"""The buckets themselves: they fill with time, are one account's, and bounded in number."""

import pytest

from gateway.edge.throttle import AT_ONCE, RateLimits
from gateway.errors.requests import RateLimited
from tests.kit.clocks import CounterClock


def spend(rates: RateLimits, times: int, account: str = "acc_one") -> int:
    """Call so often and return how many calls passed."""
    passed = 0
    for _ in range(times):
        try:
            rates.spend("sandbox", account, per_second=10)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_a_bucket_holds_four_seconds_of_calls_and_fills_at_its_rate() -> None:
    clock = CounterClock()
    rates = RateLimits(clock)
    assert spend(rates, 100) == 40

    clock.counter += 0.5
    assert spend(rates, 100) == 5
    assert rates.refused == {"sandbox": 155}


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = CounterClock()
    rates = RateLimits(clock)
    spend(rates, 1)
    clock.counter += 3600

    assert spend(rates, 100) == 40


def test_a_clock_that_does_not_advance_refills_no_bucket() -> None:
    rates = RateLimits(CounterClock())
    spend(rates, 40)

    with pytest.raises(RateLimited) as refused:
        rates.spend("sandbox", "acc_one", per_second=10)
    assert refused.value.retry_after == 1


def test_the_profiles_have_buckets_of_their_own() -> None:
    rates = RateLimits(CounterClock())
    spend(rates, 100)

    rates.spend("official", "acc_one", per_second=10)


def test_the_longest_unused_bucket_is_forgotten_beyond_the_bound() -> None:
    rates = RateLimits(CounterClock(), kept=10)
    for number in range(100):
        spend(rates, 50, f"acc_{number}")

    assert len(rates) == 10
    assert spend(rates, 50, "acc_99") == 0


def test_only_so_many_calls_of_one_account_are_under_way_and_each_end_admits_one() -> None:
    rates = RateLimits(CounterClock())
    ends = [rates.begin("sandbox", "acc_one") for _ in range(AT_ONCE)]

    with pytest.raises(RateLimited):
        rates.begin("sandbox", "acc_one")
    rates.begin("sandbox", "acc_two")
    rates.begin("official", "acc_one")
    assert rates.refused == {"sandbox": 1}
    for end in ends[:2]:
        end()
    assert [rates.begin("sandbox", "acc_one") for _ in range(2)]
    with pytest.raises(RateLimited):
        rates.begin("sandbox", "acc_one")
