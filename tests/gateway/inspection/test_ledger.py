"""A data-protection officer reads the whole ledger of a person; each reading has a reason and is shown to the citizen."""

from typing import Any

import pytest

from gateway.accounts.use_cases import add_organisation
from gateway.audit.store import LEDGER_MOST
from gateway.errors.operators import RoleMissing
from gateway.identifiers import Language, Profile
from gateway.inspection.ledger import (
    LedgerRefused,
    WholeLedger,
    inspect_ledger,
    ledger_json,
    ledger_text,
)
from gateway.keys.model import Purpose
from gateway.operators.model import Operator, Role
from gateway.operators.sessions import identify
from gateway.procedures.catalogue import load_catalogue
from gateway.procedures.model import SUBJECT_ROLES
from gateway.terminal import problem_titles
from tests.kit.citizens import make_many, sign_in
from tests.kit.enquiries import verified
from tests.kit.keys import rotate
from tests.kit.operators import signed_in
from tests.kit.scene import AGENCY, AN, Portal, Scene

OTHER_AGENCY = "000.00.02.H26"
REASON = "Đơn của công dân số 12/2022"
NUMBER = AN["citizen_id"]


async def officer(scene: Scene, role: Role = Role.DATA_PROTECTION) -> Operator:
    person = await signed_in(scene, "lan.bao.ve", role)
    return await identify(scene.gateway, person.token)


def text_of(scene: Scene, found: WholeLedger, language: Language) -> str:
    """Return the text with its wrapped lines as one."""
    titles = problem_titles(language)
    return " ".join(ledger_text(found, scene.gateway.deps.catalogue, language, titles).split())


async def read(scene: Scene, by: Operator, **members: Any) -> WholeLedger:
    return await inspect_ledger(scene.gateway, by, NUMBER, REASON, **members)


async def test_the_officer_sees_every_organisations_enquiries_and_the_disputed_fields(
    scene: Scene, portal: Portal
) -> None:
    await add_organisation(scene.gateway.deps, OTHER_AGENCY, "Sở Tư pháp")
    stranger = await scene.portal(organisation=OTHER_AGENCY)
    filled = await verified(portal)
    prefill = (await filled.fill("full_name")).json()["id"]
    body = {"prefill": prefill, "field": "full_name", "note": "Sai chữ"}
    assert (await portal.call("POST", "/discrepancies", body)).status_code == 201
    await stranger.verify(procedure="ket-hon", dossier="TP-1")
    found: dict[str, Any] = ledger_json(await read(scene, await officer(scene)))
    entries = found["entries"]
    assert [(each["kind"], each["organisation"], each["profile"]) for each in entries] == [
        ("answered", AGENCY, "sandbox"),
        ("answered", AGENCY, "sandbox"),
        ("delivered", AGENCY, "sandbox"),
        ("answered", OTHER_AGENCY, "sandbox"),
    ]
    assert entries[-1]["organisation_name"] == "Sở Tư pháp"
    assert entries[-1]["dossier"] == "TP-1"
    (disputed,) = found["discrepancies"]
    assert (disputed["field"], disputed["state"], disputed["resolved_at"]) == ("full_name", "open", None)
    assert "Sai chữ" not in str(found)
    assert NUMBER not in str(found)


async def test_threat_40_the_officer_sees_the_entries_before_any_number_of_later_ones(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify(dossier="FIRST")
    await make_many(scene, LEDGER_MOST)

    found = await read(scene, await officer(scene))

    assert len(found.entries) == LEDGER_MOST + 1
    assert found.entries[0][-1]["dossier"] == "FIRST"
    assert not found.has_earlier


async def test_each_reading_is_a_row_of_its_own_kind_that_the_citizen_sees(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    by = await officer(scene)
    await read(scene, by, profiles=[Profile.SANDBOX])
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"], row["reason"]) == (
        "inspected",
        "ledger",
        by.name,
        REASON,
    )
    assert row["organisation"] == AGENCY
    assert NUMBER not in str(row)
    answer = await portal.call("POST", "/ledger/mine", **{"Citizen-Token": await sign_in(scene.mock)})
    last = answer.json()["entries"][-1]
    assert (last["kind"], last["initiated_by"]) == ("inspected", {"kind": "data_protection"})
    assert "inspected" in {row["kind"] for *_, row in (await read(scene, by)).entries}


async def test_a_person_whom_nobody_asked_about_has_an_empty_ledger_and_the_reading_is_a_row(
    scene: Scene,
) -> None:
    found = await read(scene, await officer(scene), profiles=[Profile.OFFICIAL])
    assert (found.entries, found.disputed) == ([], [])
    row = (await scene.audit())[-1]
    assert (row["kind"], row["profile"], "organisation" in row) == ("inspected", "official", False)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.APPROVER, Role.VIEWER])
async def test_another_role_reads_no_ledger_and_the_try_is_recorded(scene: Scene, role: Role) -> None:
    by = await officer(scene, role)
    with pytest.raises(RoleMissing):
        await read(scene, by)
    rows = await scene.audit()
    assert (rows[-1]["kind"], rows[-1]["outcome"]) == ("refused", "role_missing")
    assert "inspected" not in {row["kind"] for row in rows}


@pytest.mark.parametrize(
    ("number", "reason", "said"),
    [
        ("012345678", REASON, "twelve digits"),
        ("00109000012a", REASON, "twelve digits"),
        (NUMBER, "", "reason: "),
        (NUMBER, "about 001090000123", "reason: "),
        (NUMBER, "x" * 501, "reason: "),
    ],
)
async def test_a_wrong_number_or_no_reason_is_refused_and_nothing_is_read(
    scene: Scene, number: str, reason: str, said: str
) -> None:
    with pytest.raises(LedgerRefused, match=said) as refused:
        await inspect_ledger(scene.gateway, await officer(scene), number, reason)
    assert "001090000123" not in str(refused.value)
    assert "inspected" not in {row["kind"] for row in await scene.audit()}


async def test_the_whole_ledger_survives_a_rotation_of_the_pseudonym_key(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    await rotate(scene, Purpose.PSEUDONYM)
    await portal.verify(procedure="ket-hon", fresh=True)
    found = await read(scene, await officer(scene))
    assert [row["procedure"] for *_, row in found.entries] == ["khai-sinh", "ket-hon"]


async def test_the_text_is_vietnamese_or_english_and_gives_the_outcome_of_a_dispute(
    scene: Scene, portal: Portal
) -> None:
    await (await verified(portal)).fill("full_name", "gender")
    found = await read(scene, await officer(scene))
    vietnamese, english = text_of(scene, found, Language.VI), text_of(scene, found, Language.EN)
    assert vietnamese.startswith("Sổ tra cứu: 3 ")
    assert "đã hỏi CSDLQGDC · Đăng ký khai sinh (Người yêu cầu) · HN-2022-000123 · khớp" in vietnamese
    assert "UBND thành phố Hà Nội · asked the registry · Birth registration (requester) · HN" in english
    assert "đã trả dữ liệu" in vietnamese
    assert "Họ, chữ đệm và tên; Giới tính" in vietnamese
    assert not {"khai-sinh", "full_name", "confirmed", "found"} & set(vietnamese.split())


def test_every_role_of_the_catalogue_has_a_name_in_the_text() -> None:
    roles = {role.name for each in load_catalogue().procedures for role in each.roles}
    for language in Language:
        assert set(SUBJECT_ROLES[language]) == roles


async def test_the_line_of_a_reading_ends_with_who_read_and_has_no_code(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    await portal.call("POST", "/ledger/mine", **{"Citizen-Token": await sign_in(scene.mock)})
    by = await officer(scene)
    await read(scene, by)
    text = text_of(scene, await read(scene, by), Language.EN)
    assert text.count("ledger") == 2
    assert "the citizen read the ledger" in text
    assert text.endswith("a data-protection officer read the ledger")


async def test_the_line_of_an_enquiry_without_an_answer_names_the_problem_not_its_code(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("reset")
    answer = await portal.verify()
    found = await read(scene, await officer(scene))
    assert answer.json()["code"] == "registry_unavailable"
    vietnamese, english = text_of(scene, found, Language.VI), text_of(scene, found, Language.EN)
    assert vietnamese.endswith(f" · HN-2022-000123 · {answer.json()['title_vi']}")
    assert english.endswith(f" · HN-2022-000123 · {answer.json()['title']}")
