"""A replay runs the checks again: an answer is not replayed if its rights or its verification ended."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.accounts.model import AccountState, make_grant
from gateway.accounts.use_cases import change_state, disable_officers, get_account
from gateway.enquiries.store import verifications
from gateway.identifiers import Profile
from tests.kit.enquiries import REPLAYED, post, prefill, rows, verify
from tests.kit.scene import Portal, Scene, outcome

OFFICER = {"kind": "officer", "id": "can.bo.01"}
NARROW = json.dumps(
    [{"type": "citizen_enquiry", "procedures": ["khai-sinh"], "subject_roles": ["*"], "fields": ["gender"]}]
)
ELSEWHERE = NARROW.replace("khai-sinh", "ket-hon")
WITH_PREFILL: dict[str, Any] = {"prefill": {"fields": ["full_name"]}}


async def last_row(scene: Scene) -> tuple[str, str]:
    row = (await scene.audit())[-1]
    return row["kind"], row["outcome"]


async def end_by_time(scene: Scene) -> None:
    """End every verification by its time, within the ten minutes in which a prefill is stored."""
    async with scene.gateway.deps.database.write() as connection:
        change = sa.update(verifications).values(expires_at=scene.clock.now())
        await connection.execute(change.execution_options(unrecorded="a test's own hand"))


async def test_a_suspended_account_gets_no_stored_answer_at_all(scene: Scene, portal: Portal) -> None:
    await verify(portal)
    await change_state(scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)
    assert outcome(await verify(portal)) == (403, "account_suspended")

    await change_state(scene.gateway.deps, portal.client_id, AccountState.ACTIVE)
    await portal.log_in()
    assert (await verify(portal)).headers[REPLAYED] == "true"


@pytest.mark.parametrize(
    ("grants", "members", "refusal"),
    [
        ({"authorization_details": ELSEWHERE}, {}, "procedure_not_granted"),
        ({"authorization_details": NARROW}, WITH_PREFILL, "field_not_granted"),
        ({"scope": "verify"}, WITH_PREFILL, "scope_missing"),
    ],
)
async def test_threat_24_a_token_with_fewer_scopes_gets_no_answer_of_one_with_more(
    scene: Scene, portal: Portal, grants: dict[str, str], members: dict[str, Any], refusal: str
) -> None:
    await verify(portal, **members)
    asked = len(await scene.journal())
    await portal.log_in(**grants)

    assert outcome(await verify(portal, **members)) == (403, refusal)
    assert await last_row(scene) == ("refused", refusal)
    await portal.log_in()
    assert (await verify(portal, **members)).headers[REPLAYED] == "true"
    assert len(await scene.journal()) == asked


async def test_a_stored_prefill_needs_the_grants_of_its_fields_again(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await prefill(portal, receipt, "full_name")
    await portal.log_in(authorization_details=NARROW)

    assert outcome(await prefill(portal, receipt, "full_name")) == (403, "field_not_granted")


async def test_a_stored_sensitive_field_needs_its_scope_again(scene: Scene) -> None:
    portal = await scene.portal(
        grants=make_grant(["*"], ["*"], ["*", "ethnicity"]),
        scopes=("verify", "prefill", "prefill.sensitive"),
        log_in=False,
    )
    await portal.log_in(scope="verify prefill prefill.sensitive")
    receipt = await portal.receipt(subject_role="father")
    filled = await prefill(portal, receipt, "ethnicity", subject_role="father")
    assert filled.json()["fields"]["ethnicity"]["state"] == "filled"
    await portal.log_in()

    assert outcome(await prefill(portal, receipt, "ethnicity", subject_role="father")) == (
        403,
        "scope_missing",
    )


async def test_a_disabled_officer_can_not_start_a_replay(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await verify(portal, initiated_by=OFFICER)
    await prefill(portal, receipt, initiated_by=OFFICER)
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    await disable_officers(deps, place, await get_account(deps, portal.client_id), [OFFICER["id"]])

    for answer in (
        await verify(portal, initiated_by=OFFICER),
        await prefill(portal, receipt, initiated_by=OFFICER),
    ):
        assert outcome(answer) == (403, "officer_not_granted")


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        ("expiry", "verification_expired"),
        ("revocation", "verification_invalidated"),
        ("death", "verification_invalidated"),
    ],
)
async def test_threat_23_an_ended_verification_is_not_replayed_as_live(
    scene: Scene, portal: Portal, end: str, refusal: str
) -> None:
    first = await verify(portal)
    receipt = first.json()["receipt"]
    check = {"receipt": receipt}
    form = await prefill(portal, receipt)
    both = await verify(portal, key="both", **WITH_PREFILL)
    assert (await post(portal, "/receipts/check", check)).json()["valid"] is True
    if end == "expiry":
        await end_by_time(scene)
    elif end == "revocation":
        await portal.call("POST", f"/verifications/{first.json()['id']}/revoke")
    else:
        await scene.set_person(
            citizen_id="001090000123", full_name="Nguyễn Văn An", birth_date="1990-01-31", alive=False
        )
        await portal.prefill(receipt, ["gender"])

    asked = len(await scene.journal())
    for answer in (
        await verify(portal),
        await prefill(portal, receipt),
        await verify(portal, key="both", **WITH_PREFILL),
        await post(portal, "/receipts/check", check),
    ):
        assert outcome(answer) == (409, refusal)
        assert "NGUYỄN" not in answer.text
    assert len(await scene.journal()) == asked
    assert form.status_code == 200
    assert both.json()["id"] == first.json()["id"]


async def test_a_receipt_that_had_ended_is_reported_as_ended_again(scene: Scene, portal: Portal) -> None:
    found = (await portal.verify()).json()
    await portal.call("POST", f"/verifications/{found['id']}/revoke")
    first, again = [await post(portal, "/receipts/check", {"receipt": found["receipt"]}) for _ in range(2)]

    assert (first.json()["valid"], first.json()["reason"]) == (False, "revoked")
    assert again.content == first.content


async def test_a_stored_prefill_with_a_field_disputed_since_is_not_replayed(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    form = await prefill(portal, receipt, "full_name", "gender")
    both = await verify(portal, prefill={"fields": ["gender"]})
    await portal.call(
        "POST", "/discrepancies", {"prefill": form.json()["id"], "field": "gender", "note": "not so"}
    )

    for answer in (
        await prefill(portal, receipt, "full_name", "gender"),
        await verify(portal, prefill={"fields": ["gender"]}),
    ):
        assert outcome(answer) == (409, "idempotency_answer_gone")
        assert answer.json()["verification"] == both.json()["id"]
        assert await last_row(scene) == ("refused", "idempotency_answer_gone")


async def test_an_evaluation_whose_result_would_change_is_not_replayed(scene: Scene, portal: Portal) -> None:
    body = {"procedure": "khai-sinh", "subject_role": "father", "fields": ["full_name"]}
    first = await post(portal, "/evaluations", body)
    assert first.json()["allowed"] is True
    await portal.log_in(authorization_details=NARROW)

    assert outcome(await post(portal, "/evaluations", body)) == (409, "idempotency_answer_gone")
    await portal.log_in()
    assert (await post(portal, "/evaluations", body)).content == first.content


async def test_a_replay_does_not_change_the_stored_row(scene: Scene, portal: Portal) -> None:
    await verify(portal)
    before = await rows(scene)
    await verify(portal)
    await portal.log_in(authorization_details=ELSEWHERE)
    await verify(portal)

    assert await rows(scene) == before
