"""Rotations as a test makes them: by the use case, followed at once, the clock moved by hand."""

from collections.abc import Sequence
from typing import Any

from gateway.keys.model import Key, Purpose
from gateway.places import Profile
from gateway.profiles.epochs import refresh
from gateway.profiles.key_rotation import LEAD, rotate_keys
from tests.gateway.scene import Portal, Scene

A_MOMENT = 1.0


async def rotate(scene: Scene, purpose: Purpose, *, leaked: Sequence[str] = ()) -> Key:
    """Rotate the sandbox's key, let the scene's worker follow, and return the coming key."""
    made = await rotate_keys(scene.gateway, purpose, [Profile.SANDBOX], leaked=leaked)
    assert await refresh(scene.gateway) is True
    return made[0].key


async def rotate_and_serve(scene: Scene, purpose: Purpose) -> Key:
    """Rotate the sandbox's key and move the clock to where the new one serves."""
    key = await rotate(scene, purpose)
    scene.clock.advance(LEAD.total_seconds() + A_MOMENT)
    return key


async def published(portal: Portal, name: str) -> list[str]:
    """Return the ids of a place's published keys, as anybody gets them."""
    answer = await portal.http.get(f"{portal.issuer}/{name}.json")
    members: list[dict[str, Any]] = answer.json()["keys"]
    assert all("d" not in member for member in members)
    return [member["kid"] for member in members]
