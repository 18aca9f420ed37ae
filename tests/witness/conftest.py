"""A witness of the scene's log."""

from pathlib import Path

import pytest

from tests.kit.scene import Scene
from tests.witness.stand import Stand


@pytest.fixture
def stand(scene: Scene, tmp_path: Path) -> Stand:
    return Stand(scene, tmp_path / "witness.key.record")
