"""`errors` lists all errors of the first class that fails; the contract's order decides which one gives the code."""

from gateway.accounts.model import make_grant
from tests.kit.scene import Portal, Scene, enquiry, prefill_request


async def test_meaning_lists_unknown_role_and_unknown_field_together(portal: Portal) -> None:
    body = prefill_request("x", ["full_name", "no_such_field"], subject_role="nobody")

    answer = await portal.call("POST", "/prefills", body)

    assert answer.json()["code"] == "subject_role_unknown"
    assert [error["code"] for error in answer.json()["errors"]] == ["subject_role_unknown", "field_unknown"]


async def test_grants_list_role_field_and_officer_together(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["full_name"]))
    officer = {"kind": "officer", "id": "can.bo.99"}
    body = prefill_request("x", ["full_name", "gender"], initiated_by=officer)

    answer = await portal.call("POST", "/prefills", body)

    assert (answer.status_code, answer.json()["code"]) == (403, "subject_role_not_granted")
    assert [error["field"] for error in answer.json()["errors"]] == [
        "subject_role",
        "gender",
        "initiated_by.id",
    ]


async def test_grants_list_procedure_and_officer_together(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["ket-hon"], ["*"], ["*"]))

    answer = await portal.call(
        "POST", "/verifications", enquiry(initiated_by={"kind": "officer", "id": "can.bo.99"})
    )

    codes = [error["code"] for error in answer.json()["errors"]]
    assert codes == ["procedure_not_granted", "officer_not_granted"]
