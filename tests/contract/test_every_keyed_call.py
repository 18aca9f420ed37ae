"""Every call that takes an `Idempotency-Key`: another request with the key is a conflict, the same
request waits for its turn.
"""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.enquiries.idempotency_store import idempotent_requests
from mock_c06.app import MockRegistry
from tests.contract.every_call import calls_that_answer
from tests.kit.clocks import HandClock
from tests.kit.enquiries import post
from tests.kit.scene import Portal, Scene, enquiry, open_scene, outcome, prefill_request, settings_for

Step = tuple[str, str, Any, Any]
"""An operation, its path, its body, and another that is well-formed too."""

EVALUATION = {"procedure": "khai-sinh", "subject_role": "requester", "fields": ["full_name"]}


@pytest.fixture
async def steps(portal: Portal) -> Sequence[Step]:
    """Every call that takes a key, made once with it successfully."""
    verified = (await post(portal, "/verifications", enquiry())).json()
    receipt = {"receipt": verified["receipt"]}
    form = prefill_request(verified["receipt"], ["full_name"])
    filled = (await post(portal, "/prefills", form)).json()
    note = {"prefill": filled["id"], "field": "full_name", "note": "sai tên"}
    revoke = f"/verifications/{verified['id']}/revoke"
    made: list[Step] = [
        ("verify_citizen", "/verifications", enquiry(), enquiry(dossier="another")),
        ("prefill_form", "/prefills", form, form | {"fields": ["gender"]}),
        ("file_discrepancy", "/discrepancies", note, note | {"note": "sai họ"}),
        ("evaluate_fields", "/evaluations", EVALUATION, EVALUATION | {"fields": ["gender"]}),
        ("check_receipt", "/receipts/check", receipt, {"receipt": "x"}),
        ("show_ledger", "/ledger", receipt, {"receipt": "x"}),
        ("revoke_verification", revoke, {}, {}),
    ]
    for name, path, body, _ in made[2:]:
        answer = await post(portal, path, body)
        assert answer.status_code in {200, 201}, (name, answer.text)
    keyed = calls_that_answer(409, "idempotency_in_progress")
    assert {name for name, *_ in made} == {call.name for call in keyed}
    return made


async def test_every_call_with_a_key_refuses_another_request_with_the_same_key(
    portal: Portal, steps: Sequence[Step]
) -> None:
    with_body = {call.name for call in calls_that_answer(422, "idempotency_conflict")}
    found = {
        name: outcome(await post(portal, path, other)) for name, path, _, other in steps if name in with_body
    }
    assert found.keys() == {name for name, *_ in steps} - {"revoke_verification"}
    assert found == dict.fromkeys(found, (422, "idempotency_conflict"))


async def test_every_call_with_a_key_is_in_progress_while_another_worker_answers_it(
    scene: Scene, portal: Portal, steps: Sequence[Step]
) -> None:
    """A worker at work leaves the row of its lease."""
    at_work = {"status": None, "sealed": None, "verification": None, "answer_ends_at": None}
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(sa.update(idempotent_requests).values(at_work))
    found = {name: outcome(await post(portal, path, body)) for name, path, body, _ in steps}
    assert found == dict.fromkeys(found, (409, "idempotency_in_progress"))


async def test_a_profile_that_lost_its_connection_fills_no_form_of_a_receipt(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock)
    async with open_scene(settings, mock, clock) as before:
        portal = await before.portal()
        receipt = await portal.receipt()
    unconnected = settings_for(database_url, mock, sandbox={"hosts": ("elsewhere.example",)})
    async with open_scene(unconnected, mock, clock) as after:
        portal.http = after.http
        answer = await portal.prefill(receipt, ["full_name"])
        asked = await after.journal()
    assert outcome(answer) == (503, "profile_unconfigured")
    assert {entry["operation"] for entry in asked} == {"XacThucThongTinCongDan"}
