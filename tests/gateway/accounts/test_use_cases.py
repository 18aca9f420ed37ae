"""Organisations, accounts, credentials and officers: what each act does, refuses and records in the audit."""

import asyncio
from functools import partial
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import Account, AccountState, make_grant
from gateway.accounts.use_cases import (
    SECRET_OVERLAP,
    add_officers,
    add_organisation,
    change_rights,
    change_state,
    create_account,
    disable_officers,
    get_account,
    list_credentials,
    rotate_credential,
)
from gateway.errors import GatewayError
from gateway.errors.operators import AlreadyExists, StateWrong, Unknown
from gateway.identifiers import Profile
from gateway.operators.model import Role
from gateway.profiles.model import Place
from tests.kit.operators import invite
from tests.kit.scene import AGENCY, Portal, Scene

OFFICER = {"kind": "officer", "id": "can.bo.02"}


def _sandbox(scene: Scene) -> Place:
    return scene.gateway.places[Profile.SANDBOX]


def _new(**members: Any) -> dict[str, Any]:
    return {
        "name": "a portal",
        "organisation": AGENCY,
        "scopes": frozenset({"verify"}),
        "grants": make_grant(["*"], ["*"], ["*"]),
        **members,
    }


async def _account(scene: Scene, portal: Portal) -> Account:
    return await get_account(scene.gateway.deps, portal.client_id)


async def _try_secret(portal: Portal, secret: str | None) -> int:
    answer: httpx.Response = await portal.http.post(
        f"{portal.issuer}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(portal.client_id, str(secret)),
    )
    return answer.status_code


async def _last_row(scene: Scene) -> dict[str, Any]:
    return (await scene.audit())[-1]


async def test_every_act_leaves_a_local_audit_row(scene: Scene) -> None:
    deps, place = scene.gateway.deps, _sandbox(scene)
    made = await create_account(deps, place, **_new())
    account = await get_account(deps, made.client_id)
    await rotate_credential(deps, place, account)
    await add_officers(deps, place, account, ["can.bo.01"])
    await disable_officers(deps, place, account, ["can.bo.01"])
    for state in (AccountState.SUSPENDED, AccountState.ACTIVE, AccountState.REVOKED):
        await change_state(deps, account.client_id, state)

    acts = [row for row in await scene.audit() if row["kind"] == "local"]
    rows = [row for row in acts if not row["outcome"].startswith("revision_")]

    assert [row["outcome"] for row in rows] == [
        "organisation_added",
        "account_created",
        "credential_rotated",
        "officers_added",
        "officers_disabled",
        "account_suspended",
        "account_active",
        "account_revoked",
    ]
    assert {row["actor"] for row in rows} == {"local"}
    assert {row["client_id"] for row in rows[1:]} == {account.client_id}
    assert {row["organisation"] for row in rows} == {AGENCY}


async def test_an_organisation_is_added_only_once(scene: Scene) -> None:
    with pytest.raises(AlreadyExists, match=AGENCY):
        await add_organisation(scene.gateway.deps, AGENCY, "another name")


async def test_an_organisation_that_two_people_add_at_once_is_added_once_and_refused_once(
    scene: Scene,
) -> None:
    add = partial(add_organisation, scene.gateway.deps, "000.00.02.H26", "UBND thành phố Huế")
    one, other = await asyncio.gather(add(), add(), return_exceptions=True)
    assert sorted((type(one).__name__, type(other).__name__)) == ["AlreadyExists", "Organisation"]


async def test_an_account_of_an_unknown_organisation_is_refused(scene: Scene) -> None:
    with pytest.raises(Unknown, match="organisations add"):
        await create_account(scene.gateway.deps, _sandbox(scene), **_new(organisation="000.00.99.H99"))


async def test_an_official_account_without_a_public_key_is_refused(scene: Scene) -> None:
    place = scene.gateway.places[Profile.OFFICIAL]

    with pytest.raises(StateWrong, match="public-key"):
        await create_account(scene.gateway.deps, place, **_new())


async def test_a_sandbox_account_may_use_bearer_and_an_official_one_not(scene: Scene) -> None:
    sandbox, official = await scene.portal(), await scene.portal(Profile.OFFICIAL)

    assert (await _account(scene, sandbox)).bearer_allowed
    assert not (await _account(scene, official)).bearer_allowed


async def test_rights_that_were_narrowed_meanwhile_are_not_given_back(scene: Scene, portal: Portal) -> None:
    """A command adds to the grants that it has read: those may have been replaced since."""
    deps, read = scene.gateway.deps, await _account(scene, portal)
    narrow = make_grant(["ket-hon"], ["*"], ["full_name"])
    await change_rights(deps, read, grants=narrow, scopes=read.scopes)

    with pytest.raises(StateWrong, match="was changed by someone else just now"):
        await change_rights(deps, read, grants=read.grants, scopes=["verify"])

    assert (await _account(scene, portal)).grants == narrow


async def test_after_a_rotation_two_secrets_work_for_a_while(scene: Scene, portal: Portal) -> None:
    issued = await rotate_credential(scene.gateway.deps, _sandbox(scene), await _account(scene, portal))

    assert [await _try_secret(portal, secret) for secret in (portal.secret, issued.client_secret)] == [
        200,
        200,
    ]
    scene.clock.advance(SECRET_OVERLAP.total_seconds() + 1)
    assert [await _try_secret(portal, secret) for secret in (portal.secret, issued.client_secret)] == [
        401,
        200,
    ]


async def test_never_more_than_two_secrets_work_at_once(scene: Scene, portal: Portal) -> None:
    account = await _account(scene, portal)
    issued = [await rotate_credential(scene.gateway.deps, _sandbox(scene), account) for _ in range(2)]

    secrets = [portal.secret, *(credential.client_secret for credential in issued)]
    assert [await _try_secret(portal, secret) for secret in secrets] == [401, 200, 200]


async def test_a_rotation_does_not_end_live_tokens(scene: Scene, portal: Portal) -> None:
    await rotate_credential(scene.gateway.deps, _sandbox(scene), await _account(scene, portal))

    assert (await portal.call("GET", "/me")).status_code == 200


async def test_a_retired_public_key_never_comes_back(scene: Scene) -> None:
    deps, first = scene.gateway.deps, ECKey.generate_key("P-256")
    portal = await scene.portal(key=first)
    account, place = await _account(scene, portal), _sandbox(scene)
    second = ECKey.generate_key("P-256").as_dict(private=False)
    await rotate_credential(deps, place, account, public_keys=[second])

    with pytest.raises(AlreadyExists, match="never accepted again"):
        await rotate_credential(deps, place, account, public_keys=[first.as_dict(private=False)])

    assert len(await list_credentials(deps, account)) == 1


async def test_an_official_account_is_never_given_a_secret(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    place = scene.gateway.places[Profile.OFFICIAL]

    with pytest.raises(StateWrong, match="private_key_jwt"):
        await rotate_credential(scene.gateway.deps, place, await _account(scene, official))


async def test_a_revoked_account_stays_as_it_is_for_good(scene: Scene, portal: Portal) -> None:
    deps = scene.gateway.deps
    await change_state(deps, portal.client_id, AccountState.REVOKED)
    account = await _account(scene, portal)
    rows = len(await scene.audit())

    for state in AccountState:
        with pytest.raises(StateWrong, match="revoked"):
            await change_state(deps, portal.client_id, state)
    with pytest.raises(StateWrong, match="revoked"):
        await rotate_credential(deps, _sandbox(scene), account)
    assert len(await scene.audit()) == rows


async def test_an_account_is_not_set_to_its_present_state(scene: Scene, portal: Portal) -> None:
    with pytest.raises(StateWrong, match="active already"):
        await change_state(scene.gateway.deps, portal.client_id, AccountState.ACTIVE)


async def test_an_unknown_account_is_named_as_such(scene: Scene) -> None:
    with pytest.raises(Unknown, match="accounts list"):
        await change_state(scene.gateway.deps, "acc_unknown", AccountState.SUSPENDED)


async def test_a_race_of_resume_and_revoke_ends_in_one_of_them(scene: Scene, portal: Portal) -> None:
    deps = scene.gateway.deps
    await change_state(deps, portal.client_id, AccountState.SUSPENDED)
    both = (AccountState.ACTIVE, AccountState.REVOKED) * 3

    outcomes = await asyncio.gather(
        *(change_state(deps, portal.client_id, state) for state in both), return_exceptions=True
    )

    won = [outcome for outcome in outcomes if isinstance(outcome, Account)]
    assert all(isinstance(outcome, Account | StateWrong) for outcome in outcomes)
    account = await _account(scene, portal)
    assert account.grant_epoch == 2 + len(won)
    if AccountState.REVOKED in {outcome.state for outcome in won}:
        assert account.state is AccountState.REVOKED


async def test_an_officer_may_be_named_until_disabled_and_again_after(scene: Scene, portal: Portal) -> None:
    deps, place = scene.gateway.deps, _sandbox(scene)
    account = await _account(scene, portal)
    codes = []
    for change in (add_officers, disable_officers, add_officers):
        await change(deps, place, account, ["can.bo.02", "can.bo.02"])
        codes.append((await portal.verify(initiated_by=OFFICER, fresh=True)).status_code)

    assert codes == [201, 403, 201]


async def test_disabling_one_unknown_officer_changes_none(scene: Scene, portal: Portal) -> None:
    account = await _account(scene, portal)

    with pytest.raises(Unknown, match="none was changed"):
        await disable_officers(scene.gateway.deps, _sandbox(scene), account, ["can.bo.01", "can.bo.99"])

    assert (await portal.verify(initiated_by=OFFICER | {"id": "can.bo.01"})).status_code == 201


async def test_a_refused_act_says_why_without_naming_an_officer(scene: Scene, portal: Portal) -> None:
    account = await _account(scene, portal)

    with pytest.raises(GatewayError) as refused:
        await disable_officers(scene.gateway.deps, _sandbox(scene), account, ["can.bo.99"])

    assert "can.bo" not in str(refused.value)
    assert (await _last_row(scene))["outcome"] != "officers_disabled"


async def test_with_operators_an_official_account_is_made_by_promotion_only(scene: Scene) -> None:
    await invite(scene.gateway, "lan.nguyen", Role.ADMIN)
    with pytest.raises(StateWrong, match="promotion"):
        await scene.portal(Profile.OFFICIAL)
    assert (await (await scene.portal()).verify()).status_code == 201
