"""Evaluations: which parts of an enquiry the account's rights would refuse, without a claim and without a question."""

from typing import Any

import httpx
import pytest

from gateway.accounts.model import make_grant
from tests.kit.enquiries import CARD, LOOK_UP, MARITAL
from tests.kit.scene import Portal, Scene, prefill_request

NUMBER = "001090000123"


async def evaluate(portal: Portal, *fields: str, **members: Any) -> httpx.Response:
    """Evaluate fields of the requester's form of khai-sinh, unless given otherwise."""
    body = {"procedure": "khai-sinh", "subject_role": "requester", "fields": list(fields)} | members
    return await portal.call("POST", "/evaluations", body)


async def test_granted_fields_are_allowed_and_listed_with_their_operations(
    scene: Scene, portal: Portal
) -> None:
    rows = len(await scene.audit())

    answer = await evaluate(portal, "marital_status", "full_name", "gender", procedure=CARD)

    assert answer.status_code == 200
    assert answer.json() == {"allowed": True, "refusals": [], "operations": [LOOK_UP, MARITAL]}
    assert await scene.journal() == []
    assert len(await scene.audit()) == rows


async def test_fields_that_the_citizen_declares_need_no_operation(portal: Portal) -> None:
    answer = await evaluate(portal, "child_full_name")

    assert answer.json() == {"allowed": True, "refusals": [], "operations": []}


async def test_missing_grants_are_listed_and_the_registry_is_not_asked(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["requester"], ["full_name"]))

    answer = await evaluate(portal, "full_name", "gender", "child_full_name", "nationality")

    assert answer.status_code == 200
    assert answer.json() == {
        "allowed": False,
        "refusals": [
            {"field": "gender", "code": "field_not_granted"},
            {"field": "nationality", "code": "field_not_granted"},
        ],
        "operations": [],
    }


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"procedure": "ket-hon"}, {"field": "procedure", "code": "procedure_not_granted"}),
        ({"subject_role": "father"}, {"field": "subject_role", "code": "subject_role_not_granted"}),
    ],
)
async def test_an_enquiry_that_is_not_granted_is_a_refusal_in_a_normal_answer(
    scene: Scene, members: dict[str, str], refusal: dict[str, str]
) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["requester"], ["*"]))

    answer = await evaluate(portal, "full_name", **members)

    assert (answer.status_code, answer.json()["refusals"]) == (200, [refusal])


async def test_a_sensitive_field_without_scope_and_grant_reports_both(portal: Portal) -> None:
    answer = await evaluate(portal, "full_name", "ethnicity", subject_role="father")

    assert answer.json()["refusals"] == [
        {"field": "ethnicity", "code": "scope_missing"},
        {"field": "ethnicity", "code": "field_not_granted"},
    ]


async def test_a_token_without_the_scope_of_prefills_is_allowed_no_field(scene: Scene) -> None:
    portal = await scene.portal(scopes=["verify"])

    answer = await evaluate(portal, "full_name")

    assert answer.json()["refusals"] == [{"field": "fields", "code": "scope_missing"}]


async def test_an_officer_outside_the_account_is_refused_and_one_of_it_is_not(
    scene: Scene, portal: Portal
) -> None:
    known = await evaluate(portal, "full_name", initiated_by={"kind": "officer", "id": "can.bo.01"})
    other = await evaluate(portal, "full_name", initiated_by={"kind": "officer", "id": "can.bo.02"})

    assert known.json()["allowed"] is True
    assert other.json() == {
        "allowed": False,
        "refusals": [{"field": "initiated_by.id", "code": "officer_not_granted"}],
        "operations": [],
    }
    assert await scene.journal() == []


async def test_an_evaluation_and_a_prefill_refuse_the_same_fields_for_the_same_reasons(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["full_name"]))
    fields = ["full_name", "ethnicity", "nationality"]

    evaluated = await evaluate(portal, *fields, subject_role="father")
    refused = await portal.call("POST", "/prefills", prefill_request("x", fields, subject_role="father"))

    errors = [{"field": error["field"], "code": error["code"]} for error in refused.json()["errors"]]
    assert evaluated.json()["refusals"] == errors


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"procedure": "nothing"}, "procedure_unknown", ["procedure"]),
        ({"subject_role": "nobody"}, "subject_role_unknown", ["subject_role"]),
        ({"fields": ["full_name", NUMBER]}, "field_unknown", ["fields.1"]),
        ({"fields": ["blood_type"]}, "field_not_in_procedure", ["blood_type"]),
        ({"fields": []}, "request_invalid", ["fields"]),
        ({"fields": ["gender", "gender"]}, "request_invalid", ["fields.1"]),
        ({"fields": None}, "request_invalid", ["fields"]),
        ({"procedure": 1}, "request_invalid", ["procedure"]),
        ({NUMBER: 1}, "request_invalid", ["body.3"]),
        ({"claim": {"citizen_id": NUMBER}}, "request_invalid", ["body.3"]),
    ],
)
async def test_an_unknown_name_is_refused_as_by_every_other_call(
    portal: Portal, members: dict[str, Any], code: str, named: list[str]
) -> None:
    answer = await evaluate(portal, "full_name", **members)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [error["field"] for error in answer.json()["errors"]] == named
    assert NUMBER not in answer.text


async def test_evaluations_need_the_scope_of_verifications(scene: Scene) -> None:
    portal = await scene.portal(scopes=["prefill"])

    answer = await evaluate(portal, "full_name")

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert 'scope="verify"' in answer.headers["www-authenticate"]
