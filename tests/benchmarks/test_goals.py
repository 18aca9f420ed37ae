"""How a goal is judged from the rounds."""

import pytest

from benchmarks.goals import COST, RATE, Goal, Samples, judge

FASTER = Goal(figure=RATE, of="ours: asked", over="theirs: asked", least=4)
DEARER = Goal(figure=COST, of="ours: asked", over="theirs: asked", most=1.1)


def _samples(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> Samples:
    return {
        name: [{RATE: rate, COST: cost} for rate, cost in rounds]
        for name, rounds in (("ours: asked", ours), ("theirs: asked", theirs))
    }


def test_a_ratio_is_the_median_of_the_ratios_of_single_rounds() -> None:
    samples = _samples([(100, 10), (800, 10), (60, 10)], [(20, 50), (100, 50), (30, 20)])
    judged = FASTER.judge(samples)
    assert judged is not None
    assert (judged["value"], judged["met"], judged["by_cost"]) == (5, True, 5)


@pytest.mark.parametrize(("rate", "met"), [(79, False), (80, True)])
def test_a_goal_of_a_least_ratio_is_met_at_its_limit(rate: float, *, met: bool) -> None:
    judged = FASTER.judge(_samples([(rate, 10)], [(20, 50)]))
    assert judged is not None
    assert judged["met"] is met


@pytest.mark.parametrize(("cost", "met"), [(110, True), (111, False)])
def test_a_goal_of_a_most_ratio_is_missed_above_its_limit(cost: float, *, met: bool) -> None:
    judged = DEARER.judge(_samples([(1, cost)], [(1, 100)]))
    assert judged is not None
    assert judged["met"] is met


def test_a_goal_about_what_was_not_measured_is_not_judged() -> None:
    samples = _samples([(100, 10)], [(20, 50)])
    assert FASTER.judge({"ours: asked": samples["ours: asked"]}) is None


def test_the_start_and_memory_of_a_program_are_goals_too() -> None:
    judged = judge({}, {"SQLite": {"start_s": 1.6, "idle_mib": 110, "loaded_mib": 131}})
    assert {one["figure"]: one["met"] for one in judged} == {
        "start_s": False,
        "idle_mib": True,
        "loaded_mib": False,
    }
