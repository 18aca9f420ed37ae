"""What an operator is refused leaves an audit row: who, what, why; the refused act itself leaves nothing."""

from gateway.identifiers import Profile
from gateway.operators.model import Role
from tests.kit.operators import Desk, signed_in
from tests.kit.scene import Scene, outcome

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX


async def refused(scene: Scene) -> list[tuple[str, str | None, str, str]]:
    """Return act, profile, actor and outcome of every refusal in evidence."""
    return [
        (row["act"], row.get("profile"), row["actor"], row["outcome"])
        for row in await scene.audit()
        if row["kind"] == "refused"
    ]


async def test_threat_12_each_refused_act_on_a_change_is_in_evidence(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    nothing = {"diff_hash": "0" * 64}
    assert outcome(await desk.act(desk.proposer, change, "approve", nothing)) == (403, "same_operator")
    assert outcome(await desk.act(desk.approver, change, "approve", nothing)) == (422, "preflight_failed")
    await desk.preflight(change)
    assert outcome(await desk.act(desk.approver, change, "approve", nothing)) == (409, "diff_changed")
    assert outcome(await desk.act(desk.approver, change, "activate")) == (409, "state_wrong")
    viewer = await signed_in(scene, "hoa.xem", Role.VIEWER)
    for act in ("preflight", "reject", "rollback"):
        assert outcome(await desk.act(viewer, change, act)) == (403, "role_missing")
    place = (change["id"], "official")
    assert await refused(scene) == [
        (*place, "phuong.de", "same_operator:approve"),
        (*place, "dung.duyet", "preflight_failed:approve"),
        (*place, "dung.duyet", "diff_changed:approve"),
        (*place, "dung.duyet", "state_wrong:activate"),
        (*place, "hoa.xem", "role_missing:preflight"),
        (*place, "hoa.xem", "role_missing:reject"),
        (*place, "hoa.xem", "role_missing:rollback"),
    ]


async def test_a_refused_proposal_or_suspension_is_in_evidence(desk: Desk, scene: Scene) -> None:
    answer = await desk.approver.call("POST", "/changes", {"kind": "resume_profile", "profile": "sandbox"})
    assert outcome(answer) == (403, "role_missing")
    assert answer.json()["errors"][0] == {
        "field": "role",
        "code": "role_missing",
        "detail": "needs the role proposer",
        "detail_vi": "cần vai trò proposer",
    }
    assert outcome(await desk.proposer.call("POST", "/profiles/official/suspend")) == (403, "role_missing")
    assert [row[1:] for row in await refused(scene)] == [
        ("sandbox", "dung.duyet", "role_missing:propose:resume_profile"),
        ("official", "phuong.de", "role_missing:suspend"),
    ]
    assert scene.gateway.places[OFFICIAL].suspension is None
