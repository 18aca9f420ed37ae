"""One invariant over any order of acts: no packet reaches a registry with another profile's credential, for another
profile's account, or under a revision that neither was nor is the active one.
"""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.gateway.conftest import BOTH, fresh_store
from tests.gateway.fence.switches import Fence

EXAMPLES = {"sqlite": 14, "postgresql": 8}


@pytest.mark.parametrize("kind", BOTH)
def test_threat_9_no_order_of_acts_brings_a_packet_across_the_fence(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    numbers = count()

    def make() -> Fence:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Fence(fresh_store(request, kind, folder))

    run_state_machine_as_test(
        make,  # type: ignore[arg-type]  # whatever makes a machine will do
        settings=settings(
            max_examples=EXAMPLES[kind],
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # to shrink would take longer than to read the steps
            suppress_health_check=list(HealthCheck),
        ),
    )
