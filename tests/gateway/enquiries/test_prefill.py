"""No re-declaration: fields with a registry value are filled and locked, the others are listed with their reason."""

from datetime import datetime
from typing import Any

import pytest

from gateway.accounts.model import make_grant
from gateway.identifiers import Profile
from tests.kit.enquiries import (
    CARD,
    CARD_FIELDS,
    HOUSEHOLD,
    LOOK_UP,
    MARITAL,
    RELATIVES,
    asked_operations,
    person,
    reasons,
    values,
    verified,
)
from tests.kit.scene import Portal, Scene, prefill_request

HOME = {
    "province_code": "01",
    "district_code": "001",
    "ward_code": "00004",
    "code_list": "units-2025-01",
    "detail": "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI",
    "country": "VN",
}


async def test_a_field_is_filled_and_locked_with_its_source_and_times(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name")

    assert answer.status_code == 200
    members = answer.json()
    assert set(members) == {"id", "profile", "test_data", "verification", "fields", "to_declare"}
    assert members["id"].startswith("pre_")
    assert (members["profile"], members["test_data"]) == ("sandbox", True)
    assert members["verification"] == act.members["id"]
    field = members["fields"]["full_name"]
    assert set(field) == {"state", "value", "locked", "source", "as_of", "retrieved_at"}
    assert (field["state"], field["value"], field["locked"], field["source"]) == (
        "filled",
        "NGUYỄN VĂN AN",
        True,
        "csdlqgdc",
    )
    assert field["as_of"].endswith("Z")
    assert abs((datetime.fromisoformat(field["retrieved_at"]) - scene.clock.now()).total_seconds()) < 60


async def test_every_field_of_a_wide_form_has_the_contracts_shape(scene: Scene, portal: Portal) -> None:
    answer = await (await verified(portal, CARD)).fill(*CARD_FIELDS)

    assert list(answer.json()["fields"]) == list(CARD_FIELDS)
    assert values(answer) == {
        "full_name": "NGUYỄN VĂN AN",
        "birth_date": "1990-01-31",
        "gender": {"code": "1", "label": "Nam", "code_list": "gender"},
        "citizen_id": "001090000123",
        "id_card_number": "012345678",
        "nationality": {"code": "VN", "label": "Việt Nam", "code_list": "iso3166-1"},
        "marital_status": {
            "code": "2",
            "label": values(answer)["marital_status"]["label"],
            "code_list": "marital",
        },
        **dict.fromkeys(
            ("current_residence", "permanent_residence", "birth_registration_place", "native_place"), HOME
        ),
        "father": {"full_name": "NGUYỄN VĂN BÌNH", "birth_year": None},
        "mother": {"full_name": "TRẦN THỊ CAM", "birth_year": None},
        "spouse": {"full_name": "LÊ THỊ DUNG", "birth_year": None},
    }
    assert values(answer)["marital_status"]["label"]
    assert {name: reason for name, reason in reasons(answer).items() if name in CARD_FIELDS} == {
        "blood_type": "registry_has_none",
        "representative": "registry_has_none",
    }


async def test_no_answer_contains_a_relatives_citizen_number(portal: Portal) -> None:
    answer = await (await verified(portal, CARD)).fill("father", "mother", "spouse")

    for number in ("001060000456", "036162000457", "012000457", "001192000124"):
        assert number not in answer.text


async def test_a_household_member_has_only_name_year_and_relation(portal: Portal) -> None:
    act = await verified(portal, "dang-ky-thuong-tru")

    filled = values(await act.fill("household_head", "household_members"))

    assert set(filled["household_head"]) == {"full_name", "birth_year", "relation"}
    assert filled["household_head"]["full_name"] == "NGUYỄN VĂN AN"
    relation = filled["household_head"]["relation"]
    assert (relation["code"], relation["code_list"]) == ("CH01", "relation-mock")
    assert len(filled["household_members"]) >= 2
    for member in filled["household_members"]:
        assert set(member) == {"full_name", "birth_year", "relation"}
        assert member["birth_year"] is None


@pytest.mark.parametrize(
    ("fields", "operations"),
    [
        (["full_name", "birth_date", "native_place"], [LOOK_UP]),
        (["marital_status"], [MARITAL]),
        (["father", "spouse"], [RELATIVES]),
        (["full_name", "father", "marital_status"], [LOOK_UP, RELATIVES, MARITAL]),
        (["occupation"], []),
    ],
)
async def test_a_prefill_sends_one_question_for_each_operation_that_it_needs(
    scene: Scene, portal: Portal, fields: list[str], operations: list[str]
) -> None:
    answer = await (await verified(portal, CARD)).fill(*fields)

    assert answer.status_code == 200
    assert await asked_operations(scene) == sorted(operations)


async def test_the_household_is_asked_only_for_household_fields(scene: Scene, portal: Portal) -> None:
    await (await verified(portal, "dang-ky-thuong-tru")).fill("household_head", "household_members")

    assert await asked_operations(scene) == [HOUSEHOLD]


async def test_every_prefill_asks_again_because_no_value_is_stored(scene: Scene, portal: Portal) -> None:
    act = await verified(portal)

    body = prefill_request("", ["full_name"], verification=act.members["id"])
    del body["receipt"]
    first, second = await act.fill("full_name"), await portal.call("POST", "/prefills", body)

    assert values(first) == values(second)
    assert first.json()["id"] != second.json()["id"]
    assert await asked_operations(scene) == [LOOK_UP, LOOK_UP]


async def test_to_declare_lists_every_field_of_the_form_with_its_reason(scene: Scene) -> None:
    grants = make_grant(["khai-sinh"], ["*"], ["full_name", "birth_date", "gender", "current_residence"])
    portal = await scene.portal(grants=grants)
    citizen = person("001187000413", "Ông Thị Vắn", "1987-12-13")
    act = await verified(portal, claim=citizen)

    answer = await act.fill("full_name", "current_residence", "child_full_name")

    assert answer.json()["fields"]["current_residence"] == {
        "state": "to_declare",
        "reason": "registry_has_none",
    }
    assert answer.json()["fields"]["child_full_name"] == {
        "state": "to_declare",
        "reason": "not_from_registry",
    }
    declared = dict.fromkeys(
        (
            "child_full_name", "child_gender", "child_birth_date", "child_birth_place", "child_native_place",
            "child_ethnicity", "child_nationality", "relation_to_child",
        ),
        "not_from_registry",
    )  # fmt: skip
    assert reasons(answer) == {
        "birth_date": "not_asked",
        "gender": "not_asked",
        "citizen_id": "not_granted",
        "current_residence": "registry_has_none",
        "permanent_residence": "not_granted",
        "nationality": "not_granted",
        **declared,
    }


async def test_a_birth_year_is_granted_with_the_birth_date(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["father"], ["birth_date"]))
    act = await verified(portal, role="father")

    assert values(await act.fill("birth_year")) == {"birth_year": 1990}


async def test_a_citizen_with_only_a_birth_year_gets_no_invented_day(portal: Portal) -> None:
    citizen = {"citizen_id": "001044000401", "full_name": "Nguyễn Văn Ất", "birth_year": 1944}
    act = await verified(portal, claim=citizen)

    answer = await act.fill("birth_date", "full_name")

    assert reasons(answer)["birth_date"] == "registry_has_none"
    assert list(values(answer)) == ["full_name"]


async def test_a_prefill_may_also_name_a_procedure_by_its_code(portal: Portal) -> None:
    act = await verified(portal)

    answer = await act.fill("full_name", procedure="1.001193")

    assert list(values(answer)) == ["full_name"]


ADDRESSES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "old units where one was born, new ones where one lives": (
        person("015196000508", "Hà Thị Trộn", "1996-10-16"),
        {"native_place": ("140", "units-2025-01"), "permanent_residence": (None, "units-2025-07")},
    ),
    "words that disagree with the code": (
        person("001178000512", "Nhữ Thị Lệch", "1978-03-18"),
        {"permanent_residence": (None, None)},
    ),
}


@pytest.mark.parametrize(("citizen", "expected"), ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_threat_29_an_address_names_the_list_of_its_codes(
    portal: Portal, citizen: dict[str, str], expected: dict[str, Any]
) -> None:
    act = await verified(portal, CARD, claim=citizen)

    filled = values(await act.fill(*expected))

    assert {name: (each["district_code"], each["code_list"]) for name, each in filled.items()} == expected


async def test_an_official_prefill_asks_only_the_official_registry(scene: Scene) -> None:
    act = await verified(await scene.portal(Profile.OFFICIAL))

    answer = await act.fill("full_name")

    assert (answer.json()["profile"], values(answer)) == ("official", {"full_name": "NGUYỄN VĂN AN"})
    assert await scene.journal() == []
    assert len(await scene.journal("official")) == 2
