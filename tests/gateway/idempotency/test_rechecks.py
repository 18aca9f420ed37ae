"""A replay passes the guards anew: what is no longer granted, or no longer so, is not given out again."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.accounts.grants import make_grant
from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state, disable_officers, get_account
from gateway.places import Profile
from gateway.verifications.store import verifications
from tests.gateway.idempotency.requests import REPLAYED, code, post, prefill, rows, verify
from tests.gateway.scene import Portal, Scene

OFFICER = {"kind": "officer", "id": "can.bo.01"}
NARROW = json.dumps(
    [{"type": "citizen_enquiry", "procedures": ["khai-sinh"], "subject_roles": ["*"], "fields": ["gender"]}]
)
ELSEWHERE = NARROW.replace("khai-sinh", "ket-hon")
TRIP: dict[str, Any] = {"prefill": {"fields": ["full_name"]}}


async def last_row(scene: Scene) -> tuple[str, str]:
    row = (await scene.audit())[-1]
    return row["kind"], row["outcome"]


async def end_by_time(scene: Scene) -> None:
    """End every verification by its time, within the ten minutes that a form is kept."""
    async with scene.gateway.parts.database.write() as connection:
        change = sa.update(verifications).values(expires_at=scene.clock.now())
        await connection.execute(change.execution_options(unrecorded="a test's own hand"))


async def test_an_account_that_was_suspended_gets_no_kept_answer(scene: Scene, portal: Portal) -> None:
    await verify(portal)
    await change_state(scene.gateway.parts, portal.client_id, AccountState.SUSPENDED)
    assert code(await verify(portal)) == (403, "account_suspended")

    await change_state(scene.gateway.parts, portal.client_id, AccountState.ACTIVE)
    await portal.log_in()
    assert (await verify(portal)).headers[REPLAYED] == "true"


@pytest.mark.parametrize(
    ("grants", "members", "refusal"),
    [
        ({"authorization_details": ELSEWHERE}, {}, "procedure_not_granted"),
        ({"authorization_details": NARROW}, TRIP, "field_not_granted"),
        ({"scope": "verify"}, TRIP, "scope_missing"),
    ],
)
async def test_threat_24_a_token_with_less_gets_no_answer_of_one_with_more(
    scene: Scene, portal: Portal, grants: dict[str, str], members: dict[str, Any], refusal: str
) -> None:
    await verify(portal, **members)
    asked = len(await scene.journal())
    await portal.log_in(**grants)

    assert code(await verify(portal, **members)) == (403, refusal)
    assert await last_row(scene) == ("refused", refusal)
    await portal.log_in()
    assert (await verify(portal, **members)).headers[REPLAYED] == "true"
    assert len(await scene.journal()) == asked


async def test_a_kept_form_needs_its_fields_granted_still(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await prefill(portal, receipt, "full_name")
    await portal.log_in(authorization_details=NARROW)

    assert code(await prefill(portal, receipt, "full_name")) == (403, "field_not_granted")


async def test_a_kept_sensitive_field_needs_its_scope_still(scene: Scene) -> None:
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

    assert code(await prefill(portal, receipt, "ethnicity", subject_role="father")) == (403, "scope_missing")


async def test_an_officer_who_left_starts_no_replay(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await verify(portal, initiated_by=OFFICER)
    await prefill(portal, receipt, initiated_by=OFFICER)
    parts, place = scene.gateway.parts, scene.gateway.places[Profile.SANDBOX]
    await disable_officers(parts, place, await get_account(parts, portal.client_id), [OFFICER["id"]])

    for answer in (
        await verify(portal, initiated_by=OFFICER),
        await prefill(portal, receipt, initiated_by=OFFICER),
    ):
        assert code(answer) == (403, "officer_not_granted")


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        ("expiry", "verification_expired"),
        ("revocation", "verification_invalidated"),
        ("death", "verification_invalidated"),
    ],
)
async def test_threat_23_a_verification_that_ended_carries_no_replay(
    scene: Scene, portal: Portal, end: str, refusal: str
) -> None:
    first = await verify(portal)
    receipt = first.json()["receipt"]
    check = {"receipt": receipt}
    form = await prefill(portal, receipt)
    trip = await verify(portal, key="trip", **TRIP)
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
        await verify(portal, key="trip", **TRIP),
        await post(portal, "/receipts/check", check),
    ):
        assert code(answer) == (409, refusal)
        assert "NGUYỄN" not in answer.text
    assert len(await scene.journal()) == asked
    assert form.status_code == 200
    assert trip.json()["id"] == first.json()["id"]


async def test_a_receipt_that_had_ended_is_told_so_again(scene: Scene, portal: Portal) -> None:
    found = (await portal.verify()).json()
    await portal.call("POST", f"/verifications/{found['id']}/revoke")
    first, again = [await post(portal, "/receipts/check", {"receipt": found["receipt"]}) for _ in range(2)]

    assert (first.json()["valid"], first.json()["reason"]) == (False, "revoked")
    assert again.content == first.content


async def test_a_kept_form_with_a_field_disputed_since_is_gone(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    form = await prefill(portal, receipt, "full_name", "gender")
    trip = await verify(portal, prefill={"fields": ["gender"]})
    await portal.call(
        "POST", "/discrepancies", {"prefill": form.json()["id"], "field": "gender", "note": "not so"}
    )

    for answer in (
        await prefill(portal, receipt, "full_name", "gender"),
        await verify(portal, prefill={"fields": ["gender"]}),
    ):
        assert code(answer) == (409, "idempotency_answer_gone")
        assert answer.json()["verification"] == trip.json()["id"]
        assert await last_row(scene) == ("refused", "idempotency_answer_gone")


async def test_an_evaluation_that_would_now_be_another_is_gone(scene: Scene, portal: Portal) -> None:
    body = {"procedure": "khai-sinh", "subject_role": "father", "fields": ["full_name"]}
    first = await post(portal, "/evaluations", body)
    assert first.json()["allowed"] is True
    await portal.log_in(authorization_details=NARROW)

    assert code(await post(portal, "/evaluations", body)) == (409, "idempotency_answer_gone")
    await portal.log_in()
    assert (await post(portal, "/evaluations", body)).content == first.content


async def test_a_replay_leaves_the_row_as_it_was(scene: Scene, portal: Portal) -> None:
    await verify(portal)
    before = await rows(scene)
    await verify(portal)
    await portal.log_in(authorization_details=ELSEWHERE)
    await verify(portal)

    assert await rows(scene) == before
