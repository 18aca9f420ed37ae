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


async def warned(control: httpx.AsyncClient, *people: dict[str, Any]) -> list[tuple[str, str, str]]:
    answer = await put(control, *people)
    assert answer.status_code == 200, answer.text
    return [(one["person"], one["member"], one["detail"]) for one in answer.json()["warnings"]]


THU = {"citizen_id": "001199000993", "full_name": "Đỗ Thị Thử", "birth_date": "1999-02-03"}
NEW_HOME = {"province_code": "01", "ward_code": "00004", "detail": "PHƯỜNG BA ĐÌNH, THÀNH PHỐ HÀ NỘI"}


@pytest.mark.parametrize(
    ("member", "value", "named", "detail"),
    [
        ("permanent_residence", NEW_HOME | {"ward_code": "99999"}, "permanent_residence.ward_code", "units-2025-07 has no ward 99999"),
        ("native_place", NEW_HOME | {"province_code": "79"}, "native_place.province_code", "units-2025-07 has ward 00004 in 01"),
        ("current_residence", NEW_HOME | {"district_code": "999"}, "current_residence.district_code", "units-2025-01 has ward 00004 in 001"),
        ("ethnicity", "77", "ethnicity", "no code list has 77"),
        ("religion", "15", "religion", "no code list has 15"),
        ("blood_type", "09", "blood_type", "no code list has 09"),
        ("marital_status", "7", "marital_status", "no code list has 7"),
        ("spouse", {"full_name": "Đỗ Thị Thử", "citizen_id": THU["citizen_id"]}, "spouse", "is the person"),
        ("mother", {"full_name": "Trẻ Hơn", "citizen_id": "001301000993"}, "mother",
         "is less than 15 years older: born in 2001, the child in 1999"),
        ("father", {"full_name": "Lê Thị Dung", "citizen_id": "001192000124"}, "father",
         "has the other gender in the record of their own"),
        ("gender", "1", "gender", "the number says the other gender"),
        ("relation_to_head", "CH77", "relation_to_head", "no code list has CH77"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_taken_and_warned_of(
    control: httpx.AsyncClient, member: str, value: Any, named: str, detail: str
) -> None:
    assert (THU["citizen_id"], named, detail) in await warned(control, THU | {member: value})


async def test_a_number_that_several_of_the_people_have_is_warned_of_and_the_last_one_counts(
    control: httpx.AsyncClient,
) -> None:
    found = await warned(control, THU, NEW, THU | {"full_name": "Đỗ Thị Sau"})
    detail = "2 of these people have this number: the last one counts"
    assert found == [(THU["citizen_id"], "citizen_id", detail)] * 2
    one = (await control.get(f"/runs/default/world/people/{THU['citizen_id']}")).json()
    assert one["full_name"] == "Đỗ Thị Sau"


async def test_a_birth_after_the_runs_day_is_warned_of_by_the_runs_clock(control: httpx.AsyncClient) -> None:
    future = {
        "citizen_id": "001299000994",
        "full_name": "Tương Lai",
        "birth_date": "2099-02-03",
        "gender": "1",
    }
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T01:00:00Z"})
    at_once = await warned(control, future)
    await control.post("/runs/default/clock", json={"freeze": "2100-01-01T01:00:00Z"})
    later = await warned(control, future)
    assert at_once == [("001299000994", "birth_date", "is after the run's day, 2026-11-24")]
    assert later == []


async def test_people_who_can_be_are_put_without_a_warning(control: httpx.AsyncClient) -> None:
    mother = {"citizen_id": "001170000995", "full_name": "Trần Thị Mẹ", "birth_date": "1970-01-02"}
    kin = {"full_name": "Trần Thị Mẹ", "citizen_id": "001170000995"}
    assert await warned(control, mother, THU | {"mother": kin, "permanent_residence": NEW_HOME}) == []


async def test_a_whole_household_may_have_one_head_only(control: httpx.AsyncClient) -> None:
    home = {"household": "nha-thu", "relation_to_head": "CH01"}
    other = {"citizen_id": "001099000996", "full_name": "Đỗ Văn Hai", "birth_date": "1999-02-03"}
    found = await warned(control, THU | home, other | home)
    assert [(one[0], one[2]) for one in found] == [
        (THU["citizen_id"], "has 2 heads"),
        (other["citizen_id"], "has 2 heads"),
    ]


async def test_a_household_that_its_head_leaves_is_warned_of(control: httpx.AsyncClient) -> None:
    alone = {"citizen_id": AN, "household": "nha-moi", "relation_to_head": "CH01"}
    [(number, member, detail)] = await warned(control, alone)
    assert (number, member) == (AN, "household")
    assert detail.endswith(" has members and no head any more")
    assert await warned(control, alone) == []


async def test_nine_digits_alone_change_the_person_who_has_them_with_twelve(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"id_card_number": "012345678", "full_name": "Nguyễn Văn Đổi"})
    by_card = {"SoDinhDanh": None, "SoCMND": "012345678", "NgayThangNam": "19900131"}
    assert YES in (await portal.verdict(**by_card, HoVaTen="NGUYENVANDOI")).text
    assert YES in (await portal.verdict(HoVaTen="NGUYENVANDOI")).text
    assert YES not in (await portal.verdict(**by_card)).text


async def test_a_person_with_other_nine_digits_is_no_longer_found_by_the_old_ones(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(
        control,
        {"citizen_id": AN, "id_card_number": "012999999", "household": None, "relation_to_head": None},
    )
    by_card = {"SoDinhDanh": None, "SoCMND": "012345678", "NgayThangNam": "19900131"}
    assert YES not in (await portal.verdict(**by_card)).text
    assert YES in (await portal.verdict(**by_card | {"SoCMND": "012999999"})).text
    dung = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}
    assert f"<SoDinhDanh>{AN}<" not in (await portal.ask("CungCapThongTinHoGiaDinh", **dung)).text
