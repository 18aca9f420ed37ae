"""Threats 24 and 29: sensitive fields need scope, grant and procedure; each code is read in the right list."""

import pytest

from gateway.accounts.model import Grants, make_grant
from tests.kit.enquiries import CARD, asked_operations, person, reasons, values, verified
from tests.kit.scene import Portal, Scene

LAM = person("079069000710", "Lâm Chấn Phát", "1969-02-17")
CHIEN = person("036193000418", "Ma Thị Chiên", "1993-12-24")
NAMED = make_grant(["*"], ["*"], ["*", "ethnicity", "religion"])
ALL_BUT_SENSITIVE = make_grant(["*"], ["*"], ["*"])
SENSITIVE = "verify prefill prefill.sensitive"


async def portal_with(scene: Scene, grants: Grants, scope: str) -> Portal:
    scopes = ["verify", "prefill", "prefill.sensitive"]
    return await (await scene.portal(grants=grants, scopes=scopes, log_in=False)).log_in(scope=scope)


async def test_threat_29_code_04_is_hoa_in_this_list_and_is_not_swapped_with_religion(scene: Scene) -> None:
    act = await verified(await portal_with(scene, NAMED, SENSITIVE), CARD, claim=LAM)

    answer = await act.fill("ethnicity", "religion", "nationality")

    filled = values(answer)
    assert filled["ethnicity"] == {"code": "04", "label": "Hoa", "code_list": "ethnic-qd121"}
    assert (filled["religion"]["code"], filled["religion"]["code_list"]) == ("01", "religion-portal")
    assert filled["nationality"]["code"] == "VN"


async def test_threat_29_ethnicity_and_religion_with_equal_codes_are_not_confused(scene: Scene) -> None:
    act = await verified(await portal_with(scene, NAMED, SENSITIVE), CARD, claim=CHIEN)

    filled = values(await act.fill("ethnicity", "religion", "blood_type"))

    assert [filled[name]["code"] for name in ("ethnicity", "religion", "blood_type")] == ["01", "02", "01"]
    assert filled["ethnicity"]["label"] == "Kinh"
    assert filled["blood_type"]["code_list"] == "blood"


async def test_threat_29_fields_that_the_registry_swapped_are_not_delivered(scene: Scene) -> None:
    act = await verified(await portal_with(scene, NAMED, SENSITIVE), CARD, claim=LAM)
    await scene.fault("swapped_fields", times=1)

    answer = await act.fill("ethnicity", "religion")

    assert values(answer) == {}
    assert reasons(answer)["ethnicity"] == "registry_answer_invalid"


@pytest.mark.parametrize(
    ("grants", "scope", "code"),
    [
        (NAMED, "verify prefill", "scope_missing"),
        (ALL_BUT_SENSITIVE, "verify prefill", "scope_missing"),
        (ALL_BUT_SENSITIVE, SENSITIVE, "field_not_granted"),
        (make_grant(["khai-sinh"], ["*"], ["ethnicity"]), "verify prefill", "scope_missing"),
    ],
)
async def test_threat_24_without_scope_and_grant_no_sensitive_field_is_asked(
    scene: Scene, grants: Grants, scope: str, code: str
) -> None:
    portal = await portal_with(scene, grants, scope)
    act = await verified(portal, role="father")

    answer = await act.fill("full_name", "ethnicity", procedure="khai-sinh")

    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert "ethnicity" in [error["field"] for error in answer.json()["errors"]]
    assert await asked_operations(scene) == []


async def test_threat_24_a_missing_scope_is_reported_before_a_procedure_that_is_not_granted(
    scene: Scene,
) -> None:
    portal = await portal_with(scene, make_grant(["khai-sinh"], ["*"], ["*"]), "verify prefill")
    act = await verified(portal, role="father")

    answer = await act.fill("ethnicity", procedure=CARD, subject_role="requester")

    assert answer.json()["code"] == "scope_missing"
    assert 'scope="prefill.sensitive"' in answer.headers["www-authenticate"]


async def test_threat_24_a_sensitive_field_outside_the_form_is_not_refused_by_scope(scene: Scene) -> None:
    act = await verified(await portal_with(scene, NAMED, SENSITIVE))

    answer = await act.fill("ethnicity")

    assert (answer.status_code, answer.json()["code"]) == (422, "field_not_in_procedure")


async def test_threat_24_a_field_that_was_not_asked_is_not_delivered_though_the_registry_sends_it(
    scene: Scene,
) -> None:
    act = await verified(await portal_with(scene, NAMED, SENSITIVE), CARD, claim=LAM)

    answer = await act.fill("full_name")

    assert list(answer.json()["fields"]) == ["full_name"]
    assert "Hoa" not in answer.text
    assert reasons(answer)["ethnicity"] == "not_asked"


async def test_threat_24_a_sensitive_field_that_is_not_granted_is_listed_as_not_granted(
    scene: Scene, portal: Portal
) -> None:
    answer = await (await verified(portal, role="father")).fill("full_name")

    assert reasons(answer)["ethnicity"] == "not_granted"
