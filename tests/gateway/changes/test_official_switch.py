"""A switch on official: proposed by one, preflighted, approved by another over its exact diff, then one epoch."""

from dataclasses import replace

import pytest

from gateway.changes.lifecycle import approve_change
from gateway.errors.operators import PreflightFailed
from gateway.identifiers import Profile
from gateway.operators.model import Role, parse_name
from gateway.operators.use_cases import disable_operator
from tests.kit.operators import Desk, operator_behind, signed_in
from tests.kit.scene import Portal, Scene, outcome

OFFICIAL = Profile.OFFICIAL


async def test_two_people_take_a_change_through_every_state(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    change = await desk.propose(OFFICIAL)
    assert change["state"] == "proposed"
    assert (await desk.look(change))["checks"] is None
    found = await desk.preflight(change)
    assert [check["name"] for check in found["checks"] if not check["passed"]] == []
    assert found["state"] == "preflighted"
    assert (await desk.look(change))["checks"] == found["checks"]
    approved = desk.done(await desk.approve(change))
    assert (approved["state"], approved["approved_by"]) == ("approved", "dung.duyet")
    active = desk.done(await desk.act(desk.approver, change, "activate"))
    assert (active["state"], active["activated_by"]) == ("active", "dung.duyet")

    place = scene.gateway.places[OFFICIAL]
    assert place.client is not None
    assert (place.client.connection.revision, place.client.connection.deadline_ms) == (2, 4000)
    assert (await official.verify()).status_code == 201


async def test_the_diff_shows_what_changes_and_only_that_a_secret_does(desk: Desk) -> None:
    change = await desk.propose(OFFICIAL, c06_secret="another-secret-of-the-registry")
    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    assert lines["revision"] == (1, 2)
    assert lines["deadline_ms"] == (20_000, 4000)
    assert lines["c06_secret"] == ("(sealed)", "(sealed, another)")
    assert "another-secret-of-the-registry" not in str(change)


async def test_threat_12_nobody_approves_or_activates_their_own_proposal(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    own = {"diff_hash": (await desk.look(change))["diff_hash"]}
    assert outcome(await desk.act(desk.proposer, change, "approve", own)) == (403, "same_operator")
    desk.done(await desk.approve(change))
    assert outcome(await desk.act(desk.proposer, change, "activate")) == (403, "same_operator")
    client = scene.gateway.places[OFFICIAL].client
    assert client is not None
    assert client.connection.revision == 1


async def test_threat_12_another_proposer_viewer_or_admin_can_not_approve(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    seen = {"diff_hash": (await desk.look(change))["diff_hash"]}
    for name, role in (
        ("khac.de", Role.PROPOSER),
        ("chi.xem", Role.VIEWER),
        ("quan.tri", Role.ADMIN),
        ("bao.ve", Role.DATA_PROTECTION),
    ):
        other = await signed_in(scene, name, role)
        assert outcome(await desk.act(other, change, "approve", seen)) == (403, "role_missing")


async def test_threat_12_an_approver_can_not_propose_a_change(desk: Desk) -> None:
    body = {"kind": "resume_profile", "profile": "official"}
    assert outcome(await desk.approver.call("POST", "/changes", body)) == (403, "role_missing")


async def test_threat_12_a_diff_that_changed_since_is_not_approved(desk: Desk) -> None:
    first = await desk.propose(OFFICIAL)
    await desk.preflight(first)
    seen = {"diff_hash": (await desk.look(first))["diff_hash"]}
    await desk.switched(OFFICIAL, deadline_ms=3000)  # another change comes between
    assert outcome(await desk.act(desk.approver, first, "approve", seen)) == (409, "diff_changed")


async def test_threat_12_an_approved_diff_that_changed_since_is_not_activated(desk: Desk) -> None:
    first = await desk.ready(OFFICIAL)
    await desk.switched(OFFICIAL, deadline_ms=3000)
    assert outcome(await desk.act(desk.approver, first, "activate")) == (409, "diff_changed")


async def test_threat_12_a_change_is_approved_and_activated_once(desk: Desk) -> None:
    change = await desk.ready(OFFICIAL)
    assert outcome(await desk.approve(change)) == (409, "state_wrong")
    desk.done(await desk.act(desk.approver, change, "activate"))
    assert outcome(await desk.act(desk.approver, change, "activate")) == (409, "state_wrong")


async def test_threat_12_an_approval_for_one_profile_is_none_for_the_other(desk: Desk) -> None:
    official, sandbox = await desk.propose(OFFICIAL), await desk.propose(Profile.SANDBOX)
    await desk.preflight(official)
    await desk.preflight(sandbox)
    stolen = {"diff_hash": (await desk.look(sandbox))["diff_hash"]}
    assert outcome(await desk.act(desk.approver, official, "approve", stolen)) == (409, "diff_changed")


async def test_threat_12_a_disabled_operator_is_refused_at_the_next_act(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    seen = {"diff_hash": (await desk.look(change))["diff_hash"]}
    admin = await signed_in(scene, "quan.tri", Role.ADMIN)
    await disable_operator(scene.gateway, parse_name("dung.duyet"), by=await operator_behind(scene, admin))
    assert outcome(await desk.act(desk.approver, change, "approve", seen)) == (401, "token_invalid")


async def test_without_a_preflight_nothing_is_approved(desk: Desk) -> None:
    change = await desk.propose(OFFICIAL)
    assert outcome(await desk.approve(change)) == (422, "preflight_failed")


async def test_a_preflight_that_is_hours_old_allows_no_approval(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    seen = {"diff_hash": (await desk.look(change))["diff_hash"]}
    scene.clock.advance(2 * 3600)
    approver = await desk.approver.sign_in()
    assert outcome(await desk.act(approver, change, "approve", seen)) == (422, "preflight_failed")


async def test_a_preflight_of_a_clock_that_was_ahead_allows_no_approval_once_it_is_set_right(
    desk: Desk, scene: Scene
) -> None:
    approver = await operator_behind(scene, desk.approver)
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    seen = (await desk.look(change))["diff_hash"]
    scene.clock.advance(-360)
    with pytest.raises(PreflightFailed):
        await approve_change(scene.gateway, approver, change["id"], seen)


async def test_a_preflight_that_withdraws_an_approval_leaves_no_approver_on_the_change(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.ready(OFFICIAL)
    assert change["approved_by"] == "dung.duyet"
    await scene.fault("unavailable")
    found = await desk.preflight(change)
    assert (found["passed"], found["state"]) == (False, "proposed")
    after = await desk.look(change)
    assert (after["approved_by"], after["approved_at"]) == (None, None)


async def test_threat_10_a_failed_preflight_names_its_lines_and_stops_the_change(desk: Desk) -> None:
    change = await desk.propose(OFFICIAL, c06_secret="not-the-secret-that-was-issued")
    found = await desk.preflight(change)
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    assert "login" in failed
    assert (found["passed"], found["state"]) == (False, "proposed")
    refused = await desk.approve(change)
    assert outcome(refused) == (422, "preflight_failed")
    assert "login" in [error["field"] for error in refused.json()["errors"]]


async def test_threat_10_the_sandboxs_host_and_account_are_refused_for_official(desk: Desk) -> None:
    sandbox = desk.revision(Profile.SANDBOX)
    change = await desk.propose(OFFICIAL, registry_url=sandbox["registry_url"], c06_user=sandbox["c06_user"])
    found = await desk.preflight(change)
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    assert "not_the_other_profile" in failed
    assert outcome(await desk.approve(change)) == (422, "preflight_failed")


async def test_threat_10_a_former_or_proposed_credential_of_the_other_profile_is_not_sent(
    desk: Desk, scene: Scene
) -> None:
    account = scene.mock.register.find("dvctt-hanoi-official")
    assert account is not None
    scene.mock.register.put(replace(account, name="next", user="next", secret="of-the-next-year"))
    await desk.switched(OFFICIAL, c06_user="next", c06_secret="of-the-next-year")
    await desk.propose(OFFICIAL, c06_user="later", c06_secret="of-the-year-after")
    before = len(await scene.journal("test"))

    for secret in (account.secret, "of-the-next-year", "of-the-year-after"):
        found = await desk.preflight(await desk.propose(Profile.SANDBOX, c06_secret=secret))
        assert (found["passed"], found["checks"][0]["name"]) == (False, "not_the_other_profile")
        assert found["checks"][0]["detail"] == "the other profile has the same c06_secret"

    assert len(await scene.journal("test")) == before


async def test_a_mistaken_proposal_at_the_other_profile_does_not_block_a_resumption(desk: Desk) -> None:
    sandbox = desk.revision(Profile.SANDBOX)
    await desk.propose(OFFICIAL, c06_user=sandbox["c06_user"], c06_secret=sandbox["c06_secret"])
    desk.done(await desk.approver.call("POST", "/profiles/sandbox/suspend", {"reason": "a look"}))

    resumed = await desk.ask({"kind": "resume_profile", "profile": "sandbox"})

    assert (await desk.preflight(resumed))["passed"]


async def test_a_proposal_expires_after_a_day(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    scene.clock.advance(25 * 3600)
    await desk.proposer.sign_in()
    assert outcome(await desk.act(desk.proposer, change, "preflight")) == (409, "state_wrong")


async def test_a_rejected_change_is_ended_and_keeps_its_reason(desk: Desk) -> None:
    change = await desk.propose(OFFICIAL)
    rejected = desk.done(await desk.act(desk.approver, change, "reject", {"reason": "wrong agency"}))
    assert (rejected["state"], rejected["reason"]) == ("rejected", "wrong agency")
    for act in ("preflight", "reject"):
        assert outcome(await desk.act(desk.approver, change, act)) == (409, "state_wrong")


async def test_a_rehearsal_logs_in_and_its_result_does_not_count(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    found = desk.done(await desk.act(desk.proposer, change, "preflight", {"login_only": True}))
    assert (found["passed"], found["state"]) == (True, "proposed")
    assert len(await scene.journal("official")) == 1


async def test_every_question_of_a_preflight_is_in_the_audit(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(OFFICIAL)
    await desk.preflight(change)
    asked = await scene.journal("official")
    rows = [row for row in await scene.audit() if row["act"] == change["id"]]
    intended = {row["request_code"] for row in rows if row["kind"] == "intended"}
    assert intended == {entry["ma_yeu_cau"] for entry in asked}
    assert len(intended) == 5
    assert {row["actor"] for row in rows} == {"phuong.de"}


async def test_hosts_networks_and_authorities_are_no_members_of_a_revision(desk: Desk) -> None:
    for member, value in (
        ("hosts", ["registry.example"]),
        ("networks", ["0.0.0.0/0"]),
        ("ca_file", "authorities.pem"),
        ("authorities", "-----BEGIN CERTIFICATE-----"),
    ):
        answer = await desk.try_to_propose(OFFICIAL, **{member: value})
        assert outcome(answer) == (422, "request_invalid")


async def test_threat_16_a_revision_that_leads_to_the_metadata_address_is_not_proposed(desk: Desk) -> None:
    for url in (
        "http://169.254.169.254/",
        "http://10.0.0.1/c06",
        "http://user:mat-khau-lo@127.0.0.1:8110",
        "file:///etc",
    ):
        answer = await desk.try_to_propose(OFFICIAL, registry_url=url)
        assert outcome(answer) == (422, "request_invalid")
        assert "mat-khau-lo" not in answer.text


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
async def test_a_host_that_no_resolver_takes_is_not_proposed(desk: Desk, host: str) -> None:
    answer = await desk.try_to_propose(OFFICIAL, registry_url=f"https://{host}/c06")
    assert outcome(answer) == (422, "request_invalid")
    assert answer.json()["errors"][0]["field"] == "revision.registry_url"


@pytest.mark.parametrize("member", ["c06_user", "c06_secret", "agency", "officer"])
async def test_an_empty_member_counts_as_a_missing_one(desk: Desk, member: str) -> None:
    answer = await desk.try_to_propose(OFFICIAL, **{member: ""})
    assert outcome(answer) == (422, "request_invalid")
    assert answer.json()["errors"][0]["field"] == f"revision.{member}"


async def test_a_missing_member_is_named_by_its_path(desk: Desk) -> None:
    answer = await desk.try_to_propose(OFFICIAL, c06_secret=None)
    assert outcome(answer) == (422, "request_invalid")
    assert answer.json()["errors"][0]["field"] == "revision.c06_secret"
