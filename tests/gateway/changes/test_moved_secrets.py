"""A sealed secret that was moved to another row can't be unsealed: the refusal says so, and another revision still can be activated."""

import sqlalchemy as sa

from gateway.changes.watch import check_watched
from gateway.identifiers import Profile
from tests.gateway.changes.test_watch import active, ask, fault
from tests.kit.operators import Desk
from tests.kit.scene import Portal, Scene, outcome

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX
MOVE = (
    "UPDATE revision_secrets SET sealed = (SELECT sealed FROM revision_secrets"
    " WHERE profile = 'sandbox' AND number = 1) WHERE profile = 'official' AND number = {}"
)


async def move(scene: Scene, *, to: int) -> None:
    """Put the sandbox's sealed secret into a revision of official."""
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(sa.text(MOVE.format(to)))


async def test_a_change_whose_secret_was_moved_is_refused_and_nothing_is_asked(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.ready(OFFICIAL)
    before = len(await scene.journal("official"))
    await move(scene, to=2)

    for act in ("preflight", "activate"):
        refused = await desk.act(desk.approver, change, act)
        assert outcome(refused) == (409, "state_wrong")

    assert len(await scene.journal("official")) == before
    assert active(scene, OFFICIAL) == 1


async def test_where_the_active_secret_was_moved_another_revision_can_still_be_activated(
    desk: Desk, scene: Scene
) -> None:
    await move(scene, to=1)

    change = await desk.switched(OFFICIAL)

    assert change["state"] == "active"
    assert {"member": "c06_secret", "from": "(sealed)", "to": "(sealed, another)"} in change["diff"]
    assert active(scene, OFFICIAL) == 2


async def test_a_rollback_to_a_revision_whose_secret_was_moved_is_refused(desk: Desk, scene: Scene) -> None:
    change = await desk.switched(OFFICIAL)
    await move(scene, to=1)

    assert outcome(await desk.act(desk.approver, change, "rollback")) == (409, "state_wrong")

    assert active(scene, OFFICIAL) == 2


async def test_threat_14_where_the_formers_secret_was_moved_the_profile_is_suspended(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    change = await desk.switched(OFFICIAL)
    await move(scene, to=1)
    await fault(scene, kind="unauthorised_once", operation="XacThucThongTinCongDan", times=2)
    await ask(official, 2)

    await check_watched(scene.gateway, scene.preflight_network)

    ended = await desk.look(change)
    assert "can't be tried" in ended["reason"]
    assert scene.gateway.places[OFFICIAL].suspension is not None
