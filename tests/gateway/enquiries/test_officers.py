"""The initiator of an enquiry: a citizen, or one of the account's officers, recorded in the evidence by
pseudonym only.
"""

import json

from tests.kit.scene import Portal, Scene

OFFICER = {"kind": "officer", "id": "can.bo.01"}


async def test_an_officer_of_the_account_may_ask(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify(initiated_by=OFFICER)

    assert answer.json()["verdict"] == "confirmed"


async def test_an_officer_who_is_unknown_to_the_account_is_refused(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify(initiated_by={"kind": "officer", "id": "can.bo.02"})

    assert (answer.status_code, answer.json()["code"]) == (403, "officer_not_granted")
    assert [error["field"] for error in answer.json()["errors"]] == ["initiated_by.id"]
    assert "can.bo.02" not in answer.text
    assert await scene.journal() == []


async def test_the_audit_contains_an_officer_by_pseudonym_only(scene: Scene, portal: Portal) -> None:
    await portal.verify(initiated_by=OFFICER)

    rows = [row for row in await scene.audit() if row["kind"] in {"intended", "answered"}]
    assert len({row["officer"] for row in rows}) == 1
    assert [row["initiated_by"] for row in rows] == ["officer", "officer"]
    assert "can.bo" not in json.dumps(await scene.audit())


async def test_the_portals_authentication_of_the_person_is_recorded_as_asserted(
    scene: Scene, portal: Portal
) -> None:
    asserted = {"method": "vneid", "acr": "loa3", "auth_time": "2026-01-02T03:04:05Z"}

    await portal.verify(initiated_by={"kind": "citizen", "authentication": asserted})

    assert json.loads((await scene.audit())[-1]["authentication"]) == asserted


async def test_threat_40_an_asserted_authentication_that_contains_a_number_is_refused(
    scene: Scene, portal: Portal
) -> None:
    for name in ("method", "acr", "auth_time"):
        members = {"kind": "citizen", "authentication": {name: "001090000123"}}
        answer = await portal.verify(initiated_by=members)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [
            f"initiated_by.authentication.{name}"
        ]
    assert "001090000123" not in json.dumps(await scene.audit())


async def test_an_officer_without_an_id_or_a_citizen_with_one_is_refused(portal: Portal) -> None:
    for members in ({"kind": "officer"}, {"kind": "citizen", "id": "can.bo.01"}, {"kind": "robot"}, {}):
        answer = await portal.verify(initiated_by=members)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
