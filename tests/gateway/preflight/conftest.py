"""A desk that runs preflights against a mock of its own, in place of the operators' desk."""

import pytest

from tests.kit.preflight import Preflights


@pytest.fixture
def desk() -> Preflights:
    return Preflights()
