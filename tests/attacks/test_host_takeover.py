"""Threat 48: access to the host does not give control of official. Once there are operators, each action
needs one or two of them.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import Account, AccountState
from gateway.accounts.use_cases import (
    add_officers,
    change_state,
    disable_officers,
    get_account,
    list_credentials,
    rotate_credential,
)
from gateway.errors.operators import RoleMissing, StateWrong
from gateway.errors.requests import TokenInvalid
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.operators.model import Role
from gateway.profiles.key_rotation import rotate_keys, rotate_master
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.operators import Office, open_office, signed_in
from tests.kit.scene import Portal, Scene, open_scene, outcome, settings_for

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX
NEW_OFFICER = {"kind": "officer", "id": "can.bo.02"}
Act = Callable[[Scene, Account], Awaitable[Any]]


async def rotate(scene: Scene, account: Account) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    await rotate_credential(scene.gateway.deps, scene.gateway.places[OFFICIAL], account, public_keys=[key])


async def name_officer(scene: Scene, account: Account) -> None:
    await add_officers(scene.gateway.deps, scene.gateway.places[OFFICIAL], account, ["can.bo.02"])


async def forbid_officer(scene: Scene, account: Account) -> None:
    await disable_officers(scene.gateway.deps, scene.gateway.places[OFFICIAL], account, ["can.bo.01"])


async def suspend(scene: Scene, account: Account) -> None:
    await change_state(scene.gateway.deps, account.client_id, AccountState.SUSPENDED)


async def resume(scene: Scene, account: Account) -> None:
    await change_state(scene.gateway.deps, account.client_id, AccountState.ACTIVE)


async def revoke(scene: Scene, account: Account) -> None:
    await change_state(scene.gateway.deps, account.client_id, AccountState.REVOKED)


async def rotate_token_key(scene: Scene, account: Account) -> None:
    await rotate_keys(scene.gateway, Purpose.TOKEN, [SANDBOX, account.profile])


async def end_receipt_key(scene: Scene, account: Account) -> None:
    kid = scene.gateway.places[OFFICIAL].keys.current(Purpose.RECEIPT).kid
    await rotate_keys(scene.gateway, Purpose.RECEIPT, [SANDBOX, account.profile], leaked=[kid])


async def rotate_master_key(scene: Scene, account: Account) -> None:
    del account
    await rotate_master(scene.gateway, given=b"n" * 32)


@pytest.fixture
async def official(scene: Scene) -> Portal:
    """An official portal that was made before there were operators."""
    return await scene.portal(OFFICIAL)


@pytest.fixture
async def account(scene: Scene, official: Portal) -> Account:
    return await get_account(scene.gateway.deps, official.client_id)


@pytest.fixture
async def office(scene: Scene, account: Account) -> Office:
    del account  # the portal must exist first
    return await open_office(scene)


async def thumbprints(scene: Scene, account: Account) -> int:
    return len(await list_credentials(scene.gateway.deps, account))


@pytest.mark.parametrize(
    ("act", "tried", "remedy"),
    [
        (rotate, "credential_rotated", "gateway accounts rotate CLIENT_ID --public-key FILE"),
        (name_officer, "officers_added", "gateway accounts officers add CLIENT_ID"),
        (forbid_officer, "officers_disabled", "gateway login NAME"),
        (resume, "account_active", "gateway accounts resume CLIENT_ID"),
        (revoke, "account_revoked", "gateway login NAME"),
        (rotate_token_key, "rotate_token_key", "gateway login NAME"),
        (end_receipt_key, "rotate_receipt_key", "gateway login NAME"),
        (rotate_master_key, "rotate_master_key", "gateway login NAME"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_threat_48_the_host_alone_can_change_nothing_on_official_once_there_are_operators(
    scene: Scene, office: Office, account: Account, official: Portal, act: Act, tried: str, remedy: str
) -> None:
    del office
    if act is resume:
        await suspend(scene, account)
    before = await get_account(scene.gateway.deps, account.client_id)
    keys = scene.gateway.places[OFFICIAL].keys

    with pytest.raises(StateWrong, match="there are operators") as refused:
        await act(scene, account)

    assert remedy in str(refused.value)
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"]) == ("refused", f"state_wrong:{tried}", "local")
    assert await get_account(scene.gateway.deps, account.client_id) == before
    assert scene.gateway.places[OFFICIAL].keys == keys
    if act is not resume:
        assert (await official.verify()).status_code == 201
        assert (await official.verify(initiated_by=NEW_OFFICER)).status_code == 403


@pytest.mark.parametrize(
    "act",
    [rotate, name_officer, forbid_officer, suspend, revoke, rotate_token_key, end_receipt_key],
    ids=lambda act: act.__name__,
)
async def test_the_host_acts_alone_before_there_are_operators(
    scene: Scene, account: Account, act: Act
) -> None:
    await act(scene, account)
    row = (await scene.audit())[-1]
    assert (row["kind"], row["actor"]) == ("local", "local")


async def test_the_host_alone_can_suspend_official_and_the_row_says_local(
    scene: Scene, office: Office, account: Account, official: Portal
) -> None:
    del office
    await suspend(scene, account)
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"]) == ("local", "account_suspended", "local")
    assert outcome(await official.verify()) == (403, "account_suspended")


async def test_the_host_may_still_change_sandbox_when_there_are_operators(
    scene: Scene, office: Office
) -> None:
    del office
    portal = await scene.portal()
    deps, place = scene.gateway.deps, scene.gateway.places[SANDBOX]
    account = await get_account(deps, portal.client_id)
    await rotate_credential(deps, place, account)
    await add_officers(deps, place, account, ["can.bo.02"])
    await rotate_keys(scene.gateway, Purpose.TOKEN, [SANDBOX])
    kid = place.keys.current(Purpose.RECEIPT).kid
    await rotate_keys(scene.gateway, Purpose.RECEIPT, [SANDBOX, OFFICIAL], leaked=[kid])
    for state in (AccountState.SUSPENDED, AccountState.ACTIVE, AccountState.REVOKED):
        await change_state(deps, account.client_id, state)
    assert (await scene.audit())[-1]["actor"] == "local"


@pytest.mark.parametrize("role", list(Role))
async def test_any_operator_except_a_viewer_can_disable_officers_and_revoke(
    scene: Scene, office: Office, account: Account, role: Role
) -> None:
    person = await office.operator(await signed_in(scene, "mai.vu", role))
    deps, place = scene.gateway.deps, scene.gateway.places[OFFICIAL]
    if role is Role.VIEWER:
        for work in (
            disable_officers(deps, place, account, ["can.bo.01"], by=person),
            change_state(deps, account.client_id, AccountState.REVOKED, by=person),
        ):
            with pytest.raises(RoleMissing):
                await work
            row = (await scene.audit())[-1]
            assert (row["kind"], row["actor"]) == ("refused", "mai.vu")
        return
    await disable_officers(deps, place, account, ["can.bo.01"], by=person)
    await change_state(deps, account.client_id, AccountState.REVOKED, by=person)
    rows = (await scene.audit())[-2:]
    assert [(row["kind"], row["outcome"], row["actor"]) for row in rows] == [
        ("operator", "officers_disabled", "mai.vu"),
        ("operator", "account_revoked", "mai.vu"),
    ]


async def test_threat_48_no_single_operator_can_resume_an_account_add_officers_or_replace_a_key(
    scene: Scene, office: Office, account: Account
) -> None:
    await suspend(scene, account)
    for person in (office.lan, office.minh, office.hoa):
        by = await office.operator(person)
        with pytest.raises(StateWrong, match="second person approves"):
            await change_state(scene.gateway.deps, account.client_id, AccountState.ACTIVE, by=by)


async def test_an_operator_who_was_disabled_in_the_meantime_can_not_revoke(
    scene: Scene, office: Office, account: Account
) -> None:
    by = await office.operator(office.hoa)
    await office.disable(office.hoa)
    with pytest.raises(TokenInvalid):
        await change_state(scene.gateway.deps, account.client_id, AccountState.REVOKED, by=by)
    assert (await get_account(scene.gateway.deps, account.client_id)).state is AccountState.ACTIVE


async def test_only_an_admin_can_rotate_the_keys_of_official_and_the_master_key(
    scene: Scene, office: Office
) -> None:
    for person in (office.minh, office.hoa):
        with pytest.raises(RoleMissing, match="admin"):
            await rotate_keys(scene.gateway, Purpose.TOKEN, [OFFICIAL], by=await office.operator(person))
    admin = await office.operator(office.lan)
    await rotate_keys(scene.gateway, Purpose.TOKEN, [OFFICIAL], by=admin)
    await rotate_master(scene.gateway, given=b"n" * 32, by=admin)
    rows = (await scene.audit())[-2:]
    assert {(row["kind"], row["actor"]) for row in rows} == {("operator", "lan.nguyen")}


async def test_replacing_a_key_of_an_official_account_needs_two_people(
    scene: Scene, office: Office, account: Account, official: Portal
) -> None:
    key = ECKey.generate_key("P-256")
    body = {
        "kind": "rotate_account",
        "client_id": account.client_id,
        "public_key": key.as_dict(private=False),
    }
    change = await office.desk.ask(body)
    assert change["profile"] == "official"
    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    assert official.key is not None
    assert lines["public_keys"] == ([official.key.thumbprint()], [key.thumbprint()])
    assert lines["client_id"] == (account.client_id, account.client_id)
    assert lines["organisation"][1] == account.organisation
    await office.desk.preflight(change)
    assert outcome(await office.desk.act(office.minh, change, "activate")) == (403, "same_operator")
    assert (await official.ask_token()).status_code == 200

    office.desk.done(await office.desk.approve(change))
    assert office.desk.done(await office.desk.act(office.hoa, change, "activate"))["state"] == "confirmed"
    assert (await official.ask_token()).status_code == 401
    official.key = key
    assert (await (await official.log_in()).verify()).status_code == 201
    again = await office.minh.call("POST", "/changes", body)
    assert outcome(again) == (409, "state_wrong")


async def test_two_people_add_officers_of_an_official_account_whose_names_are_never_shown(
    scene: Scene, office: Office, account: Account, official: Portal
) -> None:
    body = {
        "kind": "account_officers",
        "client_id": account.client_id,
        "officers": ["can.bo.02", "can.bo.01"],
    }
    done = await office.carry_out(body)
    lines = {line["member"]: (line["from"], line["to"]) for line in done["diff"]}
    assert lines["officers"] == (1, 2)
    assert len(lines["officers.new"][1]) == 1
    assert "can.bo" not in str(done)
    assert (await official.verify(initiated_by=NEW_OFFICER)).status_code == 201
    assert outcome(await office.minh.call("POST", "/changes", body)) == (409, "state_wrong")
    assert scene.gateway.places[OFFICIAL].keys is not None


async def test_two_people_resume_a_suspended_official_account_which_then_needs_new_tokens(
    scene: Scene, office: Office, account: Account, official: Portal
) -> None:
    body = {"kind": "resume_account", "client_id": account.client_id}
    assert outcome(await office.minh.call("POST", "/changes", body)) == (409, "state_wrong")
    await suspend(scene, account)
    done = await office.carry_out(body)
    assert {"member": "state", "from": "suspended", "to": "active"} in done["diff"]
    assert (await official.verify()).status_code == 401
    assert (await (await official.log_in()).verify()).status_code == 201


async def test_a_change_of_an_account_needs_an_official_account_and_all_its_members(
    scene: Scene, office: Office, account: Account
) -> None:
    sandbox = await scene.portal()
    key = ECKey.generate_key("P-256").as_dict(private=False)
    for body, field in (
        ({"kind": "resume_account", "client_id": sandbox.client_id}, "client_id"),
        ({"kind": "rotate_account", "client_id": sandbox.client_id, "public_key": key}, "client_id"),
        (
            {"kind": "rotate_account", "client_id": account.client_id, "public_key": {"kty": "oct"}},
            "public_key",
        ),
        ({"kind": "account_officers", "client_id": account.client_id, "officers": []}, "officers"),
        ({"kind": "account_officers", "client_id": account.client_id}, None),
        ({"kind": "resume_account", "client_id": account.client_id, "profile": "official"}, None),
    ):
        refused = await office.minh.call("POST", "/changes", body)
        assert outcome(refused) == (422, "request_invalid")
        if field is not None:
            assert refused.json()["errors"][0]["field"] == field


async def test_an_approved_change_of_an_account_revoked_in_the_meantime_is_refused(
    scene: Scene, office: Office, account: Account
) -> None:
    await suspend(scene, account)
    change = await office.desk.ask({"kind": "resume_account", "client_id": account.client_id})
    await office.desk.preflight(change)
    office.desk.done(await office.desk.approve(change))
    by = await office.operator(office.lan)
    await change_state(scene.gateway.deps, account.client_id, AccountState.REVOKED, by=by)

    assert outcome(await office.desk.act(office.hoa, change, "activate")) == (409, "state_wrong")
    assert outcome(await office.desk.act(office.minh, change, "preflight")) == (409, "state_wrong")


async def test_threat_55_the_hosts_settings_may_narrow_the_official_limits_but_not_widen_them(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    """An official registry beyond this machine: an official on this machine only counts as a rehearsal."""
    out = {"networks": ("127.0.0.0/8", "10.0.0.0/8"), "budget_subject_day": 2}
    wide = dict.fromkeys(("reuse_seconds", "budget_account_hour", "budget_confirmed_hour"), 10**9)
    for networks, hour in ((out, 5_000), ({}, 10**9)):
        settings = settings_for(database_url, mock, official=wide | networks)
        async with open_scene(settings, mock, clock) as scene:
            policy = scene.gateway.places[Profile.OFFICIAL].policy
        assert policy.budget_confirmed_hour == hour
        if networks:
            assert (policy.reuse_seconds, policy.budget_account_hour) == (1800, 30)
            assert policy.budget_subject_day == 2
