"""The contract's order of checks: a request that fails two neighbouring checks is answered with the first.

413 · 404, 405 · 401 · profile_mismatch · account_suspended · scope_missing · the citizen's login · rate_limited (`test_rates.py`)
· 415, 406 · 400 · 422 shape · idempotency · 422 meaning (procedure, role, field) · 403 (procedure, role,
field, officer) · receipt · profile_unconfigured · reuse · budget · registry.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gateway.settings import ProfileSettings
from mock_c06.app import MockRegistry
from tests.contract.stage import GRANTS, KEY, OFFICER, OTHER_FIELDS, TEXT, WRONG, Stage, stage, suspend
from tests.kit.audit import full_queue
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, enquiry, open_scene, prefill_request, settings_for

__all__ = ["stage"]

Case = Callable[[Stage], Awaitable[httpx.Response]]
CASES: dict[str, tuple[str, Case]] = {}


def first(winner: str, *, before: str) -> Callable[[Case], Case]:
    """Register a request that fails two checks."""

    def keep(case: Case) -> Case:
        CASES[f"{winner} before {before}"] = (winner, case)
        return case

    return keep


FORGED = {"Citizen-Token": "x.y.z"}
FILLED: dict[str, Any] = {"X-Filler": "x" * 40_000}


def long_body() -> bytes:
    return b" " * (64 * 1024 + 1)


@first("body_too_large", before="not_found")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/nothing", long_body())


@first("body_too_large", before="method_not_allowed")
async def _(stage: Stage) -> httpx.Response:
    return await stage.portal.call("PUT", "/verifications", long_body())


@first("headers_too_large", before="not_found")
async def _(stage: Stage) -> httpx.Response:
    return await stage.portal.call("POST", "/nothing", {}, **FILLED)


@first("headers_too_large", before="token_missing")
async def _(stage: Stage) -> httpx.Response:
    return await stage.portal.call("POST", "/verifications", {}, **FILLED, Authorization="")


@first("not_found", before="token_missing")
async def _(stage: Stage) -> httpx.Response:
    return await stage.scene.http.post(f"{stage.portal.issuer}/v1/nothing")


@first("method_not_allowed", before="token_missing")
async def _(stage: Stage) -> httpx.Response:
    return await stage.scene.http.put(f"{stage.portal.issuer}/v1/verifications")


@first("token_invalid", before="profile_mismatch")
async def _(stage: Stage) -> httpx.Response:
    stage.portal.access_token = stage.portal.access_token[:-8]
    return await stage.post("/verifications", enquiry(), issuer=f"{stage.scene.gateway.deps.base}/official")


@first("token_invalid", before="profile_mismatch of a suspended account")
async def _(stage: Stage) -> httpx.Response:
    await suspend(stage, stage.portal)
    return await stage.post("/verifications", enquiry(), issuer=f"{stage.scene.gateway.deps.base}/official")


@first("profile_mismatch", before="scope_missing")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["ledger"])
    return await portal.call(
        "POST", "/verifications", enquiry(), issuer=f"{stage.scene.gateway.deps.base}/official"
    )


@first("account_suspended", before="scope_missing")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["ledger"])
    await suspend(stage, portal)
    return await stage.post("/verifications", enquiry(), portal)


@first("scope_missing", before="media_type_unsupported")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["ledger"])
    return await stage.post("/verifications", b"x", portal, **TEXT)


@first("scope_missing", before="not_acceptable")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["ledger"])
    return await portal.call("GET", "/verifications/x", Accept="text/html")


@first("scope_missing", before="citizen_token_missing")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["verify"])
    return await stage.post("/ledger/mine", None, portal)


@first("citizen_token_missing", before="media_type_unsupported")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/ledger/mine", b"x", stage.portal, **TEXT)


@first("citizen_token_invalid", before="json_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/ledger/mine", b"{", stage.portal, **FORGED)


@first("token_missing", before="not_acceptable")
async def _(stage: Stage) -> httpx.Response:
    return await stage.scene.http.get(f"{stage.portal.issuer}/v1/me", headers={"Accept": "text/html"})


@first("not_acceptable", before="not_found by id")
async def _(stage: Stage) -> httpx.Response:
    return await stage.portal.call("GET", "/verifications/x", Accept="text/html")


@first("media_type_unsupported", before="json_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", b"x", stage.portal, **TEXT)


@first("not_acceptable", before="json_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", b"x", Accept="text/html")


@first("json_invalid", before="request_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", b'{"procedure": 1, "procedure": 2}')


@first("request_invalid", before="procedure_unknown")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(procedure="nothing", fresh="x"))


@first("claim_invalid", before="procedure_unknown")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(procedure="nothing", claim=AN | {"citizen_id": "1"}))


@first("request_invalid", before="field_unknown")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["nothing", "nothing"]))


@first("json_invalid", before="request_invalid of a malformed key")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", b"x", stage.portal, **{"Idempotency-Key": "a b"})


@first("request_invalid", before="procedure_unknown where the key is malformed")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post(
        "/verifications", enquiry(procedure="nothing"), stage.portal, **{"Idempotency-Key": "a b"}
    )


@first("request_invalid", before="idempotency_conflict")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(), stage.portal, **KEY)
    return await stage.post("/verifications", enquiry(fresh="x"), stage.portal, **KEY)


@first("idempotency_conflict", before="procedure_unknown")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(), stage.portal, **KEY)
    return await stage.post("/verifications", enquiry(procedure="nothing"), stage.portal, **KEY)


@first("idempotency_conflict", before="officer_not_granted")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(), stage.portal, **KEY)
    return await stage.post("/verifications", enquiry(initiated_by=OFFICER), stage.portal, **KEY)


@first("idempotency_answer_gone", before="verification_expired")
async def _(stage: Stage) -> httpx.Response:
    form = prefill_request(await stage.portal.receipt(), ["full_name"])
    await stage.post("/prefills", form, stage.portal, **KEY)
    stage.scene.clock.advance(1801)
    await stage.portal.log_in()
    return await stage.post("/prefills", form, stage.portal, **KEY)


@first("field_not_granted", before="verification_expired where the answer is kept")
async def _(stage: Stage) -> httpx.Response:
    both = enquiry(prefill={"fields": ["full_name"]})
    wide = await stage.scene.portal()
    found = await stage.post("/verifications", both, wide, **KEY)
    await stage.post(f"/verifications/{found.json()['id']}/revoke", None, wide)
    await wide.log_in(authorization_details=OTHER_FIELDS)
    return await stage.post("/verifications", both, wide, **KEY)


@first("procedure_unknown", before="subject_role_unknown")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(procedure="nothing", subject_role="nothing"))


@first("subject_role_unknown", before="field_unknown")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["nothing"], subject_role="nothing"))


@first("field_unknown", before="field_not_in_procedure")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["marital_status", "nothing"]))


@first("subject_role_unknown", before="procedure_not_granted")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(procedure="ket-hon", subject_role="nothing"))


@first("field_not_in_procedure", before="scope_missing of a sensitive field")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["ethnicity"]))


@first("field_not_in_procedure", before="procedure_not_granted")
async def _(stage: Stage) -> httpx.Response:
    body = prefill_request("x", ["child_full_name"], procedure="ket-hon")
    return await stage.post("/prefills", body)


@first("scope_missing", before="procedure_not_granted")
async def _(stage: Stage) -> httpx.Response:
    body = prefill_request("x", ["ethnicity"], procedure="ket-hon", subject_role="husband")
    return await stage.post("/prefills", body)


@first("field_unknown", before="scope_missing of a prefill inside a verification")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["verify"])
    return await stage.post("/verifications", enquiry(prefill={"fields": ["nothing"]}), portal)


@first("scope_missing", before="procedure_not_granted where a verification wants a prefill")
async def _(stage: Stage) -> httpx.Response:
    portal = await stage.scene.portal(scopes=["verify"], grants=GRANTS)
    body = enquiry(procedure="ket-hon", prefill={"fields": ["full_name"]})
    return await stage.post("/verifications", body, portal)


@first("field_not_granted", before="officer_not_granted where a verification wants a prefill")
async def _(stage: Stage) -> httpx.Response:
    body = enquiry(prefill={"fields": ["gender"]}, initiated_by=OFFICER)
    return await stage.post("/verifications", body)


@first("field_not_granted", before="enquiry_budget_spent")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(claim=WRONG))
    return await stage.post("/verifications", enquiry(prefill={"fields": ["gender"]}))


@first("officer_not_granted", before="enquiry_budget_spent")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(claim=WRONG))
    return await stage.post("/verifications", enquiry(initiated_by=OFFICER))


@first("procedure_not_granted", before="subject_role_not_granted")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(procedure="ket-hon", subject_role="husband"))


@first("subject_role_not_granted", before="field_not_granted")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["nationality"], subject_role="mother"))


@first("field_not_granted", before="officer_not_granted")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["gender"], initiated_by=OFFICER))


@first("subject_role_not_granted", before="officer_not_granted")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/verifications", enquiry(subject_role="mother", initiated_by=OFFICER))


@first("officer_not_granted", before="receipt_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request("x", ["full_name"], initiated_by=OFFICER))


@first("field_not_granted", before="receipt_invalid")
async def _(stage: Stage) -> httpx.Response:
    return await stage.post("/prefills", prefill_request(stage.strangers_receipt, ["gender"]))


@first("receipt_invalid", before="verification_expired")
async def _(stage: Stage) -> httpx.Response:
    receipt = await stage.portal.receipt()
    stage.scene.clock.advance(1801)
    await stage.portal.log_in()
    return await stage.post("/prefills", prefill_request(receipt, ["full_name"], subject_role="father"))


@first("verification_expired", before="registry_unavailable")
async def _(stage: Stage) -> httpx.Response:
    receipt = await stage.portal.receipt()
    stage.scene.clock.advance(1801)
    await stage.portal.log_in()
    await stage.scene.fault("unavailable")
    return await stage.post("/prefills", prefill_request(receipt, ["full_name"]))


@first("enquiry_budget_spent", before="registry_unavailable")
async def _(stage: Stage) -> httpx.Response:
    await stage.post("/verifications", enquiry(claim=WRONG))
    await stage.scene.fault("unavailable")
    return await stage.post("/verifications", enquiry())


@pytest.mark.parametrize(("winner", "case"), CASES.values(), ids=CASES.keys())
async def test_the_first_of_two_failing_checks_gives_the_answer(
    stage: Stage, winner: str, case: Case
) -> None:
    answer = await case(stage)

    assert answer.json()["code"] == winner
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_full_audit_queue_is_reported_before_the_registry_is_asked(stage: Stage) -> None:
    """`overloaded` before registry; a refusal that can't be recorded is not counted in the budget either (0028)."""
    await stage.scene.fault("unavailable")
    async with full_queue(stage.scene.gateway.deps.audit):
        answer = await stage.post("/verifications", enquiry())

    assert answer.json()["code"] == "overloaded"
    assert await stage.scene.journal() == []


async def test_reuse_answers_before_the_budget_and_the_registry_are_checked(stage: Stage) -> None:
    await stage.portal.receipt()
    await stage.post("/verifications", enquiry(claim=WRONG))
    await stage.scene.fault("unavailable")

    answer = await stage.post("/verifications", enquiry())

    assert (answer.status_code, answer.json()["origin"]) == (200, "reuse")


@pytest.mark.parametrize(
    ("members", "winner"),
    [
        ({"procedure": "nothing"}, "procedure_unknown"),
        ({"procedure": "ket-hon"}, "procedure_not_granted"),
        ({"initiated_by": OFFICER}, "officer_not_granted"),
        ({}, "profile_unconfigured"),
    ],
)
async def test_a_profile_without_a_connection_says_so_after_the_checks_of_the_caller(
    database_url: str, mock: MockRegistry, clock: HandClock, members: dict[str, Any], winner: str
) -> None:
    settings = settings_for(database_url, mock).model_copy(update={"sandbox": ProfileSettings()})
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal(grants=GRANTS)
        answer = await portal.verify(**members)
        prefill = await portal.prefill("x", ["full_name"], **members)

    assert answer.json()["code"] == winner
    assert prefill.json()["code"] == ("receipt_invalid" if winner == "profile_unconfigured" else winner)


async def test_a_refused_request_sends_no_question_to_the_registry(stage: Stage) -> None:
    for body in (b"x", json.dumps(enquiry(procedure="ket-hon")).encode()):
        await stage.post("/verifications", body)

    assert await stage.scene.journal() == []
