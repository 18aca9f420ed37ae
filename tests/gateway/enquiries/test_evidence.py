"""Evidence: each enquiry leaves its rows, joined by the id `act`, without anybody's name, number or date."""

import json
from typing import Any

from gateway.accounts.model import make_grant
from gateway.accounts.use_cases import add_organisation
from tests.kit.scene import AN, Portal, Scene


async def rows(scene: Scene) -> list[dict[str, Any]]:
    return [row for row in await scene.audit() if row["kind"] != "local"]


async def test_a_question_leaves_a_pair_of_rows_with_one_act_id_and_code(
    scene: Scene, portal: Portal
) -> None:
    members = (await portal.verify()).json()

    intended, answered = await rows(scene)
    assert (intended["kind"], answered["kind"]) == ("intended", "answered")
    for name in ("act", "request_code", "request_id", "operation", "citizen", "citizen_key", "client_id"):
        assert intended[name] == answered[name]
    assert [entry["ma_yeu_cau"] for entry in await scene.journal()] == [intended["request_code"]]
    assert (answered["outcome"], answered["verification"]) == ("confirmed", members["id"])
    assert (intended["procedure"], intended["dossier"]) == ("khai-sinh", "HN-2022-000123")
    assert intended["legal_basis"]


async def test_reuse_leaves_one_row_of_its_kind_and_no_question(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    derived = (await portal.verify(procedure="ket-hon")).json()

    reused = (await rows(scene))[-1]
    assert (reused["kind"], reused["origin"], reused["outcome"]) == ("reused", "reuse", "confirmed")
    assert (reused["verification"], reused["procedure"]) == (derived["id"], "ket-hon")
    assert "request_code" not in reused
    assert reused["citizen"] == (await rows(scene))[0]["citizen"]


async def test_a_refusal_by_a_check_is_recorded_with_its_enquiry(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["*"]))
    refusals: dict[str, dict[str, Any]] = {
        "procedure_not_granted": {"procedure": "ket-hon"},
        "subject_role_not_granted": {"subject_role": "mother"},
        "officer_not_granted": {
            "subject_role": "father",
            "initiated_by": {"kind": "officer", "id": "can.bo.02"},
        },
        "procedure_unknown": {"procedure": "001090000123"},
        "subject_role_unknown": {"subject_role": "001090000123"},
    }
    for code, members in refusals.items():
        answer = await portal.verify(**members)
        assert answer.json()["code"] == code

    recorded = await rows(scene)
    assert [(row["kind"], row["outcome"]) for row in recorded] == [("refused", code) for code in refusals]
    assert len({row["act"] for row in recorded}) == len(refusals)
    assert len({row["citizen"] for row in recorded}) == 1
    assert "001090000123" not in json.dumps(recorded)
    assert await scene.journal() == []


async def test_the_audit_contains_no_personal_data_of_the_citizen(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt(subject_role="father")
    await portal.prefill(receipt, ["full_name", "birth_year"], subject_role="father")
    await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Sai"})

    text = json.dumps(await scene.audit(), ensure_ascii=False).lower()
    for word in ("001090000123", "nguyễn", "nguyenvan", "văn an", "1990-01-31", "19900131"):
        assert word not in text


async def test_a_citizen_has_a_different_pseudonym_for_each_organisation(
    scene: Scene, portal: Portal
) -> None:
    await add_organisation(scene.gateway.deps, "000.00.02.H26", "another")
    stranger = await scene.portal(organisation="000.00.02.H26")
    await portal.verify()
    await stranger.verify()

    assert len({row["citizen"] for row in await rows(scene)}) == 2
