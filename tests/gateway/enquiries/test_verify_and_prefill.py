"""Verify and prefill in one call: `prefill` inside a verification, whose checks run before the first question."""

from typing import Any

import httpx
import pytest

from gateway.accounts.model import make_grant
from tests.kit.enquiries import CARD, LOOK_UP, MARITAL, person, values
from tests.kit.scene import AN, Portal, Scene

NUMBER = "001090000123"
WRONG = AN | {"full_name": "Nguyễn Văn Sai"}
VERIFY = "XacThucThongTinCongDan"


async def verify_and_prefill(portal: Portal, *fields: str, **members: Any) -> httpx.Response:
    """Verify An and ask for fields in one call."""
    return await portal.verify(**({"prefill": {"fields": list(fields)}} | members))


def member(answer: httpx.Response) -> httpx.Response:
    """Return the answer's `prefill` as if it were the answer of `POST /prefills`."""
    return httpx.Response(200, json=answer.json()["prefill"])


async def test_one_call_gives_the_same_verification_and_prefill_as_two_calls(
    scene: Scene, portal: Portal
) -> None:
    answer = await verify_and_prefill(portal, "full_name", "child_full_name")
    alone = await portal.prefill(answer.json()["receipt"], ["full_name", "child_full_name"])

    assert (answer.status_code, answer.json()["origin"]) == (201, "registry")
    prefill = answer.json()["prefill"]
    assert prefill["verification"] == answer.json()["id"]
    assert set(prefill) == set(alone.json())
    assert prefill["to_declare"] == alone.json()["to_declare"]
    assert values(member(answer)) == values(alone) == {"full_name": "NGUYỄN VĂN AN"}
    operations = [entry["operation"] for entry in await scene.journal()]
    assert operations == [VERIFY, LOOK_UP, LOOK_UP]


async def test_a_reused_verification_is_also_filled_and_only_the_fields_are_asked(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()

    answer = await verify_and_prefill(portal, "full_name", procedure="ket-hon")

    assert (answer.status_code, answer.json()["origin"]) == (200, "reuse")
    assert answer.json()["prefill"]["verification"] == answer.json()["id"]
    assert [entry["operation"] for entry in await scene.journal()] == [VERIFY, LOOK_UP]


async def test_a_later_read_of_the_verification_contains_no_prefill(portal: Portal) -> None:
    found = (await verify_and_prefill(portal, "full_name")).json()

    later = await portal.call("GET", f"/verifications/{found['id']}")

    assert later.json()["prefill"] is None


async def test_a_claim_that_is_not_confirmed_gets_no_prefill(scene: Scene, portal: Portal) -> None:
    answer = await verify_and_prefill(portal, "full_name", claim=WRONG)

    assert (answer.status_code, answer.json()["verdict"]) == (201, "not_confirmed")
    assert answer.json()["prefill"] is None
    assert [entry["operation"] for entry in await scene.journal()] == [VERIFY]


async def test_a_request_without_prefill_gets_no_prefill(portal: Portal) -> None:
    answer = await portal.verify(prefill=None)

    assert (answer.status_code, answer.json()["prefill"]) == (201, None)


async def test_not_found_in_the_prefill_ends_the_new_verification_and_names_it(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("empty", operation=LOOK_UP, times=1)

    answer = await verify_and_prefill(portal, "full_name")

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    found = await portal.call("GET", f"/verifications/{answer.json()['verification']}")
    assert found.json()["state"] == "invalidated"
    assert [row["kind"] for row in await scene.audit()][-5:] == [
        "intended",
        "answered",
        "intended",
        "answered",
        "ended",
    ]


async def test_an_operation_that_fails_leaves_its_fields_to_declare(scene: Scene, portal: Portal) -> None:
    await scene.fault("unavailable", operation=MARITAL, times=9)

    answer = await verify_and_prefill(portal, "full_name", "marital_status", procedure=CARD)

    assert answer.status_code == 201
    assert answer.json()["receipt"]
    assert answer.json()["prefill"]["fields"]["full_name"]["state"] == "filled"
    assert answer.json()["prefill"]["fields"]["marital_status"] == {
        "state": "to_declare",
        "reason": "registry_unavailable",
    }


async def test_the_rows_of_both_steps_name_the_same_request(scene: Scene, portal: Portal) -> None:
    before = len(await scene.audit())

    answer = await verify_and_prefill(portal, "full_name")

    rows = (await scene.audit())[before:]
    assert [row["kind"] for row in rows] == ["intended", "answered", "intended", "answered", "delivered"]
    assert {row["request_id"] for row in rows} == {answer.headers["x-request-id"]}
    assert {row["verification"] for row in rows[1:]} == {answer.json()["id"]}
    assert len({row["citizen"] for row in rows}) == 1


@pytest.mark.parametrize(
    ("prefill", "code", "named"),
    [
        ({"fields": ["full_name", NUMBER]}, "field_unknown", ["prefill.fields.1"]),
        ({"fields": ["blood_type"]}, "field_not_in_procedure", ["blood_type"]),
        ({"fields": []}, "request_invalid", ["prefill.fields"]),
        ({"fields": ["gender", "gender"]}, "request_invalid", ["prefill.fields.1"]),
        ({}, "request_invalid", ["prefill.fields"]),
        ([], "request_invalid", ["prefill"]),
        ({"fields": ["full_name"], NUMBER: 1}, "request_invalid", ["prefill.1"]),
    ],
)
async def test_threat_19_unknown_fields_are_refused_before_the_first_question(
    scene: Scene, portal: Portal, prefill: Any, code: str, named: list[str]
) -> None:
    answer = await portal.verify(prefill=prefill)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [error["field"] for error in answer.json()["errors"]] == named
    assert NUMBER not in answer.text
    assert await scene.journal() == []


async def test_threat_19_a_field_outside_the_grant_is_refused_before_the_first_question(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["*"], ["full_name"]))

    answer = await verify_and_prefill(portal, "full_name", "gender")

    assert (answer.status_code, answer.json()["code"]) == (403, "field_not_granted")
    assert [error["field"] for error in answer.json()["errors"]] == ["gender"]
    assert await scene.journal() == []
    assert (await scene.audit())[-1]["outcome"] == "field_not_granted"


async def test_a_prefill_needs_its_own_scope_and_the_refusal_lists_all_errors(scene: Scene) -> None:
    portal = await scene.portal(scopes=["verify"], grants=make_grant(["khai-sinh"], ["*"], ["full_name"]))

    answer = await verify_and_prefill(portal, "full_name", "ethnicity", subject_role="father")
    without = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [
        ("prefill.fields", "scope_missing"),
        ("ethnicity", "scope_missing"),
        ("ethnicity", "field_not_granted"),
    ]
    assert 'scope="prefill prefill.sensitive"' in answer.headers["www-authenticate"]
    assert without.status_code == 201


async def test_a_dead_citizen_is_not_confirmed_and_gets_no_prefill(scene: Scene, portal: Portal) -> None:
    await scene.set_person(**person(NUMBER, "Nguyễn Văn An", "1990-01-31"), alive=False)

    answer = await verify_and_prefill(portal, "full_name")

    assert (answer.json()["verdict"], answer.json()["prefill"]) == ("not_confirmed", None)
