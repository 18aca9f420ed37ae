"""Key rotations in a test: by the use case, followed at once by the worker, with a clock that the test moves."""

from collections.abc import Sequence
from typing import Any

from gateway.identifiers import Profile
from gateway.keys.model import Key, Purpose
from gateway.profiles.key_rotation import LEAD, rotate_keys
from gateway.profiles.places import refresh
from tests.kit.scene import Portal, Scene

A_MOMENT = 1.0


async def rotate(scene: Scene, purpose: Purpose, *, leaked: Sequence[str] = ()) -> Key:
    """Rotate the sandbox's key, let the scene's worker follow, and return the next key."""
    made = await rotate_keys(scene.gateway, purpose, [Profile.SANDBOX], leaked=leaked)
    assert await refresh(scene.gateway) is True
    return made[0].key


async def rotate_and_serve(scene: Scene, purpose: Purpose) -> Key:
    """Rotate the sandbox's key and move the clock to the moment when the new key becomes active."""
    key = await rotate(scene, purpose)
    scene.clock.advance(LEAD.total_seconds() + A_MOMENT)
    return key


async def published(portal: Portal, name: str) -> list[str]:
    """Return the ids of a profile's published keys."""
    answer = await portal.http.get(f"{portal.issuer}/{name}.json")
    members: list[dict[str, Any]] = answer.json()["keys"]
    assert all("d" not in member for member in members)
    return [member["kid"] for member in members]
