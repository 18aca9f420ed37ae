"""A plan hits exactly the calls it says, whatever comes at the same time, and the same ones from the same seed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_c06.faults.fault import (
    Delays,
    EveryBody,
    ExponentialBody,
    FaultBody,
    LognormalBody,
    NormalBody,
    UniformBody,
)
from mock_c06.faults.kinds import KINDS
from mock_c06.faults.model import MAX_DELAY_MS, AnswerChange, CallFacts, FaultKind
from mock_c06.faults.plan import FaultHit, FaultPlan
from mock_c06.operations import Operation
from mock_c06.wire.record import Answer

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
FOUND = Answer(operation=Operation.LOOK_UP, count=1, as_of=NOON)
CENTRES, SPREADS = st.floats(0.1, MAX_DELAY_MS), st.floats(0, 1000)
BOUNDS = {"min_ms": st.integers(0, 100), "max_ms": st.integers(100, MAX_DELAY_MS)}
SHAPES = st.one_of(
    st.builds(UniformBody, kind=st.just("uniform"), **BOUNDS),
    st.builds(NormalBody, kind=st.just("normal"), mean_ms=CENTRES, sd_ms=SPREADS, **BOUNDS),
    st.builds(LognormalBody, kind=st.just("lognormal"), median_ms=CENTRES, sigma=st.floats(0, 10), **BOUNDS),
    st.builds(ExponentialBody, kind=st.just("exponential"), mean_ms=CENTRES, **BOUNDS),
)


def call(kind: FaultKind, now: datetime = NOON) -> CallFacts:
    return CallFacts(
        effect=type(kind.effect),
        operation=Operation.LOOK_UP,
        account="a",
        number="001090000123",
        now=now,
        subject=FOUND,
    )


def picked(fault: FaultBody, calls: int) -> list[FaultHit | None]:
    plan = FaultPlan()
    plan.plan(fault)
    return [plan.pick(call(fault.row)) for _ in range(calls)]


def hits(fault: FaultBody, calls: int) -> list[int]:
    return [n for n, hit in enumerate(picked(fault, calls), 1) if hit is not None]


@given(times=st.integers(1, 30), share=st.floats(0.3, 1), seed=st.integers())
def test_a_fault_hits_exactly_as_many_calls_as_it_says(times: int, share: float, seed: int) -> None:
    fault = FaultBody(kind="truncated", times=times, share=share, seed=seed)
    assert len(hits(fault, 600)) == times


@given(share=st.floats(0.01, 1), seed=st.integers())
def test_a_share_hits_the_same_calls_from_the_same_seed(share: float, seed: int) -> None:
    fault = FaultBody(kind="truncated", share=share, seed=seed)
    assert hits(fault, 50) == hits(fault, 50)


def test_the_nth_call_is_counted_from_one_and_every_nth_from_its_first() -> None:
    named = FaultBody(kind="reset", nth=[1, 4])
    every = FaultBody(kind="reset", nth=EveryBody(every=3, first=2))
    assert hits(named, 9) == [1, 4]
    assert hits(every, 9) == [2, 5, 8]


def test_a_window_opens_and_ends_by_the_clock_it_is_asked_with() -> None:
    plan = FaultPlan()
    plan.plan(FaultBody(kind="maintenance", starts=NOON, ends=NOON + timedelta(minutes=10)))
    seconds = [-1, 0, 599, 600]
    found = [plan.pick(call(KINDS["maintenance"], NOON + timedelta(seconds=each))) for each in seconds]
    assert [hit is not None for hit in found] == [False, True, True, False]
    assert [hit.fault.delay_ms for hit in found if hit is not None] == [600_000, 1_000]


@given(drawn=SHAPES, seed=st.integers())
def test_a_drawn_delay_stays_in_its_bounds_and_is_repeatable(drawn: Delays, seed: int) -> None:
    fault = FaultBody(kind="latency", distribution=drawn, seed=seed)
    first, again = ([hit.fault.delay_ms for hit in picked(fault, 20) if hit is not None] for _ in range(2))
    assert first == again
    assert all(each is not None and drawn.min_ms <= each <= drawn.max_ms for each in first)


def test_delays_of_one_seed_differ_from_call_to_call() -> None:
    drawn = UniformBody(kind="uniform", max_ms=1000)
    delays = {hit.fault.delay_ms for hit in picked(FaultBody(kind="latency", distribution=drawn), 20) if hit}
    assert len(delays) > 10


def test_a_call_that_a_kind_would_not_change_is_not_counted() -> None:
    plan = FaultPlan()
    plan.plan(FaultBody(kind="empty", times=1))
    target = call(KINDS["empty"])
    nobody = CallFacts(
        effect=AnswerChange,
        operation=None,
        account=None,
        number=None,
        now=NOON,
        subject=replace(FOUND, count=0),
    )
    assert plan.pick(nobody) is None
    assert plan.pick(target) is not None
    assert plan.pick(target) is None


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "latency", "distribution": {"kind": "uniform", "min_ms": 1, "max_ms": 9}},
        {"kind": "latency", "distribution": {"kind": "normal", "mean_ms": 5.0, "sd_ms": 1.0}},
        {"kind": "latency", "distribution": {"kind": "lognormal", "median_ms": 5.0, "sigma": 1.0}},
        {"kind": "latency", "distribution": {"kind": "exponential", "mean_ms": 5.0}},
        {"kind": "reset", "at": "after", "nth": [3, 1], "times": 2, "share": 0.5, "seed": 9},
        {"kind": "trickle", "nth": {"every": 2}, "from": "2026-01-01T00:00:00Z", "account": "a"},
        {"kind": "empty", "nth": 4, "until": "2026-01-01T07:00:00+07:00", "citizen_id": "001090000123"},
    ],
)
def test_a_fault_that_is_written_out_is_read_back_unchanged(body: dict[str, object]) -> None:
    fault = FaultBody.model_validate(body)
    assert FaultBody.model_validate(fault.model_dump(mode="json")) == fault
