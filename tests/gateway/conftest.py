"""Operators who are signed in, one for each role that acts on changes; an authority of certificates."""

from pathlib import Path

import pytest

from gateway.identifiers import Profile
from gateway.operators.model import Role
from tests.kit.authority import Authority
from tests.kit.operators import Desk, Person, signed_in
from tests.kit.scene import Portal, Scene


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def official(scene: Scene) -> Portal:
    """An official portal, made before there were operators; later ones are made by promotion."""
    return await scene.portal(Profile.OFFICIAL)


@pytest.fixture
async def proposer(scene: Scene, official: Portal) -> Person:
    del official  # it must be there first
    return await signed_in(scene, "phuong.de", Role.PROPOSER)


@pytest.fixture
async def approver(scene: Scene) -> Person:
    return await signed_in(scene, "dung.duyet", Role.APPROVER)


@pytest.fixture
async def desk(scene: Scene, proposer: Person, approver: Person) -> Desk:
    return Desk(scene=scene, proposer=proposer, approver=approver)
