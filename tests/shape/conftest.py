"""The project's files are read and parsed once for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.kit.source import forget_sources


@pytest.fixture(scope="package", autouse=True)
def sources() -> Iterator[None]:
    yield
    forget_sources()
