"""Changes of the policy, of a suspension, of operators and of accounts."""

from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.app import open_gateway
from gateway.changes.lifecycle import suspend_profile
from gateway.clock import today
from gateway.errors.requests import TokenInvalid
from gateway.identifiers import Profile
from gateway.operators.model import Role
from gateway.operators.use_cases import disable_operator
from gateway.profiles.state import describe_profile
from tests.kit.operators import Desk, operator_behind, signed_in
from tests.kit.scene import Portal, Scene, outcome

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX


async def test_on_sandbox_a_proposer_activates_a_change_that_passed(desk: Desk, scene: Scene) -> None:
    change = await desk.propose(SANDBOX)
    assert outcome(await desk.act(desk.proposer, change, "activate")) == (422, "preflight_failed")
    await desk.preflight(change)
    active = desk.done(await desk.act(desk.proposer, change, "activate"))
    assert (active["state"], active["approved_by"]) == ("active", None)
    client = scene.gateway.places[SANDBOX].client
    assert client is not None
    assert client.connection.revision == 2


async def test_on_sandbox_a_change_may_be_approved_too(desk: Desk) -> None:
    change = await desk.propose(SANDBOX)
    await desk.preflight(change)
    assert desk.done(await desk.approve(change))["state"] == "approved"
    assert desk.done(await desk.act(desk.proposer, change, "activate"))["state"] == "active"


async def test_a_viewer_sees_everything_and_changes_nothing(desk: Desk, scene: Scene) -> None:
    viewer = await signed_in(scene, "chi.xem", Role.VIEWER)
    change = await desk.propose(SANDBOX)
    assert (await viewer.call("GET", "/profiles")).status_code == 200
    assert (await viewer.call("GET", "/changes")).json()["changes"][0]["id"] == change["id"]
    assert (await viewer.call("GET", "/profiles/sandbox/revisions")).status_code == 200
    for act in ("preflight", "activate", "reject", "rollback"):
        assert outcome(await desk.act(viewer, change, act)) == (403, "role_missing")
    assert outcome(await viewer.call("POST", "/profiles/sandbox/suspend")) == (403, "role_missing")


async def test_revisions_are_listed_with_their_secrets_sealed(desk: Desk) -> None:
    await desk.switched(SANDBOX, expires_on="2099-01-31")
    found = desk.done(await desk.proposer.call("GET", "/profiles/sandbox/revisions"))["revisions"]
    assert [(each["number"], each["state"]) for each in found] == [(1, "former"), (2, "active")]
    assert found[1]["members"]["c06_secret"] == "(sealed)"
    assert found[1]["days_left"] > 365
    secret = desk.revision(SANDBOX)["c06_secret"]
    assert secret not in str(found)


async def test_account_reuse_on_official_needs_its_legal_basis(desk: Desk, scene: Scene) -> None:
    body = {"kind": "set_policy", "profile": "official", "policy": {"reuse": "account"}}
    refused = await desk.proposer.call("POST", "/changes", body)
    assert outcome(refused) == (422, "request_invalid")
    assert refused.json()["errors"][0]["field"] == "policy.legal_basis"
    body["policy"] = {"reuse": "account", "legal_basis": "    "}
    assert outcome(await desk.proposer.call("POST", "/changes", body)) == (422, "request_invalid")

    body["policy"] = {"reuse": "account", "legal_basis": "NĐ 69/2024 Đ19 k4, văn bản đồng ý số 1"}
    change = await desk.ask(body)
    await desk.preflight(change)
    assert outcome(await desk.act(desk.proposer, change, "activate")) == (403, "same_operator")
    desk.done(await desk.approve(change))
    done = desk.done(await desk.act(desk.approver, change, "activate"))
    assert done["state"] == "confirmed"
    policy = scene.gateway.places[OFFICIAL].policy
    assert (policy.reuse, policy.legal_basis) == ("account", "NĐ 69/2024 Đ19 k4, văn bản đồng ý số 1")


WRONG_CHANGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no legal basis": (
        {"kind": "set_policy", "profile": "official", "policy": {"reuse": "account"}},
        "policy.legal_basis",
        "reuse across dossiers on official needs its legal basis",
    ),
    "a short legal basis": (
        {"kind": "set_policy", "profile": "official", "policy": {"reuse": "account", "legal_basis": "x"}},
        "policy.legal_basis",
        "at least 3 characters",
    ),
    "no reason": (
        {"kind": "set_policy", "profile": "sandbox", "policy": {"budgets": {"confirmed_hour": 7}}},
        "policy.reason",
        "a change of the budgets of answered enquiries needs a reason",
    ),
}


@pytest.mark.parametrize(("change", "field", "detail"), WRONG_CHANGES.values(), ids=WRONG_CHANGES.keys())
async def test_a_wrong_member_of_a_change_has_a_problems_code_and_words_in_both_languages(
    desk: Desk, change: dict[str, Any], field: str, detail: str
) -> None:
    (error,) = (await desk.proposer.call("POST", "/changes", change)).json()["errors"]

    assert (error["field"], error["code"], error["detail"]) == (field, "request_invalid", detail)
    assert error["detail_vi"] not in {"Lỗi hệ thống", "Yêu cầu không hợp lệ"}


async def test_a_revision_with_a_wrong_or_missing_member_names_it_with_a_problems_code(desk: Desk) -> None:
    for members, field in (
        ({"registry_url": "http://8.8.8.8/"}, "revision.registry_url"),
        ({"agency": None}, "revision.agency"),
    ):
        revision = desk.revision(SANDBOX) | members
        body = {"kind": "activate_revision", "profile": "sandbox", "revision": revision}
        (error,) = (await desk.proposer.call("POST", "/changes", body)).json()["errors"]

        assert (error["field"], error["code"]) == (field, "request_invalid")
        assert error["detail_vi"] not in {"Lỗi hệ thống", "Yêu cầu không hợp lệ"}


async def test_a_policy_is_in_force_at_once_and_shown_in_me(desk: Desk, portal: Portal) -> None:
    change = await desk.ask(
        {
            "kind": "set_policy",
            "profile": "sandbox",
            "policy": {"reuse_seconds": 60, "budgets": {"account_hour": 7}, "watch": {"seconds": 5}},
        }
    )
    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    assert lines["reuse_seconds"] == (1800, 60)
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))
    me = (await portal.call("GET", "/me")).json()
    assert me["policy"]["reuse_seconds"] == 60
    assert me["budgets"]["account_hour"]["limit"] == 7


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "resume_profile", "profile": "official"},
        {"kind": "set_policy", "profile": "sandbox", "policy": {}},
        {"kind": "set_policy", "profile": "sandbox", "policy": {"reuse": "account"}},
        {"kind": "operator", "name": "phuong.de", "role": "proposer"},
    ],
)
async def test_a_proposal_that_would_change_nothing_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    refused = await desk.proposer.call("POST", "/changes", body)
    assert outcome(refused) == (409, "state_wrong")
    assert desk.done(await desk.proposer.call("GET", "/changes"))["changes"] == []


async def test_one_person_suspends_and_two_resume_official(
    desk: Desk, scene: Scene, official: Portal
) -> None:
    assert outcome(await desk.proposer.call("POST", "/profiles/official/suspend")) == (403, "role_missing")
    shown = desk.done(
        await desk.approver.call("POST", "/profiles/official/suspend", {"reason": "C06 asked for it"})
    )
    assert (shown["state"], shown["reason"]) == ("suspended", "C06 asked for it")
    assert outcome(await official.verify()) == (503, "profile_suspended")

    change = await desk.ask({"kind": "resume_profile", "profile": "official"})
    assert outcome(await desk.act(desk.approver, change, "activate")) == (422, "preflight_failed")
    await desk.preflight(change)
    assert outcome(await desk.act(desk.approver, change, "activate")) == (409, "state_wrong")
    desk.done(await desk.approve(change))
    desk.done(await desk.act(desk.approver, change, "activate"))
    assert (await official.verify()).status_code == 201


async def test_an_operator_who_was_disabled_meanwhile_can_not_suspend(
    desk: Desk, scene: Scene, portal: Portal
) -> None:
    late = await operator_behind(scene, desk.approver)
    admin = await signed_in(scene, "quan.tri", Role.ADMIN)
    await disable_operator(scene.gateway, late.name, by=await operator_behind(scene, admin))
    with pytest.raises(TokenInvalid):
        await suspend_profile(scene.gateway, late, Profile.SANDBOX, None)
    assert (await portal.verify()).status_code == 201


async def test_a_suspended_profile_refuses_a_prefill_for_a_live_receipt(
    desk: Desk, scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    desk.done(await desk.approver.call("POST", "/profiles/sandbox/suspend"))
    asked = len(await scene.journal())
    assert outcome(await portal.prefill(receipt, ["full_name"])) == (503, "profile_suspended")
    assert outcome(await portal.verify()) == (503, "profile_suspended")
    assert len(await scene.journal()) == asked


async def test_a_suspended_profile_is_not_resumed_by_a_switch(desk: Desk, scene: Scene) -> None:
    desk.done(await desk.approver.call("POST", "/profiles/sandbox/suspend"))
    again = await desk.approver.call("POST", "/profiles/sandbox/suspend")
    assert outcome(again) == (409, "state_wrong")
    await desk.switched(SANDBOX)
    portal = await scene.portal()
    assert outcome(await portal.verify()) == (503, "profile_suspended")


async def test_an_operators_new_role_is_a_change_of_two_people(desk: Desk, scene: Scene) -> None:
    change = await desk.ask({"kind": "operator", "name": "moi.vao", "role": "approver"})
    await desk.preflight(change)
    assert outcome(await desk.act(desk.proposer, change, "activate")) == (403, "same_operator")
    desk.done(await desk.approve(change))
    done = desk.done(await desk.act(desk.approver, change, "activate"))
    assert done["shown_once"]["one_time_code"].startswith("otc_")
    assert "shown_once" not in await desk.look(change)
    names = [each["name"] for each in desk.done(await desk.proposer.call("GET", "/operators"))["operators"]]
    assert "moi.vao" in names

    await signed_in(scene, "chi.xem", Role.VIEWER)
    raised = await desk.ask({"kind": "operator", "name": "chi.xem", "role": "proposer"})
    assert raised["diff"] == [{"member": "operator.chi.xem", "from": "viewer", "to": "proposer"}]


async def test_threat_42_the_last_admins_other_role_fails_its_preflight(desk: Desk, scene: Scene) -> None:
    await signed_in(scene, "lan.admin", Role.ADMIN)
    change = await desk.ask({"kind": "operator", "name": "lan.admin", "role": "viewer"})
    found = await desk.preflight(change)
    assert not found["passed"]
    assert found["checks"][0]["detail"] == "lan.admin is the last active admin: create another first"
    assert outcome(await desk.approve(change)) == (422, "preflight_failed")
    await signed_in(scene, "mai.admin", Role.ADMIN)
    assert (await desk.preflight(change))["passed"]


async def test_a_command_also_shows_that_credentials_have_ended(desk: Desk, scene: Scene) -> None:
    await desk.switched(SANDBOX, expires_on=today(scene.clock).isoformat())
    async with open_gateway(scene.settings, clock=scene.clock) as command:
        assert (await describe_profile(command, SANDBOX))["state"] == "ready"
        scene.clock.advance(2 * 86_400)
        assert (await describe_profile(command, SANDBOX))["state"] == "degraded"


async def test_a_promotion_makes_a_new_account_at_official(desk: Desk, scene: Scene, portal: Portal) -> None:
    key = ECKey.generate_key("P-256")
    change = await desk.ask(
        {
            "kind": "promote_account",
            "client_id": portal.client_id,
            "public_key": key.as_dict(private=False),
            "officers": ["can.bo.01"],
        }
    )
    assert change["profile"] == "official"
    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    assert lines["dpop_required"] == (False, True)
    assert lines["public_keys"] == (None, [key.thumbprint()])
    assert "can.bo.01" not in str(change)
    await desk.preflight(change)
    desk.done(await desk.approve(change))
    made = desk.done(await desk.act(desk.approver, change, "activate"))["shown_once"]

    official = Portal(
        http=scene.http, clock=scene.clock, client_id=made["client_id"], issuer=made["issuer"], key=key
    )
    await official.log_in()
    assert official.token_type == "DPoP"
    answer = await official.verify(initiated_by={"kind": "officer", "id": "can.bo.01"})
    assert (answer.status_code, answer.json()["profile"]) == (201, "official")
    assert (await portal.verify()).json()["profile"] == "sandbox"


async def test_an_officer_named_twice_is_kept_once(desk: Desk, scene: Scene, portal: Portal) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    change = await desk.ask(
        {
            "kind": "promote_account",
            "client_id": portal.client_id,
            "public_key": key,
            "officers": ["can.bo.01", "can.bo.01"],
        }
    )
    assert {line["member"]: line["to"] for line in change["diff"]}["officers"] == 1
    await desk.preflight(change)
    desk.done(await desk.approve(change))
    assert desk.done(await desk.act(desk.approver, change, "activate"))["state"] == "confirmed"


@pytest.mark.parametrize("reason", ["\x00", "dừng\x1b[31m", "\u202edừng", "vì 001090000123", "x" * 401])
async def test_a_reason_is_one_printable_line_without_control_characters(desk: Desk, reason: str) -> None:
    change = await desk.propose(SANDBOX)
    answer = await desk.act(desk.approver, change, "reject", {"reason": reason})
    assert outcome(answer) == (422, "request_invalid")
    suspension = await desk.approver.call("POST", "/profiles/sandbox/suspend", {"reason": reason})
    assert outcome(suspension) == (422, "request_invalid")


async def test_a_suspended_sandbox_account_is_not_promoted(desk: Desk, scene: Scene, portal: Portal) -> None:
    await change_state(scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)
    key = ECKey.generate_key("P-256").as_dict(private=False)
    body = {"kind": "promote_account", "client_id": portal.client_id, "public_key": key}
    assert outcome(await desk.proposer.call("POST", "/changes", body)) == (409, "state_wrong")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"scopes": ["verify", "audit.read"]}, "scopes"),
        (
            {
                "authorization_details": [
                    {
                        "type": "citizen_enquiry",
                        "procedures": ["*"],
                        "subject_roles": ["*"],
                        "fields": ["religion"],
                    }
                ]
            },
            "authorization_details.0",
        ),
        ({"public_key": {"kty": "oct", "k": "c2VjcmV0"}}, "public_key"),
        ({"client_id": "acc_" + "a" * 25}, "client_id"),
        ({"officers": ["can.bo.01", "Cán bộ 2"]}, "officers.1"),
    ],
)
async def test_a_promotion_never_allows_more_than_the_sandbox_account(
    desk: Desk, portal: Portal, members: dict[str, object], field: str
) -> None:
    body = {
        "kind": "promote_account",
        "client_id": portal.client_id,
        "public_key": ECKey.generate_key("P-256").as_dict(private=False),
    } | members
    refused = await desk.proposer.call("POST", "/changes", body)
    assert outcome(refused) == (422, "request_invalid")
    assert refused.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "activate_revision", "profile": "sandbox"},
        {"kind": "resume_profile", "profile": "sandbox", "name": "an"},
        {"kind": "operator", "name": "an", "role": "king"},
        {"kind": "operator", "name": "local", "role": "viewer"},
        {"kind": "operator", "name": "an001090000123", "role": "viewer"},
        {"kind": "nothing", "profile": "sandbox"},
        {"kind": "set_policy", "profile": "elsewhere", "policy": {}},
    ],
)
async def test_a_proposal_with_other_members_than_its_kinds_is_refused(
    desk: Desk, body: dict[str, object]
) -> None:
    assert outcome(await desk.proposer.call("POST", "/changes", body)) == (422, "request_invalid")


async def test_without_a_token_no_route_of_operators_answers(scene: Scene) -> None:
    for method, path in (("GET", "/changes"), ("POST", "/changes"), ("GET", "/profiles")):
        answer = await scene.http.request(method, f"/ops/v1{path}", json={})
        assert outcome(answer) == (401, "token_missing")
