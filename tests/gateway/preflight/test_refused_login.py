"""C06 suspends or revokes an account in use: what callers get, what C06 gets, what the state shows."""

from typing import Any

import pytest

from gateway.identifiers import Profile
from gateway.operators.model import Role
from tests.kit.operators import signed_in
from tests.kit.scene import Portal, Scene

NAME = "dvctt-hanoi-official"


@pytest.fixture
async def official(scene: Scene) -> Portal:
    portal = await scene.portal(Profile.OFFICIAL)
    assert (await portal.verify()).status_code == 201
    return portal


async def decide(scene: Scene, status: str) -> None:
    """Let the desk move the account on."""
    answer = await scene.control.patch(f"/accounts/{NAME}", json={"status": status})
    assert answer.status_code == 200, answer.text


async def readiness(scene: Scene) -> tuple[str, str, Any]:
    """Each profile's state, and the warning about official's credentials."""
    answer = (await scene.http.get("/readyz")).json()
    states = answer["profiles"]
    return states["sandbox"], states["official"], answer["credential_warnings"]["official"]


@pytest.mark.parametrize("status", ["suspended", "revoked"])
async def test_an_account_that_c06_ended_is_reported_and_not_tried_again_and_again(
    scene: Scene, official: Portal, status: str
) -> None:
    assert await readiness(scene) == ("ready", "ready", None)
    asked = len(await scene.journal("official"))
    await decide(scene, status)
    for number in range(8):
        answer = await official.verify(fresh=True, dossier=f"HN-{number}")
        assert (answer.status_code, answer.json()["code"]) == (502, "registry_credentials_rejected")
    assert len(await scene.journal("official")) == asked + 3

    sandbox, state, warning = await readiness(scene)
    assert (sandbox, state) == ("ready", "degraded")
    assert warning.startswith("the registry refuses the login: ask C06")
    viewer = await signed_in(scene, "chi.xem", Role.VIEWER)
    shown = (await viewer.call("GET", "/profiles")).json()["profiles"]
    assert [profile["warning"] for profile in shown] == [None, warning]


async def test_an_account_that_c06_restores_is_ready_from_its_next_answer(
    scene: Scene, official: Portal
) -> None:
    await decide(scene, "suspended")
    assert (await official.verify(fresh=True)).status_code == 502
    assert (await readiness(scene))[1] == "degraded"
    await decide(scene, "active")
    assert (await readiness(scene))[1] == "degraded"
    assert (await official.verify(fresh=True)).status_code == 201
    assert await readiness(scene) == ("ready", "ready", None)


@pytest.mark.parametrize(
    ("skew", "told"), [(600.4, "its clock is 600 s ahead of"), (-599.6, "its clock is 600 s behind")]
)
async def test_readyz_says_how_wrong_the_clock_is_that_the_registry_refuses_the_login_for(
    scene: Scene, official: Portal, skew: float, told: str
) -> None:
    await decide(scene, "suspended")
    assert (await official.verify(fresh=True)).status_code == 502
    registry = scene.gateway.places[Profile.OFFICIAL].client
    assert registry is not None
    registry.clock_skew = skew  # test_login_lockout shows that a refusal's Date sets it; this mock sends none

    warning = (await readiness(scene))[2]

    assert warning == f"the registry refuses the login: {told} this machine's: set the clock by NTP"
