"""Threat 19: a request beyond the procedure, the grant or the scope is refused before a question is sent."""

import json
from typing import Any

import pytest

from gateway.accounts.model import Grant, Grants, make_grant
from tests.kit.enquiries import CARD, asked_operations, verified
from tests.kit.scene import Portal, Scene, prefill_request

NUMBER = "001090000123"

SHAPES: dict[str, tuple[Any, list[str]]] = {
    "empty": ([], ["fields"]),
    "null": (None, ["fields"]),
    "text": ("full_name", ["fields"]),
    "a star": ({"*": True}, ["fields"]),
    "a number": ([1], ["fields.0"]),
    "an empty name": (["full_name", ""], ["fields.1"]),
    "a duplicate": (["full_name", "gender", "full_name"], ["fields.2"]),
    "sixty-five": ([f"f{number}" for number in range(65)], ["fields"]),
    "ten thousand": (["f"] * 10_000, ["fields"]),
    "ten thousand distinct": ([str(number) for number in range(9_000)], ["fields"]),
}


@pytest.mark.parametrize(("fields", "named"), SHAPES.values(), ids=SHAPES.keys())
async def test_threat_19_a_list_of_fields_of_the_wrong_shape_is_refused(
    scene: Scene, portal: Portal, fields: Any, named: list[str]
) -> None:
    act = await verified(portal)
    body = prefill_request(act.members["receipt"], []) | {"fields": fields}

    answer = await portal.call("POST", "/prefills", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == named
    assert await asked_operations(scene) == []


async def test_threat_19_a_prefill_without_a_list_of_fields_is_refused(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)
    body = prefill_request(act.members["receipt"], [])
    del body["fields"]

    answer = await portal.call("POST", "/prefills", body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "fields")
    assert await asked_operations(scene) == []


async def test_threat_19_an_unknown_field_is_named_by_its_position_only(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", NUMBER, "*", "marital_status")

    assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")
    assert [error["field"] for error in answer.json()["errors"]] == [
        "fields.1",
        "fields.2",
        "marital_status",
    ]
    assert NUMBER not in answer.text
    assert NUMBER not in json.dumps(await scene.audit())
    assert await asked_operations(scene) == []
    assert (await scene.audit())[-1]["outcome"] == "field_unknown"


async def test_threat_19_a_field_outside_the_procedures_form_is_refused_by_name(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", "marital_status", "blood_type")

    assert (answer.status_code, answer.json()["code"]) == (422, "field_not_in_procedure")
    assert [error["field"] for error in answer.json()["errors"]] == ["marital_status", "blood_type"]
    assert await asked_operations(scene) == []
    assert (await scene.audit())[-1]["outcome"] == "field_not_in_procedure"


async def test_threat_19_a_field_outside_the_grant_is_refused_by_name(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["*"], ["full_name"]))
    act = await verified(portal)

    answer = await act.fill("full_name", "gender", "nationality", "child_full_name")

    assert (answer.status_code, answer.json()["code"]) == (403, "field_not_granted")
    assert [error["field"] for error in answer.json()["errors"]] == ["gender", "nationality"]
    assert await asked_operations(scene) == []
    refused = (await scene.audit())[-1]
    assert (refused["kind"], refused["outcome"]) == ("refused", "field_not_granted")


async def test_threat_19_fields_of_two_grant_entries_are_not_combined(scene: Scene) -> None:
    entries = (
        Grant(procedures=frozenset({"khai-sinh"}), subject_roles=frozenset({"father"}), fields=frozenset()),
        Grant(
            procedures=frozenset({CARD}),
            subject_roles=frozenset({"requester"}),
            fields=frozenset({"full_name"}),
        ),
    )
    portal = await scene.portal(grants=Grants(entries))
    act = await verified(portal, role="father")

    answer = await act.fill("full_name")

    assert (answer.status_code, answer.json()["code"]) == (403, "field_not_granted")
    assert await asked_operations(scene) == []


async def test_threat_19_a_narrowed_token_gives_no_field_outside_its_narrowed_scope(scene: Scene) -> None:
    portal = await scene.portal(log_in=False)
    narrow = [
        {
            "type": "citizen_enquiry",
            "procedures": ["khai-sinh"],
            "subject_roles": ["requester"],
            "fields": ["full_name"],
        }
    ]
    await portal.log_in(authorization_details=json.dumps(narrow))
    act = await verified(portal)

    assert (await act.fill("gender")).json()["code"] == "field_not_granted"
    assert (await portal.verify(procedure="ket-hon")).json()["code"] == "procedure_not_granted"
    assert (await act.fill("full_name")).status_code == 200


REFERENCES: dict[str, dict[str, Any]] = {
    "neither": {"receipt": None},
    "both": {"verification": "ver_" + "a" * 25},
    "an empty receipt": {"receipt": ""},
    "a long receipt": {"receipt": "x" * 9000},
    "a number": {"receipt": 1},
}


@pytest.mark.parametrize("members", REFERENCES.values(), ids=REFERENCES.keys())
async def test_exactly_one_of_receipt_and_verification_is_required(
    scene: Scene, portal: Portal, members: dict[str, Any]
) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", **members)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"]
    assert await asked_operations(scene) == []


@pytest.mark.parametrize("verification", ["ver_" + "a" * 25, NUMBER, "ver_\u0000", "x"])
async def test_the_id_of_an_unknown_verification_is_not_found(
    scene: Scene, portal: Portal, verification: str
) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", receipt=None, verification=verification)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert NUMBER not in answer.text


async def test_threat_40_an_unknown_member_is_named_by_position_only(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", **{NUMBER: 1})

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["body.6"]
    assert NUMBER not in answer.text


async def test_the_account_needs_the_scope_of_prefills(scene: Scene) -> None:
    portal = await scene.portal(scopes=["verify"])
    act = await verified(portal)

    answer = await act.fill("full_name")

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert 'scope="prefill"' in answer.headers["www-authenticate"]


async def test_an_officer_unknown_to_the_account_gets_no_prefill(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", initiated_by={"kind": "officer", "id": "can.bo.02"})

    assert (answer.status_code, answer.json()["code"]) == (403, "officer_not_granted")
    assert await asked_operations(scene) == []
