"""People as tests put them: defaults for what is missing, a clear word on what is wrong."""

from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal

AN = "001090000123"
YES = "<SoLuongCongDan>1<"


async def put(control: httpx.AsyncClient, *people: dict[str, Any]) -> httpx.Response:
    return await control.put("/runs/default/world", json={"people": list(people)})


async def test_a_death_is_one_member_and_ends_the_yes(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    answer = await put(control, {"citizen_id": AN, "alive": False})
    assert answer.json()["people"][0]["status"] == "deceased"
    assert YES not in (await portal.verdict()).text
    await put(control, {"citizen_id": AN, "alive": True})
    assert YES in (await portal.verdict()).text


@pytest.mark.parametrize(
    ("status", "confirmed"), [("missing", True), ("cancelled", False), ("deceased", False)]
)
async def test_a_status_decides_whether_a_claim_is_confirmed(
    portal: SoapPortal, control: httpx.AsyncClient, status: str, confirmed: bool
) -> None:
    await put(control, {"citizen_id": AN, "status": status})
    assert (YES in (await portal.verdict()).text) is confirmed


async def test_a_new_name_replaces_the_old_and_keeps_the_rest(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"citizen_id": AN, "full_name": "Nguyễn Văn Đổi"})
    renamed = await portal.record(HoVaTen="NGUYENVANDOI")
    assert YES not in (await portal.verdict()).text
    assert "NGUYỄN VĂN ĐỔI" in renamed.text
    assert "<MaPhuongXa>00004</MaPhuongXa>" in renamed.text


async def test_a_new_person_takes_defaults_and_gender_from_the_number(control: httpx.AsyncClient) -> None:
    answer = await put(
        control, {"citizen_id": "079301000990", "full_name": "Cao Thị Thử", "birth_year": 2001}
    )
    person = answer.json()["people"][0]
    assert answer.status_code == 200
    assert {
        name: person[name] for name in ("gender", "birth_date", "birth_year", "ethnicity", "nationality")
    } == {
        "gender": "2",
        "birth_date": None,
        "birth_year": 2001,
        "ethnicity": "01",
        "nationality": "VN",
    }
    assert (person["alive"], person["permanent_residence"]) == (True, None)


async def test_a_household_grows_by_who_is_put_into_it(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    world = (await control.get("/runs/default/world")).json()["people"]
    household = next(person["household"] for person in world if person["citizen_id"] == AN)
    child = {"citizen_id": "001226000990", "full_name": "Nguyễn Mới", "birth_date": "2026-11-01"}
    await put(control, child | {"household": household, "relation_to_head": "CH03"})
    assert "NGUYỄN MỚI" in (await portal.ask("CungCapThongTinHoGiaDinh")).text


async def test_a_person_by_nine_digits_alone_can_be_put_and_changed(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"id_card_number": "010000990", "full_name": "Lê Cũ", "birth_date": "1950-01-02"})
    await put(control, {"id_card_number": "010000990", "full_name": "Lê Cũ Đổi"})
    claim = {"SoDinhDanh": None, "SoCMND": "010000990", "NgayThangNam": "19500102"}
    assert YES in (await portal.verdict(**claim, HoVaTen="LECUDOI")).text
    assert YES not in (await portal.verdict(**claim, HoVaTen="LECU")).text


async def test_the_world_read_out_can_be_put_back_unchanged(control: httpx.AsyncClient) -> None:
    before = (await control.get("/runs/default/world")).json()
    answer = await control.put("/runs/default/world", json=before)
    assert answer.status_code == 200
    assert (await control.get("/runs/default/world")).json() == before


NEW = {"citizen_id": "001090000990", "full_name": "A", "birth_date": "1990-01-01"}


@pytest.mark.parametrize(
    ("person", "field"),
    [
        ({"full_name": "A", "birth_year": 1990}, "people.1.citizen_id"),
        ({"citizen_id": "001090000990", "birth_year": 1990}, "people.1.full_name"),
        ({"citizen_id": "001090000990", "full_name": "A"}, "people.1.birth_date"),
        ({**NEW, "birth_year": 1991}, "people.1.birth_year"),
        ({**NEW, "citizen_id": "1"}, "people.1.citizen_id"),
        ({**NEW, "birth_date": "1990-02-30"}, "people.1.birth_date"),
        ({**NEW, "ethnicity": "Kinh"}, "people.1.ethnicity"),
        ({**NEW, "permanent_residence": {"ward_code": "4"}}, "people.1.permanent_residence.ward_code"),
        ({**NEW, "father": {}}, "people.1.father.full_name"),
        ({**NEW, "alive": True, "status": "deceased"}, "people.1.alive"),
        ({**NEW, "nickname": "B"}, "people.1.nickname"),
    ],
)
async def test_a_wrong_person_is_refused_naming_the_member_and_nobody_is_put(
    portal: SoapPortal, control: httpx.AsyncClient, person: dict[str, Any], field: str
) -> None:
    answer = await put(control, {"citizen_id": AN, "alive": False}, person)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert YES in (await portal.verdict()).text


@pytest.mark.parametrize(("written", "code"), [("male", "1"), ("Nữ", "2"), (2, "2"), ("0", "0")])
async def test_gender_is_taken_as_word_or_as_code(
    control: httpx.AsyncClient, written: str | int, code: str
) -> None:
    answer = await put(control, {**NEW, "gender": written})
    assert answer.json()["people"][0]["gender"] == code
