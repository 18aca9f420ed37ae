"""Generated populations: a village that is looked at whole, and a nation of a hundred million."""

import pytest

from mock_c06.app import MockRegistry, build_mock
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.conftest import CONTROL_TOKEN


@pytest.fixture(scope="package")
def village() -> GeneratedPopulation:
    # Not a multiple of ten: the last clan lacks some of its records.
    return GeneratedPopulation(count=1_237, seed="7")


@pytest.fixture(scope="package")
def generated() -> GeneratedPopulation:
    return GeneratedPopulation(count=100_000_000, seed="7")


@pytest.fixture
def mock(clock: StillClock, generated: GeneratedPopulation) -> MockRegistry:
    settings = Settings.model_validate({"control_token": CONTROL_TOKEN})
    return build_mock(settings, clock=clock, generated=generated)
